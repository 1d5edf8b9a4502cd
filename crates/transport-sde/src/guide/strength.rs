//! How strongly a field is guided, and when.

use transport_core::{Interval, Times};

/// A weight that holds on an interval of the transport clock.
///
/// ```text
/// w(t) = w on [start, end],  the neutral weight elsewhere
/// ```
///
/// Guidance early on the clock, where the noise drowns the data, narrows what can be sampled; late
/// it does little. An interval in the middle keeps the quality and most of the variety.
///
/// # References
/// Kynkäänniemi et al. (2024), "Applying guidance in a limited interval improves sample and
/// distribution quality in diffusion models", which states the interval in σ.
/// # Example
/// ```
/// use transport_core::Interval;
/// use transport_sde::guide::Strength;
/// let strength = Strength::within(3.0, Interval { start: 0.2, end: 0.8 }).unwrap();
/// assert_eq!((strength.at(0.5, 1.0), strength.at(0.9, 1.0)), (3.0, 1.0));
/// assert!(Strength::new(f64::NAN).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    weight: f64,
    interval: Interval,
}

/// Guidance that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GuideError {
    /// A weight that is not a number.
    #[error("the guidance weight is {value}: a finite number")]
    Weight {
        /// Its value.
        value: f64,
    },
    /// An interval that is none, or leaves the clock.
    #[error("the guidance interval is [{start}, {end}]: two increasing times within [0, 1]")]
    Interval {
        /// Its start.
        start: f64,
        /// Its end.
        end: f64,
    },
}

impl Strength {
    /// 1 at all times.
    pub const FULL: Self = Self { weight: 1.0, interval: Interval::UNIT };

    /// `weight` at all times.
    ///
    /// # Errors
    /// [`GuideError::Weight`] when it is not finite.
    pub fn new(weight: f64) -> Result<Self, GuideError> {
        Self::within(weight, Interval::UNIT)
    }

    /// `weight` on an interval of the transport clock.
    ///
    /// # Errors
    /// [`GuideError`] when the weight is not finite or the interval is not one of `[0, 1]`.
    pub fn within(weight: f64, interval: Interval) -> Result<Self, GuideError> {
        let Interval { start, end } = interval;
        if !weight.is_finite() {
            return Err(GuideError::Weight { value: weight });
        }
        if !(start >= 0.0 && start < end && end <= 1.0) {
            return Err(GuideError::Interval { start, end });
        }
        Ok(Self { weight, interval })
    }

    /// `w(t)`, with `neutral` outside the interval.
    #[must_use]
    pub fn at(&self, t: f64, neutral: f64) -> f64 {
        if self.interval.contains(t) { self.weight } else { neutral }
    }

    /// Whether `w(t) = value` at all of these times.
    pub(super) fn is(&self, t: Times<'_>, neutral: f64, value: f64) -> bool {
        match t {
            Times::Same(t) => self.at(t, neutral) == value,
            Times::Each(times) => times.iter().all(|t| self.at(*t, neutral) == value),
        }
    }
}
