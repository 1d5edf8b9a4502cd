//! Iterative proportional fitting between two Gaussians, in closed form.

use super::gaussian::{BridgeError, joined};
use transport_core::law::{Gaussian, PointLaw};
use transport_core::linalg::{of_symmetric, product, transpose};

/// The iterates of Sinkhorn's algorithm on path space between `N(m₀, S₀)` and `N(m₁, S₁)`, the
/// reference a Brownian motion of variance `σ²` started from the first.
///
/// ```text
/// π⁰ = N(m₀, S₀) ⊗ N(x₀, σ² I)
/// π²ᵏ⁺¹(x₀, x₁) = N(x₁; m₁, S₁) π²ᵏ(x₀ | x₁),    π²ᵏ⁺²(x₀, x₁) = N(x₀; m₀, S₀) π²ᵏ⁺¹(x₁ | x₀)
/// ```
///
/// Between its ends every iterate is a Brownian bridge, so that with `C = cov(X₀, X₁)` its law at
/// time `t` has
///
/// ```text
/// μ_t = (1−t) a + t b,   Σ_t = (1−t)² A + t² B + t(1−t)(C + Cᵀ + σ² I)
/// ```
///
/// The limit is [`GaussianBridge`](super::GaussianBridge). What DSB and DSBM-IPF learn is known here
/// after any number of fits.
///
/// # References
/// De Bortoli, Thornton, Heng & Doucet (2021), "Diffusion Schrödinger bridge", §3.1.
/// # Checked by
/// `tests/it/gaussian_ipf.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianIpf {
    ends: [Gaussian; 2],
    variance: f64,
    means: [Vec<f64>; 2],
    covariances: [Vec<f64>; 2],
    cross: Vec<f64>,
    count: u64,
}

impl GaussianIpf {
    /// `π⁰`.
    ///
    /// # Errors
    /// [`BridgeError`] when the dimensions differ or the variance is not above 0.
    pub fn new(source: Gaussian, target: Gaussian, variance: f64) -> Result<Self, BridgeError> {
        let source_dim = joined(&source, &target, variance)?;
        let (mean, cross) = (source.mean().to_vec(), source.covariance().to_vec());
        let own = |(k, v): (usize, &f64)| v + if is_own(k, source_dim) { variance } else { 0.0 };
        let moved = cross.iter().enumerate().map(own).collect();
        let covariances = [cross.clone(), moved];
        let means = [mean.clone(), mean];
        Ok(Self { ends: [source, target], variance, means, covariances, cross, count: 0 })
    }

    fn dim(&self) -> usize {
        self.ends[0].dim()
    }

    /// The number of the iterate.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `C = cov(X₀, X₁)`, `[d, d]` row-major.
    #[must_use]
    pub fn cross_covariance(&self) -> &[f64] {
        &self.cross
    }

    /// The next iterate: with the target's law at `t = 1` after an even one, with the source's at
    /// `t = 0` after an odd one.
    #[must_use]
    pub fn next(self) -> Self {
        let d = self.dim();
        // The end whose law is given back, and the other one, which follows it.
        let (own, other) = if self.count.is_multiple_of(2) { (1, 0) } else { (0, 1) };
        let with_other = |c: Vec<f64>| if own == 1 { c } else { transpose(&c, d) };
        // cov(other, own)
        let cross = with_other(self.cross.clone());
        let law = &self.ends[own];
        let inverse = of_symmetric(&self.covariances[own], d, f64::recip);
        let gain = product(&cross, &inverse, d);
        let gap: Vec<f64> = law.mean().iter().zip(&self.means[own]).map(|(m, b)| m - b).collect();
        let shift = |i: usize| (0..d).map(|j| gain[i * d + j] * gap[j]).sum::<f64>();
        let (mut means, mut covariances) = (self.means.clone(), self.covariances.clone());
        means[other] = (0..d).map(|i| self.means[other][i] + shift(i)).collect();
        means[own] = law.mean().to_vec();
        let change: Vec<f64> =
            law.covariance().iter().zip(&self.covariances[own]).map(|(s, b)| s - b).collect();
        let carried = product(&product(&gain, &change, d), &transpose(&gain, d), d);
        let entry = |k: usize| {
            // Symmetric in exact arithmetic; kept so in floating point.
            self.covariances[other][k] + 0.5 * (carried[k] + carried[(k % d) * d + k / d])
        };
        covariances[other] = (0..d * d).map(entry).collect();
        covariances[own] = law.covariance().to_vec();
        let cross = with_other(product(&gain, law.covariance(), d));
        Self { means, covariances, cross, count: self.count + 1, ..self }
    }

    /// The law of `X_t`.
    ///
    /// # Errors
    /// [`BridgeError::Law`] when rounding has made it degenerate.
    pub fn marginal(&self, t: f64) -> Result<Gaussian, BridgeError> {
        let (d, [a, b]) = (self.dim(), &self.covariances);
        let mean = self.means[0].iter().zip(&self.means[1]).map(|(a, b)| (1.0 - t) * a + t * b);
        let entry = |k: usize| {
            let own = if is_own(k, d) { self.variance } else { 0.0 };
            let between = self.cross[k] + self.cross[(k % d) * d + k / d] + own;
            (1.0 - t).powi(2) * a[k] + t * t * b[k] + t * (1.0 - t) * between
        };
        Ok(Gaussian::new(mean.collect(), (0..d * d).map(entry).collect())?)
    }
}

/// Whether an entry of a `[d, d]` matrix lies on its diagonal.
fn is_own(k: usize, d: usize) -> bool {
    k / d == k % d
}
