//! The vocabulary of transport: what a map, a law, a schedule and a field are.
//!
//! Every model of the workspace is one sentence: a map or kernel `T` pushes an easy law onto the
//! data, `T_# μ₀ ≈ p_data`. This crate holds the nouns of that sentence, each in closed form where
//! one exists; it has no networks, no solvers and no files.
//!
//! | folder | holds |
//! |---|---|
//! | [`law`] | laws with exact samples, log-densities and scores; the 2-D laws; the empirical law |
//! | [`schedule`] | `x_t = α(t) x₁ + σ(t) x₀` on the transport clock, and the adaptor [`schedule::Noising`] |
//! | [`process`] | the linear SDEs of the diffusion papers, on their own clock |
//! | [`prediction`] | one change of basis among data, noise, v, score and velocity |
//! | [`head`] | what a network's output means: a prediction, or EDM's preconditioned network |
//! | [`interpolant`] | straight and curved bridges between paired points |
//! | [`map`] | push-forwards, invertible maps, paths, and [`map::Transport`] |
//! | [`field`] | time-dependent vector fields and their directional derivatives |
//! | [`noise`] | counter-based randomness, handed in as an argument |
//! | [`device`] | the one place that picks a device; [`device::Space`] is a device and a dtype |
//! | [`testkit`] | law suites: what every implementor of a trait must satisfy |
//!
//! # Clocks
//! A transport runs `t ∈ [0, 1]` from the reference (0) to the data (1). A noising process keeps
//! its papers' clock `s` from data (0) to reference. `s = S (1 − t)` is written in exactly one
//! place, [`schedule::Noising`].
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

pub mod device;
pub mod field;
pub mod head;
pub mod interpolant;
pub mod law;
pub mod linalg;
pub mod map;
pub mod noise;
pub mod prediction;
pub mod process;
pub mod schedule;
pub mod testkit;
pub mod time;

pub use device::Space;
pub use field::{Denoiser, Field, Jvp, ScoredField};
pub use head::{Head, Preconditioning};
pub use law::{Density, DensityEstimate, Law, Score, StdErr};
pub use map::{Invertible, Path, PushForward, Trajectory, Transport};
pub use noise::Noise;
pub use prediction::Prediction;
pub use process::LinearSde;
pub use schedule::{Coefs, Schedule};
pub use time::{Interval, Times};
