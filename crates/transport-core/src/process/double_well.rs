//! Overdamped motion in a double well.

use crate::law::{Density, Score};
use burn::tensor::Tensor;

/// Overdamped Langevin motion in a double well, each coordinate on its own.
///
/// ```text
/// dX = −V′(X) dt + σ dW,     V(x) = h ((x/w)² − 1)²,     V′(x) = 4h x ((x/w)² − 1)/w²
/// stationary density ∝ exp(−2V(x)/σ²)
/// ```
///
/// No transition is known in closed form; the stationary law is, and both wells weigh the same.
///
/// # References
/// Kramers (1940), "Brownian motion in a field of force".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubleWell {
    /// The barrier h between the wells.
    pub height: f64,
    /// The wells stand at ±w.
    pub width: f64,
    /// The noise σ.
    pub sigma: f64,
}

impl Default for DoubleWell {
    fn default() -> Self {
        Self { height: 1.0, width: 1.0, sigma: 1.0 }
    }
}

impl DoubleWell {
    /// `V(x)`.
    #[must_use]
    pub fn potential(&self, x: f64) -> f64 {
        self.height * ((x / self.width).powi(2) - 1.0).powi(2)
    }

    /// `−V′(x)`, coordinate by coordinate.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn force(&self, x: Tensor<2>) -> Tensor<2> {
        let w = self.width;
        let bracket = x.clone().div_scalar(w).powi_scalar(2).sub_scalar(1.0);
        x.mul_scalar(-4.0 * self.height / (w * w)) * bracket
    }

    /// The stationary law.
    #[must_use]
    pub fn stationary(&self) -> DoubleWellLaw {
        DoubleWellLaw { well: *self, log_normaliser: self.log_normaliser() }
    }

    /// `log ∫ exp(−2V/σ²)` by the trapezoidal rule, whose error falls exponentially for an
    /// analytic integrand, out to where the integrand is e⁻⁷⁰⁰.
    fn log_normaliser(&self) -> f64 {
        const CELLS: u32 = 20_000;
        let beta = 2.0 / (self.sigma * self.sigma);
        let reach = self.width * (1.0 + (700.0 / (beta * self.height)).sqrt()).sqrt();
        let step = 2.0 * reach / f64::from(CELLS);
        let weight = |k| (-beta * self.potential(-reach + f64::from(k) * step)).exp();
        ((0..=CELLS).map(weight).sum::<f64>() * step).ln()
    }
}

/// `p(x) = Πⱼ exp(−2V(xⱼ)/σ²) / Z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubleWellLaw {
    well: DoubleWell,
    log_normaliser: f64,
}

impl Density for DoubleWellLaw {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let (DoubleWell { height, width, sigma }, d) = (self.well, x.dims()[1] as f64);
        let bracket = x.div_scalar(width).powi_scalar(2).sub_scalar(1.0);
        let energy = bracket.powi_scalar(2).sum_dim(1).squeeze_dim(1);
        energy.mul_scalar(-2.0 * height / (sigma * sigma)).sub_scalar(d * self.log_normaliser)
    }
}

impl Score for DoubleWellLaw {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let sigma = self.well.sigma;
        self.well.force(x).mul_scalar(2.0 / (sigma * sigma))
    }
}
