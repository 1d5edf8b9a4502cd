//! Where a process is declared, on its own clock.

use crate::time::Interval;

/// The declared domain of a linear SDE: `[0, S]`, or `[0, S)` where the rate is infinite at `S`.
///
/// ```text
/// λ(s), g(s) and the marginal are finite for every s of the domain;
/// σ(0) = 0, so the score exists from `first` on
/// ```
///
/// Nothing is clipped: what lies outside is the caller's to refuse, by [`Domain::contains`].
///
/// # Example
/// ```
/// use transport_core::process::{Cosine, Domain, Edm, LinearSde};
/// assert!(Edm::default().domain().contains(80.0));
/// assert!(!Cosine::default().domain().contains(1.0));
/// assert_eq!(Domain::open(2.0).followed().end, 2.0 - 2e-3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Domain {
    /// `S`, where the reference stands.
    pub horizon: f64,
    /// Whether `S` itself belongs to the domain.
    pub closed: bool,
    /// The least `s` at which a score is asked for, near the data.
    pub first: f64,
}

/// The fraction of the horizon that is left out by custom at an end where something is infinite
/// (Song et al. 2021, app. C).
const MARGIN: f64 = 1e-3;

impl Domain {
    /// `[0, S]`.
    #[must_use]
    pub fn closed(horizon: f64) -> Self {
        Self { horizon, closed: true, first: MARGIN * horizon }
    }

    /// `[0, S)`.
    #[must_use]
    pub fn open(horizon: f64) -> Self {
        Self { closed: false, ..Self::closed(horizon) }
    }

    /// The same domain with the score asked for from `first` on.
    #[must_use]
    pub fn from(self, first: f64) -> Self {
        Self { first, ..self }
    }

    /// Whether λ, g and the marginal are finite at `s`.
    #[must_use]
    pub fn contains(&self, s: f64) -> bool {
        s >= 0.0 && (s < self.horizon || (self.closed && s == self.horizon))
    }

    /// What a sampler follows: from `first` to `S`, or to `S − 10⁻³ S` where `S` is left out.
    #[must_use]
    pub fn followed(&self) -> Interval {
        let end = if self.closed { self.horizon } else { (1.0 - MARGIN) * self.horizon };
        Interval { start: self.first, end }
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = if self.closed && self.horizon.is_finite() { ']' } else { ')' };
        match self.horizon.is_finite() {
            true => write!(f, "[0, {}{end}", self.horizon),
            false => write!(f, "[0, ∞{end}"),
        }
    }
}
