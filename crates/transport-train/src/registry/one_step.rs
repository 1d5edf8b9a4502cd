//! Maps that are one step from the reference (t = 0) to the data (t = 1).

use std::ops::Range;
use transport_sde::SolveError;

/// The values of some rows, as many for each, if all are finite.
///
/// # Errors
/// [`SolveError::NotFinite`] at the end of the one step, with the first row that is not.
pub(super) fn finite(values: Vec<f64>, rows: &Range<usize>) -> Result<Vec<f64>, SolveError> {
    let Some(place) = values.iter().position(|v| !v.is_finite()) else {
        return Ok(values);
    };
    let row = rows.start + (place * rows.len()).div_euclid(values.len());
    Err(SolveError::NotFinite { t: 1.0, row, step: 1, evals: 1 })
}
