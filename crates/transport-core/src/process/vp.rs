//! The variance-preserving SDE with a linear β.

use super::{GaussianKernel, LinearSde};

/// Variance preserving: the continuous limit of DDPM.
///
/// ```text
/// β(s) = β₀ + s (β₁ − β₀),   λ = β/2,   g = √β
/// α(s) = exp(−½ B(s)),   σ²(s) = 1 − exp(−B(s)),   B(s) = β₀ s + ½ s² (β₁ − β₀)
/// ```
///
/// With the usual β₀ = 0.1, β₁ = 20: α(1) = exp(−5.025) ≈ 0.00657, so the reference N(0, I) is
/// met up to that factor. Others write "VP" with other β, or with DDPM's discrete ᾱ ([`super::Ddpm`]),
/// and meet it up to another.
///
/// # References
/// Song et al. (2021), "Score-based generative modeling through SDEs", app. C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vp {
    /// β at the data.
    pub beta_min: f64,
    /// β at the reference.
    pub beta_max: f64,
}

impl Default for Vp {
    fn default() -> Self {
        Self { beta_min: 0.1, beta_max: 20.0 }
    }
}

impl Vp {
    /// `β(s)`.
    #[must_use]
    pub fn beta(&self, s: f64) -> f64 {
        self.beta_min + s * (self.beta_max - self.beta_min)
    }

    /// `B(s) = ∫₀ˢ β`.
    #[must_use]
    pub fn beta_integral(&self, s: f64) -> f64 {
        self.beta_min * s + 0.5 * s * s * (self.beta_max - self.beta_min)
    }
}

impl LinearSde for Vp {
    fn lambda(&self, s: f64) -> f64 {
        0.5 * self.beta(s)
    }

    fn g(&self, s: f64) -> f64 {
        self.beta(s).sqrt()
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        let b = self.beta_integral(s);
        ((-0.5 * b).exp(), (-(-b).exp_m1()).sqrt())
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        // ∫ β over [from, to] is its length times β at the middle, β being linear.
        let b = (to - from) * self.beta(0.5 * (from + to));
        GaussianKernel { scale: (-0.5 * b).exp(), std: (-(-b).exp_m1()).sqrt() }
    }
}
