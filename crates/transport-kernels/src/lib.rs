//! Kernels: what Burn's CPU backend does element by element, done by vectors.
//!
//! | module | holds |
//! |---|---|
//! | [`activation`] | exp, sigmoid, SiLU, tanh, softplus, GELU, SELU with their derivatives, on slices |
//! | [`ops`] | the same on tensors, and the fused dense layers, with gradients |
//! | [`monotone`] | increasing maps of flows: affine, rational-quadratic splines, with log-slopes |
//! | [`convolution`] | convolutions of planes and their transposes, with gradients |
//! | [`patches`] | 3 × 3 neighbourhoods of pixels, with gradients |
//! | [`group_norm`](mod@group_norm) | group normalisation with scale, shift and SiLU, with gradients |
//! | [`combination`], [`norms`] | linear combinations and weighted norms by rows, for solvers |
//! | [`softmax`](mod@softmax) | weights by rows |
//! | [`adamw`] | one pass of AdamW, clipping and averaging; sums and norms of gradients |
//! | [`embedding`] | sines and cosines of times |
//! | [`composed`] | all of [`ops`] from Burn's own operations |
//!
//! The kernels run on f32 tensors of the `flex` backend. Every other tensor takes the composed
//! operations, and so does every tensor when the environment has `TRANSPORT_KERNELS=off`: a switch
//! at run time rather than a Cargo feature, since features unify over a build and one binary then
//! runs every test on both sides. One suite holds both to the same tolerance.
//!
//! Results depend neither on the number of threads nor on where in a tensor an element stands.
//! They may differ in the last place between machines with and without fused multiply–add.
#![warn(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]
#![deny(unsafe_op_in_unsafe_fn)]

pub mod activation;
pub mod adamw;
pub mod combination;
pub mod composed;
pub mod convolution;
pub mod embedding;
#[cfg(feature = "flex")]
mod error;
#[cfg(feature = "flex")]
mod extension;
mod fresh;
#[cfg(feature = "flex")]
mod gemm;
pub mod group_norm;
#[cfg(feature = "flex")]
mod layer;
mod mask;
mod math;
pub mod monotone;
pub mod norms;
pub mod ops;
pub mod patches;
mod simd;
pub mod softmax;

pub use activation::Activation;
pub use mask::Mask;
pub use monotone::{Monotone, Way};
pub use softmax::softmax;

/// Names the environment variable that turns the kernels off.
pub const VARIABLE: &str = "TRANSPORT_KERNELS";

/// Whether the kernels are on: unless `TRANSPORT_KERNELS` is `off` or `0` when first asked.
#[must_use]
pub fn enabled() -> bool {
    static ON: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ON.get_or_init(|| !matches!(std::env::var(VARIABLE).as_deref(), Ok("off" | "0")))
}
