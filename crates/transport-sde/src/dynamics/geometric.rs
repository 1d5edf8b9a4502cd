//! Geometric Brownian motion: multiplicative noise with a known solution.

use super::{Capabilities, DiagonalNoise, Diffusion, DiffusionJacobian, Sde};
use burn::tensor::Tensor;
use transport_core::Times;

/// `dX = μ X dt + σ X dW` in Itô's sense, each coordinate by itself.
///
/// ```text
/// X_t = X₀ exp((μ − σ²/2) t + σ W_t),   E X_t = X₀ e^{μt},   E X_t² = X₀² e^{(2μ + σ²)t}
/// ```
///
/// Read in Stratonovich's sense the `−σ²/2` is missing: a method that converges to the wrong
/// solution is found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometric {
    /// `μ`.
    pub growth: f64,
    /// `σ`.
    pub volatility: f64,
}

impl Geometric {
    /// `X_t` from `X₀` and `W_t`.
    ///
    /// # Shapes
    /// `x0`, `w`: `[n, d]`; returns `[n, d]`.
    #[must_use]
    pub fn solution(&self, x0: Tensor<2>, t: f64, w: Tensor<2>) -> Tensor<2> {
        let rate = self.growth - 0.5 * self.volatility * self.volatility;
        x0 * (w.mul_scalar(self.volatility).add_scalar(rate * t)).exp()
    }
}

impl Sde for Geometric {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(self.growth)
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(x.clone().mul_scalar(self.volatility))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { jacobian: Some(self), diagonal: Some(self), ..Capabilities::default() }
    }
}

impl DiffusionJacobian for Geometric {
    fn diffusion_jvp(
        &self,
        _x: &Tensor<2>,
        _t: Times<'_>,
        u: Tensor<2>,
        w: Tensor<2>,
    ) -> Tensor<2> {
        (u * w).mul_scalar(self.volatility)
    }

    fn ito_correction(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.clone().mul_scalar(self.volatility * self.volatility)
    }
}

impl DiagonalNoise for Geometric {}
