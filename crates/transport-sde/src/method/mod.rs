//! Methods: each takes one step, and declares its order.
//!
//! | folder | steps |
//! |---|---|
//! | [`ode`] | `dx/dt = v(x, t)` |
//! | [`sde`] | `dX = a dt + b dW`, in Itô's sense |
//!
//! A new method is a new file and a row of [`Solver`].

pub mod ode;
mod predictor_corrector;
pub mod sde;
mod solver;

pub use ode::{OdeMethod, OdeStepper};
pub use predictor_corrector::{CorrectorStep, PredictorCorrector};
pub use sde::{SdeMethod, SdeStepper};
pub use solver::{Solver, SolverKind};
