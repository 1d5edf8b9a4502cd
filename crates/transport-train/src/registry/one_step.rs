//! Maps that are one step from the reference (t = 0) to the data (t = 1).

use burn::tensor::Tensor;
use std::ops::Range;
use transport_core::Space;
use transport_sde::SolveError;

/// The contexts of some rows, `[rows, columns]`, out of those of all.
pub(super) fn contexts(
    all: Option<&[f32]>,
    columns: usize,
    rows: &Range<usize>,
    space: &Space,
) -> Option<Tensor<2>> {
    let part = &all?[rows.start * columns..rows.end * columns];
    Some(space.tensor_f32(part.to_vec(), [rows.len(), columns]))
}

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
