//! Linear SDEs: the noising processes of the diffusion papers, on their own clock.
//!
//! ```text
//! dX = −λ(s) X ds + g(s) dW,      X_s | X_0 = x₀ ~ N(α(s) x₀, σ²(s) I)
//! α′ = −λ α,                      (σ²)′ = g² − 2 λ σ²,     α(0) = 1,  σ(0) = 0
//! ```
//!
//! `s` runs from the data (0) to the reference ([`LinearSde::horizon`]).

mod cld;
mod cosine;
mod edm;
mod subvp;
mod ve;
mod vp;

pub use cld::{CriticallyDamped, PhaseKernel, PhaseSpace};
pub use cosine::Cosine;
pub use edm::Edm;
pub use subvp::SubVp;
pub use ve::Ve;
pub use vp::Vp;

use crate::schedule::Coefs;
use std::fmt::Debug;

/// A linear SDE with scalar coefficients and the exact marginal that goes with them.
pub trait LinearSde: Debug + Send + Sync {
    /// The rate `λ(s)` of the drift `−λ(s) x`.
    fn lambda(&self, s: f64) -> f64;

    /// The diffusion coefficient `g(s)`.
    fn g(&self, s: f64) -> f64;

    /// `(α(s), σ(s))` of the conditional marginal, in closed form.
    fn marginal(&self, s: f64) -> (f64, f64);

    /// The largest `s`: `λ` and `g` are finite on `[0, horizon)`.
    fn horizon(&self) -> f64 {
        1.0
    }

    /// The marginal with its derivatives in `s`.
    ///
    /// ```text
    /// α′ = −λ α,    σ′ = (g² − 2 λ σ²) / 2σ
    /// ```
    ///
    /// `σ′` is infinite at `s = 0` wherever `g(0) > 0` and `σ(0) = 0`.
    fn coefs(&self, s: f64) -> Coefs {
        let (alpha, sigma) = self.marginal(s);
        let (lambda, g) = (self.lambda(s), self.g(s));
        let d_sigma = (g * g - 2.0 * lambda * sigma * sigma) / (2.0 * sigma);
        Coefs { alpha, sigma, d_alpha: -lambda * alpha, d_sigma }
    }
}
