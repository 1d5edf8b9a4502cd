//! One-step and multistep methods for `dx/dt = v(x, t)`.
//!
//! | file | holds |
//! |---|---|
//! | [`tableau`] | explicit Runge–Kutta methods as data, and the engine that walks them |
//! | `euler` … `dop853` | their constants |
//! | `adams_bashforth` | multistep methods on any grid |
//! | `rodas4`, [`jacobian`] | a Rosenbrock method for stiff fields of few dimensions |
//! | `adaptive`, `control` | steps chosen for each row by its own error |
//! | `ahead` | states between the steps of a grid |

mod adams_bashforth;
mod adaptive;
mod ahead;
mod bs32;
mod control;
mod dop853;
mod dopri5;
mod euler;
mod heun;
pub mod jacobian;
mod lu;
mod midpoint;
mod rk4;
mod rodas4;
mod rows;
mod runge_kutta;
mod segment;
pub mod tableau;
#[cfg(test)]
mod trees;
mod tsit5;

pub use adams_bashforth::{Adams, AdamsBashforth, History};
pub use adaptive::{Adaptive, AdaptiveMethod, Attempt};
pub use ahead::Ahead;
pub use bs32::Bs32;
pub use control::{Tolerance, ToleranceError};
pub use dop853::Dop853;
pub use dopri5::Dopri5;
pub use euler::Euler;
pub use heun::Heun;
pub use midpoint::Midpoint;
pub use rk4::Rk4;
pub use rodas4::Rodas4;
pub use runge_kutta::{Embedded, RungeKutta};
pub use segment::interpolate;
pub use tsit5::Tsit5;

use crate::driver::{SolveError, Statistics, Stepper};
use burn::tensor::Tensor;
use segment::hermite;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use tableau::Span;
use transport_core::{Field, Times};

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

    /// `x(t + θh)` inside a step that has been taken: Hermite's cubic, two evaluations, unless
    /// the method has a continuous extension of its own.
    ///
    /// # Shapes
    /// `start`, `end`: `[n, d]`.
    fn between(
        &self,
        field: &dyn Field,
        (start, end): (&Tensor<2>, &Tensor<2>),
        (t, h): (f64, f64),
        theta: f64,
    ) -> Tensor<2> {
        let span = Span::Same { t, h };
        let slopes = (span.eval(field, start.clone(), 0.0), span.eval(field, end.clone(), 1.0));
        let terms = hermite(end.clone() - start.clone(), slopes, &span);
        interpolate(start, &terms, &vec![theta; start.dims()[0]])
    }
}

/// A field that counts its evaluations.
struct Counted<'a> {
    field: &'a dyn Field,
    /// When it is not 0, a state is one row in which rows of so many columns stand side by side.
    columns: usize,
    calls: AtomicUsize,
    rows: AtomicUsize,
}

impl<'a> Counted<'a> {
    fn new(field: &'a dyn Field) -> Self {
        Self { field, columns: 0, calls: AtomicUsize::new(0), rows: AtomicUsize::new(0) }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }
}

impl Field for Counted<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let ([n, d], columns) = (x.dims(), self.columns);
        let rows = (n * d).checked_div(columns).unwrap_or(n);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        match (columns, t) {
            (0, _) => self.field.eval(x, t),
            (_, Times::Same(t) | Times::Each(&[t])) => {
                self.field.eval(x.reshape([rows, columns]), Times::Same(t)).reshape([n, d])
            }
            (_, Times::Each(times)) => panic!("{} times for one row", times.len()),
        }
    }
}

/// An [`OdeMethod`] bound to a field.
pub struct OdeStepper<'a, M: OdeMethod> {
    field: Counted<'a>,
    method: M,
    memory: M::Memory,
    accepted: usize,
}

impl<'a, M: OdeMethod> OdeStepper<'a, M> {
    /// Binds `M` to a field.
    #[must_use]
    pub fn new(field: &'a dyn Field) -> Self {
        let (field, method) = (Counted::new(field), M::default());
        Self { field, method, memory: M::Memory::default(), accepted: 0 }
    }
}

impl<M: OdeMethod> OdeStepper<'_, M> {
    /// The state at `t + θh` inside a step between two states.
    fn between(&self, ends: (&Tensor<2>, &Tensor<2>), t: f64, h: f64, theta: f64) -> Tensor<2> {
        self.method.between(&self.field, ends, (t, h), theta)
    }
}

impl<M: OdeMethod> Debug for OdeStepper<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OdeStepper").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<M: OdeMethod> Stepper for OdeStepper<'_, M> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        if k == 0 {
            self.memory = M::Memory::default();
        }
        self.accepted += x.dims()[0];
        Ok(self.method.step(&self.field, x, t, h, &mut self.memory))
    }

    fn evals(&self) -> usize {
        self.field.calls()
    }

    fn statistics(&self) -> Statistics {
        let (accepted, rejected) = (self.accepted, 0);
        Statistics { accepted, rejected, evals: self.field.calls(), rows: self.field.rows() }
    }
}
