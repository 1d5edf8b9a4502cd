//! A noising process read backwards: the only place where the two clocks meet.

use super::{Coefs, Schedule};
use crate::process::LinearSde;
use crate::time::Interval;

/// The schedule of a noising process on the transport clock.
///
/// ```text
/// s = S (1 − t),   α_t = α(s),   σ_t = σ(s),   d/dt = −S d/ds,   S = horizon
/// ```
///
/// The process is followed for `s ∈ [s_min, s_max]`, so that [`Schedule::domain`] is
/// `[1 − s_max/S, 1 − s_min/S]`: σ′ is infinite at `s = 0` for VP and VE, λ at `s = S` for cosine.
///
/// # Example
/// ```
/// use transport_core::{Schedule, process::Vp, schedule::Noising};
/// let schedule = Noising::new(Vp::default());
/// assert!(schedule.at(0.999).alpha > 0.99 && schedule.at(0.0).sigma > 0.99);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noising<P> {
    /// The process.
    pub process: P,
    /// Where following it stops, near the data, as a fraction of the horizon.
    pub start: f64,
    /// Where following it begins, near the reference, as a fraction of the horizon.
    pub end: f64,
}

impl<P: LinearSde> Noising<P> {
    /// Follows `process` over `[10⁻³ S, S]`, the end time that score-based models declare by
    /// custom (Song et al. 2021, app. C), or to `(1 − 10⁻³) S` where `λ(S)` is not finite.
    #[must_use]
    pub fn new(process: P) -> Self {
        let c = process.coefs(process.horizon());
        let open = !process.lambda(process.horizon()).is_finite()
            || process.lambda(process.horizon()) > 1e6
            || !c.d_sigma.is_finite();
        Self { process, start: 1e-3, end: if open { 1.0 - 1e-3 } else { 1.0 } }
    }

    /// The process's clock at `t`.
    #[must_use]
    pub fn process_time(&self, t: f64) -> f64 {
        self.process.horizon() * (1.0 - t)
    }
}

impl<P: LinearSde> Schedule for Noising<P> {
    fn at(&self, t: f64) -> Coefs {
        let c = self.process.coefs(self.process_time(t));
        let rate = -self.process.horizon();
        Coefs { d_alpha: rate * c.d_alpha, d_sigma: rate * c.d_sigma, ..c }
    }

    fn domain(&self) -> Interval {
        Interval { start: 1.0 - self.end, end: 1.0 - self.start }
    }
}
