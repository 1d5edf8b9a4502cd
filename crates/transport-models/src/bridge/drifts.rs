//! The two drifts of a bridge.

use burn::tensor::Tensor;
use transport_core::{Field, Times};
use transport_sde::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise};
use transport_sde::{Diffusion, Sde};

/// A law of paths known by its drift `f` forwards and its drift `b` backwards, the latter in the
/// reversed process's own direction of time but on the same clock:
///
/// ```text
/// dX = f(X, t) dt + σ dW,  t from 0 to 1;     dY = b(Y, 1 − s) ds + σ dW,  Y_s = X_{1−s}
/// f + b = σ² ∇ log q_t,    velocity of the probability flow v = ½ (f − b)
/// ```
///
/// As a [`Field`] it is the probability flow; as an [`Sde`] the forward process, and the backward
/// one through [`Drifts::backward`] on the clock `s`.
///
/// # References
/// Nelson (1967); Shi, De Bortoli, Campbell & Doucet (2023), "Diffusion Schrödinger bridge
/// matching".
#[derive(Clone, Copy, Debug)]
pub struct Drifts<F, B> {
    /// `f`.
    pub forward: F,
    /// `b`.
    pub backward: B,
    /// `σ`.
    pub sigma: f64,
}

impl<F: Field, B: Field> Drifts<F, B> {
    /// The process from the target to the source, on its own clock `s = 1 − t`.
    #[must_use]
    pub fn reversed(&self) -> Backward<'_, B> {
        Backward { drift: &self.backward, sigma: self.sigma }
    }
}

impl<F: Field, B: Field> Field for Drifts<F, B> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let forward = self.forward.eval(x.clone(), t);
        (forward - self.backward.eval(x, t)).mul_scalar(0.5)
    }
}

impl<F: Field, B: Field> Sde for Drifts<F, B> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.forward.eval(x, t)
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.sigma)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl<F: Field, B: Field> AdditiveNoise for Drifts<F, B> {}
impl<F: Field, B: Field> DiagonalNoise for Drifts<F, B> {}

/// `dY = b(Y, 1 − s) ds + σ dW`.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a, B> {
    drift: &'a B,
    sigma: f64,
}

impl<B: Field> Sde for Backward<'_, B> {
    fn drift(&self, x: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        match s {
            Times::Same(s) => self.drift.eval(x, Times::Same(1.0 - s)),
            Times::Each(s) => {
                let t: Vec<f64> = s.iter().map(|s| 1.0 - s).collect();
                self.drift.eval(x, Times::Each(&t))
            }
        }
    }

    fn diffusion(&self, _x: &Tensor<2>, _s: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.sigma)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl<B: Field> AdditiveNoise for Backward<'_, B> {}
impl<B: Field> DiagonalNoise for Backward<'_, B> {}
