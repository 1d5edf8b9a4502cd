//! Transport between two samples, on plain row-major slices.
//!
//! | module | holds |
//! |---|---|
//! | [`line`](mod@line) | the closed form on the line: sorted samples |
//! | [`discrepancy`] | how far apart two samples are, with intervals: energy distance, MMD, sliced W₂, Fréchet distance, precision and recall |
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

pub mod discrepancy;
pub mod line;

pub use discrepancy::{energy_distance, frechet_distance, mmd, mmd_test, sliced_w2};
