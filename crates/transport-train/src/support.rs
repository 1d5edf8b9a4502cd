//! Data outside a bounded law's support.

use crate::problem::Schema;
use transport_models::flow::Outside;

/// A row that a law on a bounded support cannot have made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "row {} of those given to the model: {column} is {value}, outside the support {} of a model with \
     a uniform reference",
    .row + 1, interval(*.low, *.high)
)]
pub struct SupportError {
    /// The row, counted from 0 among the rows that were given.
    pub row: usize,
    /// The column.
    pub column: String,
    /// Its value, in the data's units.
    pub value: f64,
    /// The lower end of the support, in the data's units.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The support; that of angles by name: states in f32 only come near to ±π.
fn interval(low: f64, high: f64) -> String {
    use std::f64::consts::PI;
    let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
    if near(low, -PI) && near(high, PI) {
        return "[-π, π] = [-3.14159, 3.14159]".to_owned();
    }
    format!("[{low}, {high}]")
}

impl Schema {
    /// `s` and `m` of each coordinate of the model's space: `data = s · state + m`.
    pub(crate) fn to_data_units(&self) -> (Vec<f64>, Vec<f64>) {
        let d = self.scaler.output_dim();
        let active = self.scaler.active_columns();
        let at = |value: f64| {
            let row = self.scaler.inverse(&vec![value; d]);
            active.iter().map(|c| row[*c]).collect::<Vec<f64>>()
        };
        // A small step: images are clipped to their range.
        const STEP: f64 = 1.0 / 1024.0;
        let (origin, near) = (at(0.0), at(STEP));
        (near.iter().zip(&origin).map(|(near, zero)| (near - zero) / STEP).collect(), origin)
    }

    /// What is outside, in the words and units of the data.
    pub(crate) fn unsupported(&self, outside: &Outside) -> SupportError {
        let (k, d) = (outside.column, self.scaler.output_dim());
        let column = self.scaler.active_columns()[k];
        // Not affine where a column has a support of its own.
        let in_units = |state: f64| {
            let mut states = vec![0.0; d];
            states[k] = state;
            self.scaler.inverse(&states)[column]
        };
        let (low, high) = (in_units(outside.interval.0), in_units(outside.interval.1));
        SupportError {
            row: outside.row,
            column: self.names[column].clone(),
            value: in_units(outside.value),
            low,
            high,
        }
    }
}
