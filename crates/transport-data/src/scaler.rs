//! Affine scaling, fitted on the training rows.
//!
//! ```text
//! z_j = (x_j − m_j) / s_j    over the active columns j,    log|det dz/dx| = −Σ_j log s_j
//! ```
//!
//! A column that lies in an interval is carried to the line before, by a [`Support`].
//!
//! A column that has one value in all training rows is not active: it has no density, so the model
//! never sees it, and [`Scaler::inverse`] puts its value back.

mod fit;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use stored::decimal;

use serde::{Deserialize, Serialize};
use stored::Stored;

use crate::support::{Support, to_line};
use crate::{DataError, Table};

/// Affine scaling fitted on the training rows.
///
/// Its numbers are stored as decimal strings, the shortest that read back to the same `f64`, since
/// some parsers of JSON numbers round.
///
/// # Example
/// ```
/// use transport_data::{Scaler, Table};
/// let t = Table::from_rows_unnamed(2, vec![1.0, 7.0, 3.0, 7.0])?;
/// let scaler = Scaler::standardize(&t)?;
/// assert_eq!(scaler.constant_columns(), [1]);
/// assert_eq!(scaler.transform(&t)?, [-1.0, 1.0]);
/// assert_eq!(scaler.inverse(&[-1.0, 1.0]), t.values());
/// # Ok::<(), transport_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Scaler {
    columns: Vec<Column>,
    range: Option<(f64, f64)>,
    /// One for each column, or none at all.
    supports: Vec<Option<Support>>,
}

/// What happens to one column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Constant(f64),
    Active(Affine),
}

/// z = (x − mean) / scale, scale > 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Affine {
    mean: f64,
    scale: f64,
}

impl Scaler {
    /// The columns that had one value in all training rows.
    pub fn constant_columns(&self) -> Vec<usize> {
        self.constants().map(|(j, _)| j).collect()
    }

    /// The columns that are coordinates of the model's space, ascending.
    pub fn active_columns(&self) -> Vec<usize> {
        let active =
            |(j, column): (usize, &Column)| matches!(column, Column::Active(_)).then_some(j);
        self.columns.iter().enumerate().filter_map(active).collect()
    }

    /// Columns of the data.
    pub fn input_dim(&self) -> usize {
        self.columns.len()
    }

    /// Columns of the model's space: those that are not constant, at least one.
    pub fn output_dim(&self) -> usize {
        self.active().count()
    }

    /// Data to the model's space: `[rows, input_dim]` to `[rows, output_dim]`. A constant column is
    /// dropped whatever it holds; [`Scaler::off_support`] tells whether it holds its constant.
    ///
    /// # Errors
    /// [`DataError::WrongWidth`], and [`DataError::OutsideSupport`] for a value that is not in its
    /// column's support.
    pub fn transform(&self, table: &Table) -> Result<Vec<f64>, DataError> {
        let (expected, found) = (self.input_dim(), table.cols());
        if expected != found {
            return Err(DataError::WrongWidth { expected, found });
        }
        if self.supports.is_empty() {
            return Ok(self.scaled(table));
        }
        Ok(self.scaled(&to_line(table, &self.supports)?))
    }

    fn scaled(&self, table: &Table) -> Vec<f64> {
        let mut values = Vec::with_capacity(table.rows() * self.output_dim());
        for row in table.values().chunks_exact(table.cols()) {
            let active = row.iter().zip(&self.columns).filter_map(|(x, column)| match column {
                Column::Active(a) => Some((x - a.mean) / a.scale),
                Column::Constant(_) => None,
            });
            values.extend(active);
        }
        values
    }

    /// The model's space to data: `[rows, output_dim]` to `[rows, input_dim]`, the constants put
    /// back bit for bit, the rest clipped to the range if there is one.
    ///
    /// # Panics
    /// If the values do not fill rows of [`Scaler::output_dim`].
    pub fn inverse(&self, values: &[f64]) -> Vec<f64> {
        let dim = self.output_dim();
        assert!(values.len().is_multiple_of(dim), "{} values, rows of {dim}", values.len());
        let mut data = Vec::with_capacity(values.len() / dim * self.input_dim());
        for row in values.chunks_exact(dim) {
            let mut row = row.iter();
            for (j, column) in self.columns.iter().enumerate() {
                match column {
                    Column::Constant(value) => data.push(*value),
                    Column::Active(a) => {
                        data.extend(row.next().map(|z| self.placed(j, z * a.scale + a.mean)))
                    }
                }
            }
        }
        data
    }

    /// log|det d transform / dx| of each row: what is added to a model's log-density to state it in
    /// the units of the data. The rows lie in the columns' supports.
    ///
    /// # Panics
    /// If a row is not as wide as the data.
    pub fn log_abs_dets(&self, table: &Table) -> Vec<f64> {
        assert_eq!(table.cols(), self.input_dim(), "columns of the table, columns of the scaler");
        let scale = self.log_abs_det();
        let slope = |row: &[f64]| -> f64 {
            let columns = row.iter().zip(&self.supports);
            columns.filter_map(|(x, support)| support.map(|s| s.log_slope(*x))).sum()
        };
        (0..table.rows()).map(|i| scale + slope(table.row(i))).collect()
    }

    /// −Σ log s over the active columns: all of [`Scaler::log_abs_dets`] where no column has a
    /// support.
    pub fn log_abs_det(&self) -> f64 {
        -self.active().map(|a| a.scale.ln()).sum::<f64>()
    }

    /// The scale `s` of all active columns, where they share one and none has a support.
    pub fn common_scale(&self) -> Option<f64> {
        if !self.supports.is_empty() {
            return None;
        }
        let mut scales = self.active().map(|a| a.scale);
        let first = scales.next()?;
        scales.all(|s| s == first).then_some(first)
    }

    /// The first constant column in which the row differs from the constant: there the fitted law
    /// has no mass.
    ///
    /// # Panics
    /// If the row is not as wide as the data.
    pub fn off_support(&self, row: &[f64]) -> Option<usize> {
        assert_eq!(row.len(), self.input_dim(), "values in the row, columns of the scaler");
        self.constants().find(|&(j, value)| row[j] != value).map(|(j, _)| j)
    }

    fn active(&self) -> impl Iterator<Item = Affine> {
        self.columns.iter().filter_map(|column| match column {
            Column::Active(affine) => Some(*affine),
            Column::Constant(_) => None,
        })
    }

    fn constants(&self) -> impl Iterator<Item = (usize, f64)> {
        self.columns.iter().enumerate().filter_map(|(j, column)| match column {
            Column::Constant(value) => Some((j, *value)),
            Column::Active(_) => None,
        })
    }

    /// In the range of all columns, or the support of column `j`.
    fn placed(&self, j: usize, x: f64) -> f64 {
        match (self.supports.get(j), self.range) {
            (Some(Some(support)), _) => support.from_line(x),
            (_, Some((low, high))) => x.clamp(low, high),
            _ => x,
        }
    }
}

fn is_range(low: f64, high: f64) -> bool {
    low.is_finite() && high.is_finite() && low < high
}
