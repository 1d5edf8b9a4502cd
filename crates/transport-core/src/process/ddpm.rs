//! DDPM's chain: the variance-preserving process in discrete steps.

use super::{GaussianKernel, LinearSde, Vp};
use crate::map::Chain;

/// The Markov chain `x_k = √(1 − β_k) x_{k−1} + √β_k ξ_k`, k = 1 … N.
///
/// ```text
/// q(x_k | x_{k−1}) = N(√(1 − β_k) x_{k−1}, β_k I)
/// q(x_k | x_0)     = N(√ᾱ_k x_0, (1 − ᾱ_k) I),       ᾱ_k = Π_{j ≤ k} (1 − β_j)
/// q(x_{k−1} | x_k, x_0) = N(a x_0 + b x_k, β̃_k I)
///     a = √ᾱ_{k−1} β_k / (1 − ᾱ_k),   b = √(1 − β_k) (1 − ᾱ_{k−1}) / (1 − ᾱ_k)
///     β̃_k = β_k (1 − ᾱ_{k−1}) / (1 − ᾱ_k)
/// ```
///
/// With β_k = β(k/N)/N it discretises [`Vp`], and ᾱ converges to its α² at rate 1/N:
///
/// ```text
/// log ᾱ_{sN} − log α²(s) = −1/2N [β(s) − β(0) + ∫₀ˢ β²] + O(1/N²)
/// ```
///
/// # References
/// Ho, Jain & Abbeel (2020), eqs. (2), (4), (6), (7); Song et al. (2021), app. B.
/// # Checked by
/// `tests/it/chains.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct Ddpm {
    betas: Vec<f64>,
    /// `log ᾱ_k` for k = 0 … N.
    log_alpha_bars: Vec<f64>,
}

/// A β that does not make a step of the chain.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A β outside (0, 1).
    #[error("β_{k} is {value}: each β of a chain lies strictly between 0 and 1")]
    Beta {
        /// Which step, counted from 1.
        k: usize,
        /// Its value.
        value: f64,
    },
    /// No steps.
    #[error("a chain has at least 1 step, not 0")]
    Empty,
}

/// `q(x_{k−1} | x_k, x_0) = N(on_data x_0 + on_state x_k, std² I)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    /// The factor of x_0.
    pub on_data: f64,
    /// The factor of x_k.
    pub on_state: f64,
    /// The standard deviation √β̃_k.
    pub std: f64,
}

impl Ddpm {
    /// The chain of `β_1 … β_N`.
    ///
    /// # Errors
    /// [`ChainError`] when there is none, or one is outside (0, 1).
    pub fn new(betas: Vec<f64>) -> Result<Self, ChainError> {
        if betas.is_empty() {
            return Err(ChainError::Empty);
        }
        if let Some(k) = betas.iter().position(|b| !(*b > 0.0 && *b < 1.0)) {
            return Err(ChainError::Beta { k: k + 1, value: betas[k] });
        }
        let mut log_alpha_bars = Vec::with_capacity(betas.len() + 1);
        log_alpha_bars.push(0.0);
        for (k, beta) in betas.iter().enumerate() {
            log_alpha_bars.push(log_alpha_bars[k] + (-beta).ln_1p());
        }
        Ok(Self { betas, log_alpha_bars })
    }

    /// β from `first` to `last` in equal differences: 10⁻⁴ to 0.02 in 1000 steps in the paper.
    ///
    /// # Errors
    /// [`ChainError`] when `n` is 0 or a β is outside (0, 1).
    pub fn linear(n: usize, first: f64, last: f64) -> Result<Self, ChainError> {
        let part = |k: usize| k as f64 / (n.max(2) - 1) as f64;
        Self::new((0..n).map(|k| first + part(k) * (last - first)).collect())
    }

    /// The chain of `n` steps that discretises VP: `β_k = β(k/n)/n`.
    ///
    /// # Errors
    /// [`ChainError`] when `n` is so small that a β reaches 1.
    pub fn of_vp(vp: &Vp, n: usize) -> Result<Self, ChainError> {
        Self::new((1..=n).map(|k| vp.beta(k as f64 / n as f64) / n as f64).collect())
    }

    /// The number of steps N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.betas.len()
    }

    /// Never true: a chain has at least one step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.betas.is_empty()
    }

    /// `β_k`, k from 1 to N.
    ///
    /// # Panics
    /// When there is no step `k`.
    #[must_use]
    pub fn beta(&self, k: usize) -> f64 {
        assert!(k >= 1, "steps are counted from 1");
        self.betas[k - 1]
    }

    /// `ᾱ_k`, k from 0 (where it is 1) to N.
    ///
    /// # Panics
    /// When there is no step `k`.
    #[must_use]
    pub fn alpha_bar(&self, k: usize) -> f64 {
        self.log_alpha_bars[k].exp()
    }

    /// `1 − ᾱ_k`, without cancellation.
    fn noise_level(&self, k: usize) -> f64 {
        -self.log_alpha_bars[k].exp_m1()
    }

    /// The forward kernel `q(x_k | x_j)`, j ≤ k: a step for j = k − 1, the marginal for j = 0.
    ///
    /// # Panics
    /// When `j > k` or there is no step `k`.
    #[must_use]
    pub fn kernel(&self, j: usize, k: usize) -> GaussianKernel {
        assert!(j <= k, "the chain runs forwards, not from {j} to {k}");
        let log_ratio = self.log_alpha_bars[k] - self.log_alpha_bars[j];
        GaussianKernel { scale: (0.5 * log_ratio).exp(), std: (-log_ratio.exp_m1()).sqrt() }
    }

    /// The posterior `q(x_{k−1} | x_k, x_0)`.
    ///
    /// # Panics
    /// When there is no step `k`.
    #[must_use]
    pub fn posterior(&self, k: usize) -> Posterior {
        let (beta, before, now) = (self.beta(k), self.noise_level(k - 1), self.noise_level(k));
        Posterior {
            on_data: self.alpha_bar(k - 1).sqrt() * beta / now,
            on_state: (1.0 - beta).sqrt() * before / now,
            std: (beta * before / now).sqrt(),
        }
    }

    /// The chain of kernels `q(x_k | x_{k−1})`, k = 1 … N: it pushes the data to the reference.
    #[must_use]
    pub fn chain(&self) -> Chain<GaussianKernel> {
        Chain::new((1..=self.len()).map(|k| self.kernel(k - 1, k)).collect())
    }

    /// `log ᾱ_k − log α²(k/N)`: how far the chain is from the process it discretises.
    ///
    /// # Panics
    /// When there is no step `k`.
    #[must_use]
    pub fn gap(&self, vp: &Vp, k: usize) -> f64 {
        let (alpha, _) = vp.marginal(k as f64 / self.len() as f64);
        self.log_alpha_bars[k] - 2.0 * alpha.ln()
    }
}
