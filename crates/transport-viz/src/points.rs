//! A cloud of points: n rows of `dim` values, row after row.

use crate::VizError;

/// Borrowed row-major points `[n, dim]`, n ≥ 1 and dim ≥ 1. Values may be non-finite: figures
/// leave those out and say how many.
///
/// ```
/// use transport_viz::Points;
///
/// let points = Points::new(&[1.0, 2.0, 3.0, 4.0], 2)?;
/// assert_eq!((points.len(), points.row(1)), (2, &[3.0, 4.0][..]));
/// # Ok::<(), transport_viz::VizError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Points<'a> {
    values: &'a [f64],
    dim: usize,
}

impl<'a> Points<'a> {
    /// Takes `values` as rows of `dim`.
    ///
    /// # Errors
    /// [`VizError::ZeroDim`], [`VizError::Empty`], or [`VizError::Length`] when the last row is
    /// not whole.
    pub fn new(values: &'a [f64], dim: usize) -> Result<Self, VizError> {
        if dim == 0 {
            return Err(VizError::ZeroDim);
        }
        if values.is_empty() {
            return Err(VizError::Empty { what: "points" });
        }
        if !values.len().is_multiple_of(dim) {
            return Err(VizError::Length { len: values.len(), dim });
        }
        Ok(Self { values, dim })
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Never: an empty cloud is refused by [`Points::new`].
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When `i` is not below [`Points::len`].
    pub fn row(&self, i: usize) -> &'a [f64] {
        &self.values[i * self.dim..(i + 1) * self.dim]
    }

    pub(crate) fn rows(self) -> impl Iterator<Item = &'a [f64]> {
        self.values.chunks_exact(self.dim)
    }

    pub(crate) fn column(self, j: usize) -> impl Iterator<Item = f64> + 'a {
        self.rows().map(move |row| row[j])
    }

    /// The pair of columns (i, j), row by row.
    pub(crate) fn pairs(self, (i, j): (usize, usize)) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.rows().map(move |row| (row[i], row[j]))
    }

    /// That column `axis` exists.
    pub(crate) fn check_axis(&self, panel: &str, axis: usize) -> Result<(), VizError> {
        if axis < self.dim {
            return Ok(());
        }
        Err(VizError::AxisOutOfRange { panel: panel.to_owned(), axis, dim: self.dim })
    }
}
