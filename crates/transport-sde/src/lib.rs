//! Dynamics and their integration: one loop, many methods.
//!
//! | module | holds |
//! |---|---|
//! | [`dynamics`] | SDEs: reversal, probability flow, the families between, explicit reverses |
//! | [`method`] | one step each, by folder, and [`Solver`], which names them |
//! | [`driver`] | the only loop, its errors, and what watches it |
//! | [`grid`] | where the steps are |
//! | [`flow`] | the maps that integration makes: push-forwards, paths, densities |
//! | [`likelihood`] | log-densities along the flow, by the instantaneous change of variables |
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod driver;
pub mod dynamics;
pub mod flow;
pub mod grid;
pub mod likelihood;
pub mod method;

pub use driver::{SolveError, Stepper, drive};
pub use dynamics::{Diffusion, Family, Sde};
pub use flow::{OdeFlow, SdeFlow};
pub use grid::{Grid, GridError};
pub use method::{Solver, SolverKind};
