//! Where the steps of a sampler are: spacings in time, and in the noise level of a schedule.

use super::{Grid, GridError};
use std::f64::consts::PI;
use transport_core::Interval;
use transport_core::schedule::{Discrete, Schedule};

/// How `n` steps divide an interval `[a, b]` of the transport clock; `ϱ = σ/α`, `λ = −ln ϱ`.
///
/// | spacing | knot `i`, `u = i/n` | dense |
/// |---|---|---|
/// | uniform | `a + (b − a) u` | nowhere |
/// | quadratic | `b − (b − a)(1 − u)²` | near the data |
/// | cosine | `a + (b − a)(1 − cos πu)/2` | at both ends |
/// | log-SNR | `λ = λ_a + (λ_b − λ_a) u` | near the data |
/// | Karras | `ϱ = (ϱ_a^{1/ρ} + (ϱ_b^{1/ρ} − ϱ_a^{1/ρ}) u)^ρ` | near the data |
///
/// # References
/// Song, Meng & Ermon (2021), app. D.2 (quadratic); Lu et al. (2022), "DPM-Solver" (log-SNR);
/// Karras et al. (2022), eq. (5).
/// # Checked by
/// `tests/it/grids.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spacing {
    /// Equal steps of time.
    Uniform,
    /// Times that shrink quadratically towards the data.
    Quadratic,
    /// Chebyshev's, short at both ends.
    Cosine,
    /// Equal steps of λ.
    LogSnr,
    /// Equal steps of `ϱ^{1/ρ}`; 7 is the authors' choice, 1 is uniform in ϱ.
    Karras {
        /// The exponent ρ.
        rho: f64,
    },
}

/// Where a sampler's grid ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// At the end of the interval that is divided.
    Declared,
    /// At `t = 1`, where `σ = 0`, by one more step: the interval gets one step less.
    #[default]
    Clean,
}

/// Karras's levels: `n + 1` values of `ϱ` from `most` down to `least`.
///
/// ```text
/// ϱᵢ = (most^{1/ρ} + i/n (least^{1/ρ} − most^{1/ρ}))^ρ
/// ```
#[must_use]
pub fn karras(most: f64, least: f64, n: usize, rho: f64) -> Vec<f64> {
    let (high, low) = (most.powf(1.0 / rho), least.powf(1.0 / rho));
    (0..=n).map(|i| (high + i as f64 / n as f64 * (low - high)).powf(rho)).collect()
}

impl Grid {
    /// `steps` steps over `within`, a part of the schedule's [`Schedule::sampling`] interval.
    ///
    /// # Errors
    /// [`GridError`] when there are no steps, when `within` is empty, or when the spacing is one
    /// of the noise level and that is 0 or infinite at an end of `within`.
    ///
    /// # Example
    /// ```
    /// use transport_core::{Schedule, process::Edm, schedule::Noising};
    /// use transport_sde::{Finish, Grid, Spacing};
    /// let edm = Noising { process: Edm::default(), start: 0.002 / 80.0, end: 1.0 };
    /// let spacing = Spacing::Karras { rho: 7.0 };
    /// let grid = Grid::spaced(&edm, edm.domain(), spacing, 18, Finish::Clean).unwrap();
    /// assert!((edm.at(grid.times()[1]).sigma - 57.586).abs() < 1e-3);
    /// assert!((edm.at(grid.times()[17]).sigma - 0.002).abs() < 1e-9);
    /// ```
    pub fn spaced(
        schedule: &dyn Schedule,
        within: Interval,
        spacing: Spacing,
        steps: usize,
        finish: Finish,
    ) -> Result<Self, GridError> {
        let extra = finish == Finish::Clean && within.end < 1.0;
        let n = if extra { steps.saturating_sub(1) } else { steps };
        let mut times = match (n, extra) {
            (0, true) if steps == 1 => vec![within.start],
            (0, _) => return Err(GridError::TooShort { found: 1 }),
            _ => knots(schedule, within, spacing, n)?,
        };
        if extra {
            times.push(1.0);
        }
        Self::new(times)
    }

    /// The grid that suits a schedule when nothing else is known: equal steps of time to the
    /// clean end where the clock starts without data (`α = 0`), as in flow matching; Karras's
    /// levels with ρ = 7 over the domain and a last step to the clean end for a noising process.
    ///
    /// # Errors
    /// [`GridError::TooShort`] when there are no steps.
    pub fn sampling(schedule: &dyn Schedule, steps: usize) -> Result<Self, GridError> {
        let (domain, sampling) = (schedule.domain(), schedule.sampling());
        if schedule.at(sampling.start).alpha == 0.0 {
            return Self::spaced(schedule, sampling, Spacing::Uniform, steps, Finish::Clean);
        }
        Self::spaced(schedule, domain, Spacing::Karras { rho: 7.0 }, steps, Finish::Clean)
    }

    /// The grid through the given levels `σ/α`, from noise to data; the last may be 0.
    ///
    /// # Errors
    /// [`GridError::Level`] when the schedule does not reach one, or as [`Grid::new`].
    pub fn of_levels(schedule: &dyn Schedule, levels: &[f64]) -> Result<Self, GridError> {
        let start = schedule.sampling().start;
        let most = ratio(schedule, start);
        let time = |(index, value): (usize, &f64)| match *value {
            value if value >= 0.0 && value < most => Ok(schedule.time_of_log_snr(-value.ln())),
            // The first level is where the schedule begins, up to the rounding of either.
            value if value >= most && value <= most * (1.0 + 1e-9) => Ok(start),
            value => Err(GridError::Level { index, value, most }),
        };
        Self::new(levels.iter().enumerate().map(time).collect::<Result<_, _>>()?)
    }

    /// The grid through the given timesteps of a table, from noise to data, and to the clean end
    /// when `finish` says so.
    ///
    /// # Errors
    /// As [`Grid::new`].
    ///
    /// # Example
    /// ```
    /// use transport_core::schedule::{Discrete, Timesteps};
    /// use transport_sde::{Finish, Grid};
    /// let table = Discrete::linear(10, 1e-4, 0.02).unwrap();
    /// let timesteps = table.timesteps(Timesteps::Leading { offset: 0 }, 2).unwrap();
    /// let grid = Grid::of_timesteps(&table, &timesteps, Finish::Clean).unwrap();
    /// assert_eq!(grid.times(), [0.4, 0.9, 1.0]);
    /// ```
    pub fn of_timesteps(
        table: &Discrete,
        timesteps: &[f64],
        finish: Finish,
    ) -> Result<Self, GridError> {
        let clean = (finish == Finish::Clean).then_some(1.0);
        Self::new(timesteps.iter().map(|k| table.time(*k)).chain(clean).collect())
    }
}

fn ratio(schedule: &dyn Schedule, t: f64) -> f64 {
    let c = schedule.at(t);
    c.sigma / c.alpha
}

/// `n + 1` knots from one end of `within` to the other, the ends exact.
fn knots(
    schedule: &dyn Schedule,
    within: Interval,
    spacing: Spacing,
    n: usize,
) -> Result<Vec<f64>, GridError> {
    let Interval { start, end } = within;
    let part = |u: f64| start + within.length() * u;
    let inner: Box<dyn Fn(f64) -> f64> = match spacing {
        Spacing::Uniform => Box::new(part),
        Spacing::Quadratic => Box::new(move |u| part(1.0 - (1.0 - u).powi(2))),
        Spacing::Cosine => Box::new(move |u| part(0.5 * (1.0 - (PI * u).cos()))),
        Spacing::LogSnr => {
            let (first, last) = (-bounded(schedule, start)?.ln(), -bounded(schedule, end)?.ln());
            Box::new(move |u| schedule.time_of_log_snr(first + (last - first) * u))
        }
        Spacing::Karras { rho } => {
            if !(rho > 0.0 && rho.is_finite()) {
                return Err(GridError::Rho { rho });
            }
            let root = |t| bounded(schedule, t).map(|ratio| ratio.powf(1.0 / rho));
            let (first, last) = (root(start)?, root(end)?);
            Box::new(move |u| schedule.time_of_log_snr(-rho * (first + (last - first) * u).ln()))
        }
    };
    let at = |i: usize| match i {
        0 => start,
        i if i == n => end,
        i => inner(i as f64 / n as f64),
    };
    Ok((0..=n).map(at).collect())
}

/// `σ/α` at `t`, when it is a level that can be divided.
fn bounded(schedule: &dyn Schedule, t: f64) -> Result<f64, GridError> {
    let ratio = ratio(schedule, t);
    if ratio > 0.0 && ratio.is_finite() {
        Ok(ratio)
    } else {
        Err(GridError::Unbounded { t, ratio })
    }
}
