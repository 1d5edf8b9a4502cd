//! Losses that a model cannot be trained by.

use super::{TimeLaw, Weighting};
use transport_core::Head;
use transport_core::schedule::Named;

/// A combination of loss, weighting, times, head and schedule that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// A weight that is infinite at an end of the clock.
    #[error(
        "{weighting:?} weighs an error of the {head:?} head by {value} at t = {t} of the schedule {schedule:?}: it must be finite there; another head or weighting is"
    )]
    Infinite {
        /// The weighting.
        weighting: Weighting,
        /// What the network predicts.
        head: Head,
        /// The schedule.
        schedule: Named,
        /// The end of its domain.
        t: f64,
        /// The weight there.
        value: f64,
    },
    /// Noise levels between ends of which one is infinite.
    #[error(
        "{what} in the noise level ln(σ/α) need it finite at both ends of the clock: on the schedule {schedule:?} it is {} at t = {t}", -.log_snr
    )]
    Unbounded {
        /// What is asked for.
        what: &'static str,
        /// The schedule.
        schedule: Named,
        /// The end of its domain.
        t: f64,
        /// `ln(α/σ)` there.
        log_snr: f64,
    },
    /// A likelihood weight over times whose density is not known.
    #[error("the likelihood weighting needs times uniform or log-snr, not {times:?}")]
    LikelihoodTimes {
        /// The law of the times.
        times: TimeLaw,
    },
    /// A setting outside its range.
    #[error("{what} is {value}: {expected}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
}
