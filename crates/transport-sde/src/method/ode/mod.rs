//! One-step and multistep methods for `dx/dt = v(x, t)`.

mod euler;
mod heun;

pub use euler::Euler;
pub use heun::Heun;

use crate::driver::{SolveError, Stepper};
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::Field;

/// A method for `dx/dt = v(x, t)`.
pub trait OdeMethod: Debug + Default + Send + Sync {
    /// The order of its global error.
    const ORDER: usize;
    /// Evaluations of the field in a step.
    const STAGES: usize;
    /// What it carries from step to step.
    type Memory: Default + Send;

    /// `x(t + h)` from `x(t)`; `h` may be negative.
    ///
    /// # Shapes
    /// `x`: `[n, d]`. `t`, `h`: units of the field's clock.
    fn step(
        &self,
        field: &dyn Field,
        x: Tensor<2>,
        t: f64,
        h: f64,
        memory: &mut Self::Memory,
    ) -> Tensor<2>;
}

/// An [`OdeMethod`] bound to a field.
pub struct OdeStepper<'a, M: OdeMethod> {
    field: &'a dyn Field,
    method: M,
    memory: M::Memory,
    evals: usize,
}

impl<'a, M: OdeMethod> OdeStepper<'a, M> {
    /// Binds `M` to a field.
    #[must_use]
    pub fn new(field: &'a dyn Field) -> Self {
        Self { field, method: M::default(), memory: M::Memory::default(), evals: 0 }
    }
}

impl<M: OdeMethod> Debug for OdeStepper<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OdeStepper").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<M: OdeMethod> Stepper for OdeStepper<'_, M> {
    fn step(&mut self, _k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        self.evals += M::STAGES;
        Ok(self.method.step(self.field, x, t, h, &mut self.memory))
    }

    fn evals(&self) -> usize {
        self.evals
    }
}
