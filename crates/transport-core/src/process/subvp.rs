//! The sub-variance-preserving SDE.

use super::{LinearSde, Vp};
use crate::schedule::Coefs;

/// Sub-VP: the drift of [`Vp`] with a diffusion whose variance stays below it.
///
/// ```text
/// λ = β/2,   g² = β (1 − exp(−2B)),   α = exp(−½ B),   σ = 1 − exp(−B)
/// ```
///
/// # References
/// Song et al. (2021), eq. (14) and app. C.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SubVp {
    /// The schedule of β.
    pub vp: Vp,
}

impl LinearSde for SubVp {
    fn lambda(&self, s: f64) -> f64 {
        self.vp.lambda(s)
    }

    fn g(&self, s: f64) -> f64 {
        (-self.vp.beta(s) * (-2.0 * self.vp.beta_integral(s)).exp_m1()).sqrt()
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        let b = self.vp.beta_integral(s);
        ((-0.5 * b).exp(), -(-b).exp_m1())
    }

    fn coefs(&self, s: f64) -> Coefs {
        let (alpha, sigma) = self.marginal(s);
        let d_sigma = self.vp.beta(s) * (-self.vp.beta_integral(s)).exp();
        Coefs { alpha, sigma, d_alpha: -self.lambda(s) * alpha, d_sigma }
    }
}
