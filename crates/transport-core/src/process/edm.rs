//! The process of EDM: noise whose standard deviation is the clock itself.

use super::LinearSde;

/// EDM: `σ(s) = s`, on its own horizon.
///
/// ```text
/// λ = 0,   g(s) = √(2s),   α = 1,   σ(s) = s,   s ∈ [0, σ_max]
/// ```
///
/// # References
/// Karras et al. (2022), "Elucidating the design space of diffusion-based generative models".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edm {
    /// The horizon, σ_max = 80 in the paper.
    pub sigma_max: f64,
}

impl Default for Edm {
    fn default() -> Self {
        Self { sigma_max: 80.0 }
    }
}

impl LinearSde for Edm {
    fn lambda(&self, _s: f64) -> f64 {
        0.0
    }

    fn g(&self, s: f64) -> f64 {
        (2.0 * s).sqrt()
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        (1.0, s)
    }

    fn horizon(&self) -> f64 {
        self.sigma_max
    }

    fn coefs(&self, s: f64) -> crate::schedule::Coefs {
        crate::schedule::Coefs { alpha: 1.0, sigma: s, d_alpha: 0.0, d_sigma: 1.0 }
    }
}
