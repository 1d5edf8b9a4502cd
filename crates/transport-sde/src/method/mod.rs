//! Methods: each takes one step, and declares its order.
//!
//! | folder | steps |
//! |---|---|
//! | [`ode`] | `dx/dt = v(x, t)` |
//! | [`sde`] | `dX = a dt + b dW`, in Itô's sense |
//! | [`diffusion`] | the flow of `x_t = α x₁ + σ x₀`, and the SDEs around it, from a denoiser |
//!
//! A new method is a new file and a row of [`Solver`]; one that estimates its error also a row of
//! [`Solver::adaptivity`].

pub mod diffusion;
mod integrator;
pub mod ode;
mod predictor_corrector;
pub mod sde;
mod solver;

pub use diffusion::{DiffusionMethod, DiffusionStepper};
pub use integrator::{Adaptivity, Controlled, Integrator, NotAdaptive};
pub use ode::{Adaptive, AdaptiveMethod, OdeMethod, OdeStepper, Tolerance, ToleranceError};
pub use predictor_corrector::{CorrectorStep, PredictorCorrector};
pub use sde::{SdeMethod, SdeStepper};
pub use solver::{Solver, SolverKind};
