//! Schedules on the transport clock: `x_t = α(t) x₁ + σ(t) x₀`, `x₀` the reference, `x₁` the data.
#![warn(clippy::integer_division)]

mod discrete;
mod named;
mod noising;
mod rectified;
mod trigonometric;

pub use discrete::{Discrete, DiscreteError, Timesteps};
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

    /// Where samplers that read `α` and `σ` alone, never their derivatives, may step: from the
    /// start of the domain to `t = 1`, where `σ = 0`.
    fn sampling(&self) -> Interval {
        Interval { start: self.domain().start, end: 1.0 }
    }

    /// `λ(t) = ln(α/σ)`, half the log of the signal-to-noise ratio: increasing, `−∞` where
    /// `α = 0` and `∞` where `σ = 0`.
    fn log_snr(&self, t: f64) -> f64 {
        let c = self.at(t);
        (c.alpha / c.sigma).ln()
    }

    /// The time in [`Schedule::sampling`] at which `λ(t) = lambda`, or the end of the interval
    /// that is nearest to it. By bisection to the last bit of `t`, unless a closed form is known.
    fn time_of_log_snr(&self, lambda: f64) -> f64 {
        let Interval { mut start, mut end } = self.sampling();
        if lambda >= self.log_snr(end) {
            return end;
        }
        loop {
            let middle = 0.5 * (start + end);
            if middle <= start || middle >= end {
                return if lambda <= self.log_snr(start) { start } else { end };
            }
            if self.log_snr(middle) < lambda { start = middle } else { end = middle }
        }
    }
}

impl<S: Schedule + ?Sized> Schedule for &S {
    fn at(&self, t: f64) -> Coefs {
        (**self).at(t)
    }

    fn domain(&self) -> Interval {
        (**self).domain()
    }

    fn reversal_epsilon(&self, t: f64) -> f64 {
        (**self).reversal_epsilon(t)
    }

    fn sampling(&self) -> Interval {
        (**self).sampling()
    }

    fn log_snr(&self, t: f64) -> f64 {
        (**self).log_snr(t)
    }

    fn time_of_log_snr(&self, lambda: f64) -> f64 {
        (**self).time_of_log_snr(lambda)
    }
}
