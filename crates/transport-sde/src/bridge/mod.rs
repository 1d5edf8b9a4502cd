//! Schrödinger bridges: of all laws of paths with given ends, the one nearest to a Brownian
//! motion.
//!
//! ```text
//! min { KL(P ‖ W^σ) : P₀ = μ₀, P₁ = μ₁ },    dX = f(X, t) dt + σ dW under the minimiser
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `gaussian` | between Gaussians: plan, marginals, drift, score, divergence |
//! | `ipf` | the iterates of proportional fitting between Gaussians |
//! | `interpolant` | stochastic interpolants: the blur, and the one between Gaussians |
//! | `mixture` | those whose end potential is a mixture of Gaussians: plan and drift |

mod gaussian;
mod interpolant;
mod ipf;
mod mixture;

pub use gaussian::{BridgeError, GaussianBridge};
pub use interpolant::{Blur, GaussianInterpolant};
pub use ipf::GaussianIpf;
pub use mixture::{MixtureBridge, conditional_uvp};
