//! The square-root process of Feller, known in finance as Cox–Ingersoll–Ross.

use super::Transition;
use crate::device::{Space, to_host};
use crate::law::Gamma;
use crate::noise::Noise;
use burn::tensor::Tensor;

/// The square-root (CIR) process, on `x ≥ 0`: a state-dependent noise with a known stationary law.
///
/// ```text
/// dX = κ (θ − X) dt + σ √X dW,     2κθ ≥ σ²  (Feller: 0 is never reached)
/// X_t | x ~ c χ′²(δ, e^{−κt} x / c),   c = σ² (1 − e^{−κt}) / 4κ,   δ = 4κθ/σ²
/// stationary law: Gamma(shape 2κθ/σ², rate 2κ/σ²)
/// E[X_t|x] = θ + (x − θ) e^{−κt}
/// Var[X_t|x] = x σ²/κ (e^{−κt} − e^{−2κt}) + θ σ²/2κ (1 − e^{−κt})²
/// ```
///
/// Feller's condition gives δ ≥ 2, so that χ′²(δ, ℓ) = (Z + √ℓ)² + χ²(δ − 1) is drawn directly.
///
/// # References
/// Feller (1951), "Two singular diffusion problems"; Cox, Ingersoll & Ross (1985), eqs. (18)–(20).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquareRoot {
    kappa: f64,
    theta: f64,
    sigma: f64,
}

/// Parameters that do not make a square-root process on the positive half line.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "κ = {kappa}, θ = {theta}, σ = {sigma}: all are positive and Feller's condition 2κθ ≥ σ² holds"
)]
pub struct NotFeller {
    /// The pull.
    pub kappa: f64,
    /// The level.
    pub theta: f64,
    /// The noise.
    pub sigma: f64,
}

impl SquareRoot {
    /// The process with pull κ, level θ and noise σ.
    ///
    /// # Errors
    /// [`NotFeller`] unless all are positive and 2κθ ≥ σ².
    pub fn new(kappa: f64, theta: f64, sigma: f64) -> Result<Self, NotFeller> {
        let positive = [kappa, theta, sigma].iter().all(|p| *p > 0.0 && p.is_finite());
        if !positive || 2.0 * kappa * theta < sigma * sigma {
            return Err(NotFeller { kappa, theta, sigma });
        }
        Ok(Self { kappa, theta, sigma })
    }

    /// The pull κ.
    #[must_use]
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// The level θ.
    #[must_use]
    pub fn theta(&self) -> f64 {
        self.theta
    }

    /// The noise σ.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// The stationary law of `d` independent coordinates.
    #[must_use]
    pub fn stationary(&self, d: usize) -> Gamma {
        let rate = 2.0 * self.kappa / (self.sigma * self.sigma);
        Gamma { shape: rate * self.theta, rate, dim: d }
    }
}

impl Transition for SquareRoot {
    /// The states are read to the host: a gamma draw takes a number of tries that depends on it.
    fn advance(&self, x: Tensor<2>, from: f64, to: f64, noise: &Noise) -> Tensor<2> {
        if to == from {
            return x;
        }
        let ([n, d], space) = (x.dims(), Space::of(&x));
        let decay = (-self.kappa * (to - from)).exp();
        let c = self.sigma * self.sigma * (1.0 - decay) / (4.0 * self.kappa);
        let rest = 2.0 * self.kappa * self.theta / (self.sigma * self.sigma) - 0.5;
        let mut values = to_host(x);
        for (row, out) in values.chunks_exact_mut(d).enumerate() {
            let mut stream = noise.stream(row);
            for x in out {
                let shifted = stream.normal() + (decay * *x / c).sqrt();
                *x = c * (shifted * shifted + 2.0 * Gamma::standard_draw(rest, &mut stream));
            }
        }
        space.tensor(values, [n, d])
    }

    fn moments(&self, mean: &[f64], variance: &[f64], from: f64, to: f64) -> (Vec<f64>, Vec<f64>) {
        let decay = (-self.kappa * (to - from)).exp();
        let (lost, noise) = (1.0 - decay, self.sigma * self.sigma / self.kappa);
        let centre = |m: &f64| self.theta + (m - self.theta) * decay;
        let spread = |(m, v): (&f64, &f64)| {
            decay * decay * v + noise * lost * (m * decay + 0.5 * self.theta * lost)
        };
        (mean.iter().map(centre).collect(), mean.iter().zip(variance).map(spread).collect())
    }
}
