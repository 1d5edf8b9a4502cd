//! The cosine schedule as a variance-preserving SDE.

use super::{Domain, GaussianKernel, LinearSde};
use std::f64::consts::FRAC_PI_2;

/// Cosine: variance preserving, with an α that falls like a cosine.
///
/// ```text
/// θ(s) = π/2 · (s + δ)/(1 + δ),   α(s) = cos θ(s) / cos θ(0),   σ² = 1 − α²
/// λ(s) = θ′ tan θ(s),   g² = 2 λ
/// ```
///
/// α(1) = 0 exactly, and λ is infinite there: the declared horizon is open at its end.
///
/// # References
/// Nichol & Dhariwal (2021), "Improved denoising diffusion probabilistic models", eq. (17).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    /// The offset δ that keeps the first steps from being too small.
    pub offset: f64,
}

impl Default for Cosine {
    fn default() -> Self {
        Self { offset: 0.008 }
    }
}

impl Cosine {
    fn theta(&self, s: f64) -> f64 {
        FRAC_PI_2 * (s + self.offset) / (1.0 + self.offset)
    }
}

impl LinearSde for Cosine {
    fn lambda(&self, s: f64) -> f64 {
        FRAC_PI_2 / (1.0 + self.offset) * self.theta(s).tan()
    }

    fn g(&self, s: f64) -> f64 {
        (2.0 * self.lambda(s)).sqrt()
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        let kernel = self.transition(0.0, s);
        (kernel.scale, kernel.std)
    }

    fn domain(&self) -> Domain {
        Domain::open(1.0)
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        let (a, b) = (self.theta(to), self.theta(from));
        // 1 − cos²a/cos²b = sin(a − b) sin(a + b)/cos²b, free of cancellation.
        let turn = FRAC_PI_2 * (to - from) / (1.0 + self.offset);
        let variance = turn.sin() * (a + b).sin() / b.cos().powi(2);
        // cos(π/2) rounds to 6e-17; the limit is 0.
        let scale = if to >= 1.0 { 0.0 } else { a.cos() / b.cos() };
        GaussianKernel { scale, std: variance.sqrt() }
    }
}
