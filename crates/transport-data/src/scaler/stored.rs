//! The scaler as it is stored: numbers are the shortest decimals that read back to the same.

use super::{Affine, Column, Scaler, is_range};
use crate::DataError;
use crate::support::Support;
use serde::{Deserialize, Serialize};

/// The scaler as it is stored: numbers as strings, active columns in order, one mean and one scale
/// if they are shared.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    columns: usize,
    constant_columns: Vec<usize>,
    constants: Vec<String>,
    means: Vec<String>,
    scales: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    range: Vec<String>,
    /// Of each column nothing, a lower end, or both ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    supports: Vec<Vec<String>>,
}

/// The ends of a support that are finite.
fn ends(support: &Option<Support>) -> Vec<String> {
    let ends = support.map(|s| s.ends());
    let ends = ends.iter().flat_map(|(low, high)| [*low, *high]);
    ends.filter(|end| end.is_finite()).map(decimal).collect()
}

fn support(ends: &[String]) -> Result<Option<Support>, DataError> {
    let damaged = |_| DataError::DamagedScaler { field: "supports" };
    match numbers(ends, "supports")?[..] {
        [] => Ok(None),
        [low] => Support::new(low, f64::INFINITY).map_err(damaged),
        [low, high] => Support::new(low, high).map_err(damaged),
        _ => Err(DataError::DamagedScaler { field: "supports" }),
    }
}

impl From<Scaler> for Stored {
    fn from(scaler: Scaler) -> Self {
        let mut active: Vec<Affine> = scaler.active().collect();
        if active.iter().all(|a| *a == active[0]) {
            active.truncate(1);
        }
        Self {
            columns: scaler.input_dim(),
            constant_columns: scaler.constant_columns(),
            constants: scaler.constants().map(|(_, value)| decimal(value)).collect(),
            means: active.iter().map(|a| decimal(a.mean)).collect(),
            scales: active.iter().map(|a| decimal(a.scale)).collect(),
            range: scaler.range.map_or(vec![], |(low, high)| vec![decimal(low), decimal(high)]),
            supports: scaler.supports.iter().map(ends).collect(),
        }
    }
}

impl TryFrom<Stored> for Scaler {
    type Error = DataError;

    fn try_from(stored: Stored) -> Result<Self, DataError> {
        let damaged = |field| DataError::DamagedScaler { field };
        let constants = numbers(&stored.constants, "constants")?;
        let means = numbers(&stored.means, "means")?;
        let scales = numbers(&stored.scales, "scales")?;
        let at = &stored.constant_columns;
        if !at.is_sorted_by(|a, b| a < b) || at.last().is_some_and(|j| *j >= stored.columns) {
            return Err(damaged("constant_columns"));
        }
        if constants.len() != at.len() {
            return Err(damaged("constants"));
        }
        // A damaged count must not ask for memory without bound.
        let columns = Some(stored.columns).filter(|n| *n <= crate::MAX_COLUMNS);
        let active = columns.and_then(|n| n.checked_sub(at.len())).filter(|n| *n > 0);
        let active = active.ok_or_else(|| damaged("columns"))?;
        if means.len() != active && means.len() != 1 {
            return Err(damaged("means"));
        }
        if scales.len() != means.len() || scales.iter().any(|s| *s <= 0.0) {
            return Err(damaged("scales"));
        }
        let range = match numbers(&stored.range, "range")?[..] {
            [] => None,
            [low, high] if is_range(low, high) => Some((low, high)),
            _ => return Err(damaged("range")),
        };
        let affine = means.iter().zip(&scales).map(|(&mean, &scale)| Affine { mean, scale });
        let mut affine = affine.cycle();
        let mut constant = at.iter().zip(&constants).peekable();
        let columns = (0..stored.columns).filter_map(|j| match constant.next_if(|c| *c.0 == j) {
            Some((_, value)) => Some(Column::Constant(*value)),
            None => affine.next().map(Column::Active),
        });
        let supports =
            stored.supports.iter().map(|ends| support(ends)).collect::<Result<Vec<_>, _>>()?;
        if !supports.is_empty() && supports.len() != stored.columns {
            return Err(damaged("supports"));
        }
        Ok(Scaler { columns: columns.collect(), range, supports })
    }
}

/// The shortest decimal that reads back to the same number.
pub(crate) fn decimal(x: f64) -> String {
    let plain = x.to_string();
    // No power of ten takes fewer than three characters, and most cells of images no more.
    if plain.len() <= 3 {
        return plain;
    }
    let scientific = format!("{x:e}");
    if scientific.len() < plain.len() { scientific } else { plain }
}

fn numbers(texts: &[String], field: &'static str) -> Result<Vec<f64>, DataError> {
    let number = |text: &String| text.parse().ok().filter(|x: &f64| x.is_finite());
    let numbers: Option<Vec<f64>> = texts.iter().map(number).collect();
    numbers.ok_or(DataError::DamagedScaler { field })
}
