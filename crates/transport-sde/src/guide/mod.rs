//! Guidance: dynamics of `p(x₁ | y)` made of what is known about `p(x₁)` and of a pull towards `y`.
//!
//! With `q_t(x | y) ∝ q_t(x) p(y | x_t = x)`, every guided field is the unguided one and a shift of
//! its score:
//!
//! ```text
//! s_w(x, t) = s(x, t) + w(t) ∇ₓ log p(y | x_t = x)
//! ```
//!
//! | file | where `∇ log p(y | x_t)` comes from |
//! |---|---|
//! | [`ClassifierFree`] | the difference of a conditional and an unconditional score |
//! | [`Steered`] by [`Classified`] | a classifier of noised data, by reverse differentiation |
//! | [`Steered`] by [`PiGdm`](crate::inverse::PiGdm) | a linear observation, through the denoiser |
//! | [`Components`] | the oracle: the exact posterior of a Gaussian mixture's components |
//!
//! For `w = 1` these are the dynamics of the posterior itself. For `w > 1` the field at a time `t` is
//! that of `q_t(x) p(y | x_t)^w`, but these laws are not each other's noised versions: what is sampled
//! is sharper than the posterior, and is not the tempered law `p(x) p(y | x)^w`.

mod classified;
mod classifier_free;
mod components;
mod latent;
mod steered;
mod strength;

pub use classified::{Classified, Likelihood, gradient};
pub use classifier_free::ClassifierFree;
pub use components::Components;
pub use latent::{decode, encode, slerp};
pub use steered::{Guidance, Steered};
pub use strength::{GuideError, Strength};
