//! Processes on their own clock, with what is known of them in closed form.
//!
//! The linear SDEs are the noising processes of the diffusion papers:
//!
//! ```text
//! dX = −λ(s) X ds + g(s) dW,      X_s | X_0 = x₀ ~ N(α(s) x₀, σ²(s) I)
//! α′ = −λ α,                      (σ²)′ = g² − 2 λ σ²,     α(0) = 1,  σ(0) = 0
//! ```
//!
//! `s` runs from the data (0) to the reference ([`LinearSde::horizon`]), over a declared
//! [`Domain`]. Other processes have laws worth knowing too: [`GeometricBrownian`], [`SquareRoot`]
//! and [`DoubleWell`]. [`Transition`] is what can be simulated exactly; [`Ddpm`] is a chain in
//! discrete time.

mod cld;
mod condot;
mod cosine;
mod ddpm;
mod domain;
mod double_well;
mod edm;
mod geometric;
mod kernel;
mod ou;
mod square_root;
mod subvp;
mod transition;
mod ve;
mod vp;

pub use cld::{CriticallyDamped, PhaseKernel, PhaseSpace};
pub use condot::CondOt;
pub use cosine::Cosine;
pub use ddpm::{ChainError, Ddpm, Posterior};
pub use domain::Domain;
pub use double_well::{DoubleWell, DoubleWellLaw};
pub use edm::Edm;
pub use geometric::GeometricBrownian;
pub use kernel::GaussianKernel;
pub use ou::OrnsteinUhlenbeck;
pub use square_root::{NotFeller, SquareRoot};
pub use subvp::SubVp;
pub use transition::{Around, Transition};
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

    /// Where `λ`, `g` and the marginal are finite: `[0, 1]` unless declared otherwise.
    fn domain(&self) -> Domain {
        Domain::closed(1.0)
    }

    /// `S`, the end of the domain.
    fn horizon(&self) -> f64 {
        self.domain().horizon
    }

    /// The exact kernel of `X_to | X_from`, for `from ≤ to` in the domain.
    ///
    /// ```text
    /// X_u | X_s = x ~ N(a x, b² I),    a = α(u)/α(s),   b² = σ²(u) − a² σ²(s)
    /// ```
    ///
    /// The difference loses digits as `u → s`; a process with a closed form for it overrides this.
    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        let ((alpha_s, sigma_s), (alpha_u, sigma_u)) = (self.marginal(from), self.marginal(to));
        let scale = alpha_u / alpha_s;
        let variance = (sigma_u - scale * sigma_s) * (sigma_u + scale * sigma_s);
        // Rounding alone makes it negative; NaN stays NaN.
        let std = if variance < 0.0 { 0.0 } else { variance.sqrt() };
        GaussianKernel { scale, std }
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

impl<P: LinearSde + ?Sized> LinearSde for &P {
    fn lambda(&self, s: f64) -> f64 {
        (**self).lambda(s)
    }

    fn g(&self, s: f64) -> f64 {
        (**self).g(s)
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        (**self).marginal(s)
    }

    fn domain(&self) -> Domain {
        (**self).domain()
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        (**self).transition(from, to)
    }

    fn coefs(&self, s: f64) -> Coefs {
        (**self).coefs(s)
    }
}
