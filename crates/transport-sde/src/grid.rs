//! Step grids: the times that a path is integrated through.

mod spaced;

pub use spaced::{Finish, Spacing, karras};

use transport_core::Interval;

/// Times in one direction, at least two.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid(Vec<f64>);

/// Times that do not make a grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// Fewer than two times.
    #[error("a grid needs at least 2 times (1 step), not {found}")]
    TooShort {
        /// How many there are.
        found: usize,
    },
    /// A time that does not continue in the grid's direction, or is not finite.
    #[error("time {index} of the grid is {value}: times are finite and strictly monotone")]
    NotMonotone {
        /// Where.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// A spacing in `σ/α` from or to a time where it is 0 or infinite.
    #[error("σ/α is {ratio} at t = {t}: this spacing needs it finite and above 0")]
    Unbounded {
        /// The time.
        t: f64,
        /// The noise level there.
        ratio: f64,
    },
    /// A noise level that the schedule does not reach, or that is not a number.
    #[error("noise level {index} is {value}: the schedule's σ/α runs from {most} down to 0")]
    Level {
        /// Which.
        index: usize,
        /// Its value.
        value: f64,
        /// The largest level of the schedule.
        most: f64,
    },
    /// An exponent of Karras's spacing that is not positive.
    #[error("ρ is {rho}: a finite number above 0")]
    Rho {
        /// Its value.
        rho: f64,
    },
}

impl Grid {
    /// A grid from a list of times, increasing or decreasing.
    ///
    /// # Errors
    /// [`GridError`] when there are fewer than two or they are not strictly monotone and finite.
    pub fn new(times: Vec<f64>) -> Result<Self, GridError> {
        if times.len() < 2 {
            return Err(GridError::TooShort { found: times.len() });
        }
        let forwards = times[1] > times[0];
        let bad = |pair: &[f64]| {
            let ordered = if forwards { pair[1] > pair[0] } else { pair[1] < pair[0] };
            !(ordered && pair[0].is_finite() && pair[1].is_finite())
        };
        match times.windows(2).position(bad) {
            Some(k) => Err(GridError::NotMonotone { index: k + 1, value: times[k + 1] }),
            None => Ok(Self(times)),
        }
    }

    /// `steps` equal steps over an interval.
    ///
    /// # Errors
    /// [`GridError`] when `steps` is 0 or the interval is empty.
    ///
    /// # Example
    /// ```
    /// use transport_core::Interval;
    /// use transport_sde::Grid;
    /// assert_eq!(Grid::uniform(Interval::UNIT, 4).unwrap().times(), [0.0, 0.25, 0.5, 0.75, 1.0]);
    /// ```
    pub fn uniform(interval: Interval, steps: usize) -> Result<Self, GridError> {
        let at = |k: usize| {
            if k == steps {
                interval.end
            } else {
                interval.start + interval.length() * k as f64 / steps as f64
            }
        };
        Self::new((0..=steps).map(at).collect())
    }

    /// The times.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.0
    }

    /// Its last time.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// Its first and last time alone.
    #[must_use]
    pub fn ends(&self) -> Self {
        Self(vec![self.0[0], self.last()])
    }

    /// The same grid, walked the other way.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self(self.0.iter().rev().copied().collect())
    }

    /// The increasing grid with `knots` put in, each moved into the grid's interval first.
    #[must_use]
    pub fn with_knots(&self, knots: &[f64]) -> Self {
        let (start, end) = (self.0[0], self.0[self.0.len() - 1]);
        let inside = knots.iter().map(|t| t.clamp(start.min(end), start.max(end)));
        let mut times: Vec<f64> = self.0.iter().copied().chain(inside).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        if end < start {
            times.reverse();
        }
        Self(times)
    }
}
