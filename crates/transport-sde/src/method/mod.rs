//! Methods: each takes one step, and declares its order.
//!
//! | folder | steps |
//! |---|---|
//! | [`ode`] | `dx/dt = v(x, t)` |
//! | [`sde`] | `dX = a dt + b dW`, in Itô's sense |
//!
//! A new method is a new file and a row of [`Solver`]; one that estimates its error also a row of
//! [`Solver::adaptivity`].

mod integrator;
pub mod ode;
pub mod sde;
mod solver;

pub use integrator::{Adaptivity, Controlled, Integrator, NotAdaptive};
pub use ode::{Adaptive, AdaptiveMethod, OdeMethod, OdeStepper, Tolerance, ToleranceError};
pub use sde::{SdeMethod, SdeStepper};
pub use solver::{Solver, SolverKind};
