//! Context columns as network inputs: classes one-hot, numbers standardised.

use serde::{Deserialize, Serialize};
use transport_data::Table;

/// A whole-number column with at most this many values is a class.
const MOST_CLASSES: usize = 32;

/// How one context column is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ColumnCode {
    /// One indicator for each value seen in training.
    Classes {
        /// The column.
        name: String,
        /// The values, ascending.
        values: Vec<f64>,
    },
    /// `(c − mean) / scale`.
    Number {
        /// The column.
        name: String,
        /// The training mean.
        mean: f64,
        /// The training standard deviation.
        scale: f64,
    },
}

/// How a context becomes network inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContextCode {
    /// The columns, in order.
    pub columns: Vec<ColumnCode>,
}

/// A context that the model does not know.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A class that was not in the training data.
    #[error("{name} = {value} was not in the training data, which has {}", list(.known))]
    UnknownClass {
        /// The column.
        name: String,
        /// What was asked for.
        value: f64,
        /// The classes of the training data.
        known: Vec<f64>,
    },
    /// A column that no value was given for.
    #[error("the model needs a value for context column `{name}`")]
    Missing {
        /// The column.
        name: String,
    },
    /// Two values for one column.
    #[error("context column `{name}` is given twice")]
    Twice {
        /// The column.
        name: String,
    },
    /// A value for a column that the model does not use.
    #[error("`{name}` is not a context of this model, which has {}",
        if .known.is_empty() { "none".to_owned() } else { .known.join(", ") })]
    UnknownColumn {
        /// What was given.
        name: String,
        /// The model's context columns.
        known: Vec<String>,
    },
}

fn list(values: &[f64]) -> String {
    values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

impl ColumnCode {
    /// Classes are read from all rows: one may stand in the held-out part alone. The scale of numbers
    /// is the training rows'.
    fn fit(name: &str, all: &[f64], train: &[f64]) -> Self {
        let mut values = all.to_vec();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let name = name.to_owned();
        if values.len() <= MOST_CLASSES && values.iter().all(|v| v.fract() == 0.0) {
            return Self::Classes { name, values };
        }
        let n = train.len() as f64;
        let mean = train.iter().sum::<f64>() / n;
        let variance = train.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        Self::Number { name, mean, scale }
    }

    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Classes { name, .. } | Self::Number { name, .. } => name,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Classes { values, .. } => values.len(),
            Self::Number { .. } => 1,
        }
    }

    fn encode(&self, value: f64, out: &mut Vec<f32>) -> Result<(), ContextError> {
        match self {
            Self::Number { mean, scale, .. } => out.push(((value - mean) / scale) as f32),
            Self::Classes { name, values } => {
                if !values.contains(&value) {
                    let (name, known) = (name.clone(), values.clone());
                    return Err(ContextError::UnknownClass { name, value, known });
                }
                out.extend(values.iter().map(|v| if *v == value { 1.0 } else { 0.0 }));
            }
        }
        Ok(())
    }
}

impl ContextCode {
    /// The code of a table's columns, of which `train` holds the rows that are trained on.
    #[must_use]
    pub fn fit(all: &Table, train: &Table) -> Self {
        let column = |table: &Table, j: usize| table.column(j).collect::<Vec<f64>>();
        let code =
            |(j, name): (usize, &String)| ColumnCode::fit(name, &column(all, j), &column(train, j));
        Self { columns: all.names().iter().enumerate().map(code).collect() }
    }

    /// The width of an encoded context.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.iter().map(ColumnCode::width).sum()
    }

    /// Encodes a table that has this code's columns, in order.
    ///
    /// # Errors
    /// [`ContextError::UnknownClass`] at the first class that training did not see.
    pub fn encode(&self, table: &Table) -> Result<Vec<f32>, ContextError> {
        let mut out = Vec::with_capacity(table.rows() * self.width());
        for i in 0..table.rows() {
            for (code, value) in self.columns.iter().zip(table.row(i)) {
                code.encode(*value, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Encodes one context given by name.
    ///
    /// # Errors
    /// [`ContextError`] when a column is missing, unknown, given twice, or has an unknown class.
    pub fn encode_given(&self, given: &[(String, f64)]) -> Result<Vec<f32>, ContextError> {
        let names = || self.columns.iter().map(|c| c.name().to_owned()).collect::<Vec<_>>();
        let twice = |(i, pair): &(usize, &(String, f64))| given[..*i].iter().any(|p| p.0 == pair.0);
        if let Some((_, (name, _))) = given.iter().enumerate().find(twice) {
            return Err(ContextError::Twice { name: name.clone() });
        }
        if let Some((name, _)) = given.iter().find(|(name, _)| !names().contains(name)) {
            return Err(ContextError::UnknownColumn { name: name.clone(), known: names() });
        }
        let mut out = Vec::with_capacity(self.width());
        for code in &self.columns {
            let value = given.iter().find(|(name, _)| name == code.name()).map(|(_, v)| *v);
            let missing = || ContextError::Missing { name: code.name().to_owned() };
            code.encode(value.ok_or_else(missing)?, &mut out)?;
        }
        Ok(out)
    }
}
