//! The process of EDM: noise whose standard deviation is the clock itself.

use super::{Domain, GaussianKernel, LinearSde};

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

    /// The score is asked for from the paper's σ_min = 0.002 on.
    fn domain(&self) -> Domain {
        Domain::closed(self.sigma_max).from(0.002)
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        GaussianKernel { scale: 1.0, std: ((to - from) * (to + from)).sqrt() }
    }

    fn coefs(&self, s: f64) -> crate::schedule::Coefs {
        crate::schedule::Coefs { alpha: 1.0, sigma: s, d_alpha: 0.0, d_sigma: 1.0 }
    }
}
