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
/// The unit clock is reached from any horizon, [0, 80] of EDM included: S is part of the
/// derivatives, and so of every velocity made from them,
///
/// ```text
/// v_t(x) = α′_t E[x₁|x] + σ′_t E[x₀|x] = S (λ x + ½ g² ∇log q)
/// ```
///
/// The process is followed for `s ∈ [s_min, s_max]`, so that [`Schedule::domain`] is
/// `[1 − s_max/S, 1 − s_min/S]`; both ends are what the process declares
/// ([`crate::process::Domain::followed`]): σ is 0 at `s = 0`, and λ is infinite at `s = S` for
/// cosine and CondOT.
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
    /// Follows `process` over its declared domain.
    #[must_use]
    pub fn new(process: P) -> Self {
        let domain = process.domain();
        let followed = domain.followed();
        let (start, end) = (followed.start / domain.horizon, followed.end / domain.horizon);
        Self { process, start, end }
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
