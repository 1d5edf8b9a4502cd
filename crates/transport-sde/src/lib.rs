//! Dynamics and their integration: one loop, many methods.
//!
//! | module | holds |
//! |---|---|
//! | [`adjoint`] | gradients through an ODE: discrete with checkpoints, and the continuous adjoint |
//! | [`bridge`] | Schrödinger bridges in closed form |
//! | [`dynamics`] | SDEs: reversal, probability flow, the families between, explicit reverses |
//! | [`method`] | one step each, by folder, and [`Solver`], which names them |
//! | [`driver`] | the only loop, its errors, and what watches it |
//! | [`grid`] | where the steps are |
//! | [`guide`] | guidance: classifier-free, by a classifier; codes and what lies between them |
//! | [`inverse`] | linear inverse problems: masks, averages, matrices |
//! | [`flow`] | the maps that integration makes: push-forwards, paths, densities |
//! | [`fokker_planck`] | the equation of the law: solved on a mesh, and checked on laws, scores and particles |
//! | [`langevin`] | Langevin samplers and their relatives: Markov chains on densities and scores |
//! | [`diagnostics`] | R̂, effective sample sizes and standard errors of chains |
//! | [`simulate`] | forward simulation to the family (q_t), exact or by a solver; processes by name |
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

pub mod adjoint;
pub mod bridge;
pub mod diagnostics;
pub mod driver;
pub mod dynamics;
pub mod flow;
pub mod fokker_planck;
pub mod grid;
pub mod guide;
pub mod inverse;
pub mod langevin;
pub mod likelihood;
pub mod method;
pub mod simulate;

pub use driver::{SolveError, Statistics, Stepper, drive};
pub use dynamics::{Diffusion, Family, Forward, Sde};
pub use flow::{DiffusionFlow, OdeFlow, SdeFlow};
pub use grid::{Finish, Grid, GridError, Spacing};
pub use method::{Controlled, Solver, SolverKind, Tolerance};
pub use simulate::{Route, Simulation};
