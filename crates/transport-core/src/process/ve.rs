//! The variance-exploding SDE with a geometric σ.

use super::{GaussianKernel, LinearSde};

/// Variance exploding.
///
/// ```text
/// λ = 0,   g(s) = σ_min rˢ √(2 ln r),   r = σ_max / σ_min
/// α = 1,   σ²(s) = σ_min² (r²ˢ − 1)
/// ```
///
/// The variance carries the `− 1`: it is the exact marginal of the SDE started at the data, so
/// that σ(0) = 0. (Song et al. print σ_min² r²ˢ, which starts from data already blurred by σ_min.)
///
/// # References
/// Song et al. (2021), app. C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ve {
    /// σ_min.
    pub sigma_min: f64,
    /// σ_max.
    pub sigma_max: f64,
}

impl Default for Ve {
    fn default() -> Self {
        Self { sigma_min: 0.01, sigma_max: 50.0 }
    }
}

impl LinearSde for Ve {
    fn lambda(&self, _s: f64) -> f64 {
        0.0
    }

    fn g(&self, s: f64) -> f64 {
        let log_r = (self.sigma_max / self.sigma_min).ln();
        self.sigma_min * (s * log_r).exp() * (2.0 * log_r).sqrt()
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        let log_r = (self.sigma_max / self.sigma_min).ln();
        (1.0, self.sigma_min * (2.0 * s * log_r).exp_m1().sqrt())
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        let log_r = (self.sigma_max / self.sigma_min).ln();
        let grown = (2.0 * (to - from) * log_r).exp_m1().sqrt();
        GaussianKernel { scale: 1.0, std: self.sigma_min * (from * log_r).exp() * grown }
    }
}
