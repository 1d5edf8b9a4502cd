//! Methods: each takes one step, and declares its order.
//!
//! A new method is a new file and a row of [`Solver`].

mod euler;
mod euler_maruyama;
mod heun;

pub use euler::Euler;
pub use euler_maruyama::EulerMaruyama;
pub use heun::Heun;

use crate::driver::Stepper;
use crate::dynamics::Sde;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use transport_core::{Field, Noise, Space};

/// A one-step method for `dx/dt = v(x, t)`.
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
    fn step(&mut self, _k: usize, x: Tensor<2>, t: f64, h: f64) -> Tensor<2> {
        self.evals += M::STAGES;
        self.method.step(self.field, x, t, h, &mut self.memory)
    }

    fn evals(&self) -> usize {
        self.evals
    }
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
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Tensor<2> {
        assert!(h > 0.0, "an SDE steps forwards, not by {h}");
        self.evals += M::STAGES;
        let z = self.noise.at_step(k as u64).normal(x.dims()[1], &Space::of(&x));
        self.method.step(self.sde, x, t, h, z.mul_scalar(h.sqrt()))
    }

    fn evals(&self) -> usize {
        self.evals
    }
}

/// The methods by name: what a configuration file or a flag can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// [`Euler`].
    Euler,
    /// [`Heun`].
    Heun,
    /// [`EulerMaruyama`].
    EulerMaruyama,
}

/// Whether a method integrates the probability flow or the noisy dynamics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolverKind {
    /// Deterministic: invertible, and gives densities.
    Ode,
    /// Stochastic.
    Sde,
}

impl Solver {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Euler, Self::Heun, Self::EulerMaruyama];

    /// Its name in configuration files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Euler => "euler",
            Self::Heun => "heun",
            Self::EulerMaruyama => "euler-maruyama",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|solver| solver.name() == name)
    }

    /// Deterministic or stochastic.
    #[must_use]
    pub fn kind(self) -> SolverKind {
        match self {
            Self::Euler | Self::Heun => SolverKind::Ode,
            Self::EulerMaruyama => SolverKind::Sde,
        }
    }

    /// The declared order, in words.
    #[must_use]
    pub fn order(self) -> String {
        fn ode<M: OdeMethod>() -> String {
            format!("order {}", M::ORDER)
        }
        fn sde<M: SdeMethod>() -> String {
            let (additive, general) = M::STRONG;
            format!("strong {general} ({additive} for additive noise), weak {}", M::WEAK)
        }
        match self {
            Self::Euler => ode::<Euler>(),
            Self::Heun => ode::<Heun>(),
            Self::EulerMaruyama => sde::<EulerMaruyama>(),
        }
    }

    /// Evaluations of the field in a step.
    #[must_use]
    pub fn stages(self) -> usize {
        match self {
            Self::Euler => Euler::STAGES,
            Self::Heun => Heun::STAGES,
            Self::EulerMaruyama => EulerMaruyama::STAGES,
        }
    }

    /// The method bound to a field, when it is an ODE method.
    #[must_use]
    pub fn on_field(self, field: &dyn Field) -> Option<Box<dyn Stepper + '_>> {
        match self {
            Self::Euler => Some(Box::new(OdeStepper::<Euler>::new(field))),
            Self::Heun => Some(Box::new(OdeStepper::<Heun>::new(field))),
            Self::EulerMaruyama => None,
        }
    }

    /// The method bound to an SDE, when it is an SDE method.
    #[must_use]
    pub fn on_sde<'a>(self, sde: &'a dyn Sde, noise: &Noise) -> Option<Box<dyn Stepper + 'a>> {
        match self {
            Self::Euler | Self::Heun => None,
            Self::EulerMaruyama => Some(Box::new(SdeStepper::<EulerMaruyama>::new(sde, noise))),
        }
    }
}
