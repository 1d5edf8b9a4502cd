//! Transport between two samples, on plain row-major slices.
//!
//! | module | holds |
//! |---|---|
//! | [`cost`] | the ground cost: powers of the distance, a closure, a matrix |
//! | [`exact`](mod@exact) | the linear program: assignment, and plans between weighted points |
//! | [`sinkhorn`] | entropic transport in the log domain, its divergence, its map |
//! | [`unbalanced`] | entropic transport with relaxed marginals |
//! | [`partial`](mod@partial) | only so much mass, the cheapest |
//! | [`sliced`] | the mean and the largest over projections |
//! | [`gaussian`] | the Bures–Wasserstein distance, map and barycentre |
//! | [`barycentre`] | of samples: on points that move, or on points that stay |
//! | [`semidiscrete`](mod@semidiscrete) | from a law that can be sampled onto points |
//! | [`coupling`] | which rows of two batches to pair in training |
//! | [`line`](mod@line) | the closed form on the line: sorted samples |
//! | [`discrepancy`] | how far apart two samples are, with intervals: energy distance, MMD, sliced W₂, Fréchet distance, precision and recall |
//! | [`solved`] | what iterative solvers return: converged or stopped, in the type |
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

pub mod barycentre;
pub mod cost;
pub mod coupling;
pub mod discrepancy;
mod error;
pub mod exact;
pub mod gaussian;
pub mod line;
pub mod partial;
pub mod semidiscrete;
pub mod sinkhorn;
pub mod sliced;
pub mod solved;
pub mod unbalanced;
pub mod weights;

pub use cost::{Cost, Side};
pub use coupling::Coupling;
pub use discrepancy::{energy_distance, frechet_distance, mmd, mmd_test, sliced_w2};
pub use error::OtError;
pub use exact::{Assignment, ExactPlan, assignment, exact};
pub use partial::{PartialPlan, partial};
pub use semidiscrete::{SemidiscreteMap, semidiscrete};
pub use sinkhorn::{EntropicMap, EntropicPlan, Problem, Sinkhorn};
pub use solved::{Effort, Solution, Solved};
pub use unbalanced::Unbalanced;
