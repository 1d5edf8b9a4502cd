//! Methods for `dX = a(X, t) dt + b(X, t) dW`, converging to the Itô solution.

mod euler_maruyama;

pub use euler_maruyama::EulerMaruyama;

use crate::driver::{SolveError, Stepper};
use crate::dynamics::Sde;
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::{Noise, Space};

/// A one-step method for `dX = a dt + b dW`, converging to the Itô solution.
pub trait SdeMethod: Debug + Default + Send + Sync {
    /// The strong order for additive noise, and for general noise where it differs.
    const STRONG: (f64, f64);
    /// The weak order.
    const WEAK: f64;
    /// Evaluations of the drift in a step.
    const STAGES: usize;

    /// `x(t + h)` from `x(t)` and the Brownian increment `dw ~ N(0, h I)`; `h > 0`.
    ///
    /// # Shapes
    /// `x`, `dw`: `[n, d]`.
    fn step(&self, sde: &dyn Sde, x: Tensor<2>, t: f64, h: f64, dw: Tensor<2>) -> Tensor<2>;
}

/// An [`SdeMethod`] bound to an SDE and to the noise that drives it.
pub struct SdeStepper<'a, M: SdeMethod> {
    sde: &'a dyn Sde,
    method: M,
    noise: Noise,
    evals: usize,
}

impl<'a, M: SdeMethod> SdeStepper<'a, M> {
    /// Binds `M` to an SDE; step `k` is driven by `noise.at_step(k)`.
    #[must_use]
    pub fn new(sde: &'a dyn Sde, noise: &Noise) -> Self {
        Self { sde, method: M::default(), noise: noise.purpose("brownian"), evals: 0 }
    }
}

impl<M: SdeMethod> Debug for SdeStepper<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SdeStepper").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<M: SdeMethod> Stepper for SdeStepper<'_, M> {
    /// # Panics
    /// When `h ≤ 0`: an SDE is reversed first, then stepped forwards.
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        assert!(h > 0.0, "an SDE steps forwards, not by {h}");
        self.evals += M::STAGES;
        let z = self.noise.at_step(k as u64).normal(x.dims()[1], &Space::of(&x));
        Ok(self.method.step(self.sde, x, t, h, z.mul_scalar(h.sqrt())))
    }

    fn evals(&self) -> usize {
        self.evals
    }
}
