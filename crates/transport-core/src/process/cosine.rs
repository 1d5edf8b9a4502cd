//! The cosine schedule as a variance-preserving SDE.

use super::LinearSde;
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
        let (a, b) = (self.theta(s), self.theta(0.0));
        // 1 − cos²a/cos²b = (cos b − cos a)(cos b + cos a)/cos²b, free of cancellation.
        let variance = (a - b).sin() * (a + b).sin() / b.cos().powi(2);
        // cos(π/2) rounds to 6e-17; the limit is 0.
        let alpha = if s >= 1.0 { 0.0 } else { a.cos() / b.cos() };
        (alpha, variance.max(0.0).sqrt())
    }
}
