//! At which noise levels a model is trained.

use super::{Batch, ObjectiveError};
use serde::{Deserialize, Serialize};
use transport_core::Interval;
use transport_core::schedule::{Named, Schedule};
use transport_sde::diagnostics::normal_quantile;

/// The law of the times at which a loss is evaluated, with `λ = ln(α/σ)`.
///
/// | law | drawn | used by |
/// |---|---|---|
/// | uniform | `t` uniform on the domain | Song et al. (2021) |
/// | log-SNR | `λ` uniform between its values at the ends | likelihood by importance sampling |
/// | log-normal | `−λ ~ N(mean, std²)`, moved into the domain | Karras et al. (2022) |
/// | geometric | `λ` on `levels` equally spaced values | NCSN, Song & Ermon (2019) |
/// | at | one time | a score at one noise level |
///
/// Whatever the law, the draws of a batch are spread evenly over it ([`Batch::times`]).
///
/// # Checked by
/// `tests/it/weightings.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeLaw {
    /// Uniform in time.
    #[default]
    Uniform,
    /// Uniform in the logarithm of the signal-to-noise ratio.
    LogSnr,
    /// `ln(σ/α)` normal.
    LogNormal {
        /// P_mean, −1.2 in the paper.
        mean: f64,
        /// P_std, 1.2 in the paper.
        std: f64,
    },
    /// Noise levels in a geometric sequence.
    Geometric {
        /// How many, at least 2.
        levels: usize,
    },
    /// One time.
    At(f64),
}

impl TimeLaw {
    /// Whether the schedule has such times.
    ///
    /// # Errors
    /// [`ObjectiveError::Unbounded`] when levels are asked for between ends of which one is
    /// infinite; [`ObjectiveError::Setting`] when a number is out of range.
    pub fn check(&self, schedule: Named) -> Result<(), ObjectiveError> {
        let Interval { start, end } = schedule.domain();
        let setting = |what, value, expected| ObjectiveError::Setting { what, value, expected };
        match *self {
            Self::LogSnr | Self::Geometric { .. } => bounded("times", schedule)?,
            Self::LogNormal { mean, .. } if !mean.is_finite() => {
                return Err(setting("log_noise_mean", mean, "a finite number"));
            }
            Self::LogNormal { std, .. } if !(std > 0.0 && std.is_finite()) => {
                return Err(setting("log_noise_std", std, "a finite number above 0"));
            }
            Self::At(t) if !(start..=end).contains(&t) => {
                return Err(setting("the time", t, "inside the schedule's domain"));
            }
            _ => {}
        }
        match *self {
            Self::Geometric { levels } if !(2..=1 << 16).contains(&levels) => {
                Err(setting("levels", levels as f64, "at least 2 and at most 65536"))
            }
            _ => Ok(()),
        }
    }

    /// One time for each row of a batch.
    #[must_use]
    pub fn draw(&self, schedule: Named, batch: &Batch) -> Vec<f64> {
        let domain = schedule.domain();
        let (first, last) = (schedule.log_snr(domain.start), schedule.log_snr(domain.end));
        let inside = |lambda: f64| schedule.time_of_log_snr(lambda).clamp(domain.start, domain.end);
        let spread = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
            batch.times(Interval::UNIT).into_iter().map(f).collect()
        };
        match *self {
            Self::Uniform => batch.times(domain),
            Self::LogSnr => spread(&|u| inside(first + (last - first) * u)),
            Self::LogNormal { mean, std } => {
                spread(&|u| inside(-(mean + std * normal_quantile(u.max(f64::EPSILON)))))
            }
            Self::Geometric { levels } => {
                let times = geometric(schedule, levels);
                spread(&|u| times[((u * levels as f64) as usize).min(levels - 1)])
            }
            Self::At(t) => vec![t; batch.data.dims()[0]],
        }
    }

    /// `λ′(t)` over the density of this law, up to a constant: what turns a mean over its draws
    /// into the mean over λ. `None` where the law does not reach every level with a known density.
    pub(super) fn log_snr_ratio(&self, schedule: Named, t: f64) -> Option<f64> {
        match self {
            Self::Uniform => {
                let domain = schedule.domain();
                let range = schedule.log_snr(domain.end) - schedule.log_snr(domain.start);
                let c = schedule.at(t);
                let rate = c.d_alpha / c.alpha - c.d_sigma / c.sigma;
                Some(rate * domain.length() / range)
            }
            Self::LogSnr => Some(1.0),
            _ => None,
        }
    }
}

/// The times of `levels` noise levels in a geometric sequence over the domain, from the noisiest
/// to the cleanest.
///
/// ```text
/// ϱ_k = ϱ_first (ϱ_last/ϱ_first)^{k/(levels − 1)},     ϱ = σ/α
/// ```
#[must_use]
pub fn geometric(schedule: Named, levels: usize) -> Vec<f64> {
    let Interval { start, end } = schedule.domain();
    let (first, last) = (schedule.log_snr(start), schedule.log_snr(end));
    let at = |k: usize| match k {
        0 => start,
        k if k + 1 == levels => end,
        k => schedule
            .time_of_log_snr(first + (last - first) * k as f64 / (levels.max(2) - 1) as f64)
            .clamp(start, end),
    };
    (0..levels).map(at).collect()
}

/// Whether `ln(σ/α)` is finite at both ends of the domain.
pub(crate) fn bounded(what: &'static str, schedule: Named) -> Result<(), ObjectiveError> {
    let domain = schedule.domain();
    for t in [domain.start, domain.end] {
        let log_snr = schedule.log_snr(t);
        if !log_snr.is_finite() {
            return Err(ObjectiveError::Unbounded { what, schedule, t, log_snr });
        }
    }
    Ok(())
}
