//! Costs that are given: as a matrix, or as a function of two points.

use super::{Cost, Side};
use crate::error::OtError;
use std::sync::OnceLock;

/// A cost matrix `[n, m]`, row-major.
///
/// # Example
/// ```
/// use transport_ot::cost::{Cost, Matrix, Side};
/// let cost = Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3]).unwrap();
/// let mut column = [0.0; 2];
/// cost.row(Side::Target, 2, &mut column);
/// assert_eq!(column, [3.0, 6.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Matrix {
    values: Vec<f64>,
    shape: [usize; 2],
    /// Columns side by side in memory, made when they are first read.
    transposed: OnceLock<Vec<f64>>,
}

impl Matrix {
    /// Costs row by row.
    ///
    /// # Errors
    /// [`OtError::TooFewPoints`], [`OtError::Size`], [`OtError::NotFinite`].
    pub fn new(values: Vec<f64>, shape: [usize; 2]) -> Result<Self, OtError> {
        for (points, side) in shape.into_iter().zip(["source", "target"]) {
            if points == 0 {
                return Err(OtError::TooFewPoints { side, points, needed: 1 });
            }
        }
        let (expected, found) = (shape[0] * shape[1], values.len());
        if expected != found {
            return Err(OtError::Size { what: "the cost matrix", expected, found });
        }
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(OtError::NotFinite { what: "cost", index, value: values[index] });
        }
        Ok(Self { values, shape, transposed: OnceLock::new() })
    }

    /// The costs, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn columns(&self) -> &[f64] {
        let [n, m] = self.shape;
        self.transposed.get_or_init(|| {
            let mut out = vec![0.0; n * m];
            for (i, row) in self.values.chunks_exact(m).enumerate() {
                row.iter().enumerate().for_each(|(j, c)| out[j * n + i] = *c);
            }
            out
        })
    }
}

impl Cost for Matrix {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn row(&self, side: Side, index: usize, out: &mut [f64]) {
        let length = self.size(side.other());
        let values = match side {
            Side::Source => &self.values,
            Side::Target => self.columns(),
        };
        out.copy_from_slice(&values[index * length..(index + 1) * length]);
    }
}

/// A cost that is a function of two points.
///
/// # Example
/// ```
/// use transport_ot::cost::{Cost, Function, Side};
/// let taxi = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum();
/// let cost = Function::new(&[0.0, 0.0], &[1.0, 2.0], 2, taxi).unwrap();
/// let mut row = [0.0];
/// cost.row(Side::Source, 0, &mut row);
/// assert_eq!(row, [3.0]);
/// ```
pub struct Function<'a, F> {
    x: &'a [f64],
    y: &'a [f64],
    d: usize,
    cost: F,
}

impl<F> std::fmt::Debug for Function<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("d", &self.d).finish_non_exhaustive()
    }
}

impl<'a, F: Fn(&[f64], &[f64]) -> f64 + Sync> Function<'a, F> {
    /// `cost(x, y)` between the rows of `x`: `[n, d]` and `y`: `[m, d]`.
    ///
    /// Every pair is tried once, so that no cost is found out later not to be finite.
    ///
    /// # Errors
    /// [`OtError::TooFewPoints`], [`OtError::Size`], [`OtError::NotFinite`] with the pair's index
    /// in the `[n, m]` matrix.
    pub fn new(x: &'a [f64], y: &'a [f64], d: usize, cost: F) -> Result<Self, OtError> {
        for (points, side) in [(x, "source"), (y, "target")] {
            if d == 0 || points.is_empty() {
                return Err(OtError::TooFewPoints { side, points: 0, needed: 1 });
            }
            if !points.len().is_multiple_of(d) {
                let expected = points.len().next_multiple_of(d);
                return Err(OtError::Size { what: "coordinates", expected, found: points.len() });
            }
        }
        let made = Self { x, y, d, cost };
        let [n, m] = made.shape();
        let mut row = vec![0.0; m];
        for i in 0..n {
            made.row(Side::Source, i, &mut row);
            if let Some(j) = row.iter().position(|c| !c.is_finite()) {
                return Err(OtError::NotFinite { what: "cost", index: i * m + j, value: row[j] });
            }
        }
        Ok(made)
    }
}

impl<F: Fn(&[f64], &[f64]) -> f64 + Sync> Cost for Function<'_, F> {
    fn shape(&self) -> [usize; 2] {
        [self.x.len() / self.d, self.y.len() / self.d]
    }

    fn row(&self, side: Side, index: usize, out: &mut [f64]) {
        let d = self.d;
        let own = index * d..(index + 1) * d;
        match side {
            Side::Source => fill(out, self.y, d, |y| (self.cost)(&self.x[own.clone()], y)),
            Side::Target => fill(out, self.x, d, |x| (self.cost)(x, &self.y[own.clone()])),
        }
    }
}

fn fill(out: &mut [f64], points: &[f64], d: usize, cost: impl Fn(&[f64]) -> f64) {
    assert_eq!(out.len(), points.len() / d, "a row of costs");
    out.iter_mut().zip(points.chunks_exact(d)).for_each(|(out, point)| *out = cost(point));
}
