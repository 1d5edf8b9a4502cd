//! Columns that lie in an interval, carried to the line.
//!
//! ```text
//! u = log (x − low)/(high − x)     low < x < high,      log du/dx = log (high − low)/((x − low)(high − x))
//! u = log (x − low)                low < x, high = ∞,   log du/dx = −log (x − low)
//! ```

use crate::{DataError, Table};

/// An open interval, bounded on both sides or below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Support {
    low: f64,
    high: f64,
}

impl Support {
    /// `(low, high)`, where `high` may be infinite; `None` for the whole line.
    ///
    /// # Errors
    /// [`DataError::InvalidRange`] unless `low < high`, and for an interval bounded above alone.
    ///
    /// # Example
    /// ```
    /// use transport_data::Support;
    /// let unit = Support::new(0.0, 1.0)?.unwrap();
    /// assert_eq!(unit.to_line(0.5), 0.0);
    /// assert!(Support::new(f64::NEG_INFINITY, f64::INFINITY)?.is_none());
    /// # Ok::<(), transport_data::DataError>(())
    /// ```
    pub fn new(low: f64, high: f64) -> Result<Option<Self>, DataError> {
        match (low.is_finite(), high.is_finite()) {
            (false, false) if low < high => Ok(None),
            (true, _) if low < high => Ok(Some(Self { low, high })),
            _ => Err(DataError::InvalidRange { low, high }),
        }
    }

    /// Its ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Whether a value lies in it, the ends left out.
    pub fn contains(&self, x: f64) -> bool {
        self.low < x && x < self.high
    }

    /// The place on the line of a value inside.
    pub fn to_line(&self, x: f64) -> f64 {
        let below = (x - self.low).ln();
        if self.high.is_finite() { below - (self.high - x).ln() } else { below }
    }

    /// The value at a place on the line; never an end, to which it is rounded far out.
    pub fn from_line(&self, u: f64) -> f64 {
        if !self.high.is_finite() {
            return (self.low + u.exp()).clamp(self.low.next_up(), f64::MAX);
        }
        let fraction = 1.0 / (1.0 + (-u).exp());
        let x = self.low + (self.high - self.low) * fraction;
        x.clamp(self.low.next_up(), self.high.next_down())
    }

    /// `log du/dx` at a value inside.
    pub fn log_slope(&self, x: f64) -> f64 {
        let below = (x - self.low).ln();
        if !self.high.is_finite() {
            return -below;
        }
        (self.high - self.low).ln() - below - (self.high - x).ln()
    }
}

/// A table with the columns that have a support carried to the line.
///
/// # Errors
/// [`DataError::OutsideSupport`] at the first value outside.
pub(crate) fn to_line(table: &Table, supports: &[Option<Support>]) -> Result<Table, DataError> {
    let mut values = table.values().to_vec();
    for (i, row) in values.chunks_exact_mut(table.cols()).enumerate() {
        for (j, (x, support)) in row.iter_mut().zip(supports).enumerate() {
            let Some(support) = support else { continue };
            if !support.contains(*x) {
                let column = table.names()[j].clone();
                let (value, low, high) = (*x, support.low, support.high);
                return Err(DataError::OutsideSupport { row: i + 1, column, value, low, high });
            }
            *x = support.to_line(*x);
        }
    }
    Table::new(table.names().to_vec(), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_and_back_with_the_slope_of_differences() {
        let box_ = Support::new(-1.0, 3.0).unwrap().unwrap();
        let half = Support::new(2.0, f64::INFINITY).unwrap().unwrap();
        for (support, xs) in [(box_, [-0.999, 0.0, 2.9]), (half, [2.001, 3.0, 1e6])] {
            for x in xs {
                let u = support.to_line(x);
                assert!((support.from_line(u) - x).abs() < 1e-12 * x.abs().max(1.0));
                let (low, high) = support.ends();
                let h = 1e-6 * (x - low).min(high - x);
                let slope = (support.to_line(x + h) - support.to_line(x - h)) / (2.0 * h);
                assert!((slope.ln() - support.log_slope(x)).abs() < 1e-6, "{x}");
            }
            for u in [-1e4, -50.0, 50.0, 700.0] {
                assert!(support.contains(support.from_line(u)), "{u}");
            }
        }
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NEG_INFINITY, 0.0), (f64::NAN, 1.0)] {
            assert!(matches!(Support::new(low, high), Err(DataError::InvalidRange { .. })));
        }
    }
}
