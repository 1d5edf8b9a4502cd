//! The Ornstein–Uhlenbeck process.

use super::{Domain, GaussianKernel, LinearSde};

/// Ornstein–Uhlenbeck: a constant pull and a constant noise, on a long horizon of its own.
///
/// ```text
/// λ = θ,   g = σ
/// α(s) = exp(−θ s),   σ²(s) = σ²/(2θ) (1 − exp(−2θ s)),   s ∈ [0, S]
/// ```
///
/// The stationary law is N(0, σ²/(2θ) I). The default is θ = 1, σ = √2, S = 10: the reference
/// N(0, I) is met up to α(S) = e⁻¹⁰ ≈ 4.5e-5. VP is this process on another clock (its time is
/// B(s)/2). A mean that is not zero is [`super::Around`].
///
/// # References
/// Uhlenbeck & Ornstein (1930), "On the theory of the Brownian motion".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrnsteinUhlenbeck {
    /// The pull θ.
    pub theta: f64,
    /// The noise σ.
    pub sigma: f64,
    /// The horizon S.
    pub horizon: f64,
}

impl Default for OrnsteinUhlenbeck {
    fn default() -> Self {
        Self { theta: 1.0, sigma: std::f64::consts::SQRT_2, horizon: 10.0 }
    }
}

impl LinearSde for OrnsteinUhlenbeck {
    fn lambda(&self, _s: f64) -> f64 {
        self.theta
    }

    fn g(&self, _s: f64) -> f64 {
        self.sigma
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        let kernel = self.transition(0.0, s);
        (kernel.scale, kernel.std)
    }

    fn domain(&self) -> Domain {
        Domain::closed(self.horizon)
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        let passed = self.theta * (to - from);
        let variance = self.sigma * self.sigma / (2.0 * self.theta) * -(-2.0 * passed).exp_m1();
        GaussianKernel { scale: (-passed).exp(), std: variance.sqrt() }
    }
}
