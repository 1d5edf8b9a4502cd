//! Schedules on the transport clock: `x_t = α(t) x₁ + σ(t) x₀`, `x₀` the reference, `x₁` the data.
#![warn(clippy::integer_division)]

mod named;
mod noising;
mod rectified;
mod trigonometric;

pub use named::Named;
pub use noising::Noising;
pub use rectified::Rectified;
pub use trigonometric::Trigonometric;

use crate::time::Interval;
use std::fmt::Debug;

/// The coefficients of `x_t = α x₁ + σ x₀` and their derivatives in the schedule's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefs {
    /// The weight of the data.
    pub alpha: f64,
    /// The weight of the reference.
    pub sigma: f64,
    /// Its derivative `α′`.
    pub d_alpha: f64,
    /// Its derivative `σ′`.
    pub d_sigma: f64,
}

/// A schedule in closed form on the transport clock: mostly noise at the start of its domain,
/// mostly data at the end.
pub trait Schedule: Debug + Send + Sync {
    /// The coefficients at `t`.
    fn at(&self, t: f64) -> Coefs;

    /// Where the coefficients **and their derivatives** are finite. `x_t` itself is defined on
    /// all of `[0, 1]`.
    fn domain(&self) -> Interval;

    /// `ε(t) = σ (α′ σ − α σ′) / α`: the choice that makes `v + ε s` Anderson's reversal of the
    /// noising process with these marginals (noise `√(2ε)`).
    fn reversal_epsilon(&self, t: f64) -> f64 {
        let c = self.at(t);
        c.sigma * (c.d_alpha * c.sigma - c.alpha * c.d_sigma) / c.alpha
    }
}
