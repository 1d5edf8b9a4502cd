//! A linear drift beside any field, with additive noise.

use super::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, Sde, SemiLinear};
use burn::tensor::Tensor;
use transport_core::{Field, Times};

/// `dX = [−λ X + f(X, t)] dt + σ dW`; Ornstein–Uhlenbeck when `f = 0`.
///
/// ```text
/// f = 0:   X_{t+h} | X_t ~ N(e^{−λh} X_t,  σ² (1 − e^{−2λh})/2λ)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relaxing<F> {
    /// `λ`.
    pub rate: f64,
    /// `σ`.
    pub noise: f64,
    /// `f`.
    pub force: F,
}

impl<F: Field> Sde for Relaxing<F> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.force.eval(x.clone(), t) - x.mul_scalar(self.rate)
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.noise)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { semi_linear: Some(self), ..Capabilities::additive(self) }
    }
}

impl<F: Field> AdditiveNoise for Relaxing<F> {}
impl<F: Field> DiagonalNoise for Relaxing<F> {}

impl<F: Field> SemiLinear for Relaxing<F> {
    fn relaxation(&self, _t: f64, h: f64) -> f64 {
        self.rate * h
    }

    fn force(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.force.eval(x, t)
    }
}
