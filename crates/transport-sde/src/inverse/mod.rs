//! Linear inverse problems: `p(x₁ | y)` for `y = A x₁ + s n`, `n ~ N(0, I)`, with a model of `p(x₁)`.
//!
//! | file | holds |
//! |---|---|
//! | [`Operator`] | what is asked of `A`: [`Mask`], one for all rows or one for each, and [`Linear`] |
//! | [`Observation`] | `A`, `y`, `s`, checked |
//! | [`PiGdm`] | ΠGDM: the gradient of a Gaussian approximation of `p(y \| x_t)` |
//! | [`Method::Dps`] | DPS: a descent of `‖y − A x̂₁‖²` after each step |
//! | [`Method::Replacement`] | what was observed is put in, noised, after each step |
//!
//! None is exact for a law of several pieces: each replaces `p(x₁ | x_t)` by something simpler.
//! `tests/it/inverse.rs` measures by how much, against closed forms and importance sampling.

mod dps;
mod linear;
mod mask;
mod observation;
mod pigdm;
mod replacement;
mod solve;

pub use linear::Linear;
pub use mask::Mask;
pub use observation::{InverseError, Observation, Operator};
pub use pigdm::PiGdm;
pub use solve::{Method, Posterior};
