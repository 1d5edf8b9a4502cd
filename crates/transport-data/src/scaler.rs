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

use serde::{Deserialize, Serialize};

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
    /// Each column by its own mean and its own standard deviation (population: division by n).
    ///
    /// # Errors
    /// [`DataError::TooFewRows`] without rows, [`DataError::NotFinite`] for a NaN or an infinity,
    /// [`DataError::AllConstant`] if no column varies, [`DataError::TooWide`] if a column's spread
    /// overflows.
    pub fn standardize(table: &Table) -> Result<Scaler, DataError> {
        let constant = constants(table)?;
        let fit = |(j, constant): (usize, &Option<f64>)| match constant {
            Some(value) => Ok(Column::Constant(*value)),
            None => {
                affine(|| table.column(j)).map(Column::Active).ok_or_else(|| too_wide(table, j))
            }
        };
        let columns = constant.iter().enumerate().map(fit).collect::<Result<_, _>>()?;
        Ok(Scaler { columns, range: None, supports: Vec::new() })
    }

    /// [`Scaler::standardize`] with the columns that have a support carried to the line before: what
    /// [`Scaler::inverse`] gives lies in it.
    ///
    /// # Errors
    /// As [`Scaler::standardize`], and [`DataError::OutsideSupport`] at the first value outside.
    ///
    /// # Panics
    /// When there is not one support, or `None`, for each column.
    pub fn standardize_within(
        table: &Table,
        supports: &[Option<Support>],
    ) -> Result<Scaler, DataError> {
        assert_eq!(supports.len(), table.cols(), "a support or none for each column");
        let constant = constants(table)?;
        let active = supports.iter().zip(&constant).map(|(s, c)| s.filter(|_| c.is_none()));
        let supports: Vec<Option<Support>> = active.collect();
        if supports.iter().all(Option::is_none) {
            return Scaler::standardize(table);
        }
        Ok(Scaler {
            supports: supports.clone(),
            ..Scaler::standardize(&to_line(table, &supports)?)?
        })
    }

    /// All active columns by one mean and one standard deviation, as suits the pixels of an image.
    /// With a range, [`Scaler::inverse`] clips to it.
    ///
    /// # Errors
    /// As [`Scaler::standardize`], and [`DataError::InvalidRange`] unless the range is finite with
    /// its low end below its high one.
    pub fn shared(table: &Table, range: Option<(f64, f64)>) -> Result<Scaler, DataError> {
        if let Some((low, high)) = range
            && !is_range(low, high)
        {
            return Err(DataError::InvalidRange { low, high });
        }
        let constant = constants(table)?;
        let active = || {
            let rows = table.values().chunks_exact(table.cols());
            rows.flat_map(|row| row.iter().zip(&constant))
                .filter_map(|(x, constant)| constant.is_none().then_some(*x))
        };
        let first = constant.iter().position(Option::is_none).unwrap_or(0);
        let affine = affine(active).ok_or_else(|| too_wide(table, first))?;
        let column = |c: &Option<f64>| c.map_or(Column::Active(affine), Column::Constant);
        let columns = constant.iter().map(column).collect();
        Ok(Scaler { columns, range, supports: Vec::new() })
    }

    /// `z = (x − mean)/scale` on each of `columns` columns, for a model whose scaling is known and not
    /// fitted. With a range, [`Scaler::inverse`] clips to it.
    ///
    /// # Errors
    /// [`DataError::DamagedScaler`] when the mean is not finite, the scale not a finite number above
    /// 0, or there are no columns or too many; [`DataError::InvalidRange`] as for
    /// [`Scaler::shared`].
    pub fn known(
        columns: usize,
        mean: f64,
        scale: f64,
        range: Option<(f64, f64)>,
    ) -> Result<Scaler, DataError> {
        let fit = [
            ("columns", columns > 0 && columns <= crate::MAX_COLUMNS),
            ("means", mean.is_finite()),
            ("scales", scale > 0.0 && scale.is_finite()),
        ];
        if let Some((field, _)) = fit.into_iter().find(|(_, holds)| !holds) {
            return Err(DataError::DamagedScaler { field });
        }
        match range {
            Some((low, high)) if !is_range(low, high) => Err(DataError::InvalidRange { low, high }),
            _ => {
                let columns = vec![Column::Active(Affine { mean, scale }); columns];
                Ok(Scaler { columns, range, supports: Vec::new() })
            }
        }
    }

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

fn too_wide(table: &Table, j: usize) -> DataError {
    DataError::TooWide { column: table.names()[j].clone() }
}

/// Per column its value if it has one only. Equal is `==`, so 0 and −0 are one value.
fn constants(table: &Table) -> Result<Vec<Option<f64>>, DataError> {
    let (rows, columns) = (table.rows(), table.cols());
    if rows == 0 {
        return Err(DataError::TooFewRows { path: None, rows, needed: 2 });
    }
    if let Some(i) = table.values().iter().position(|x| !x.is_finite()) {
        return Err(DataError::NotFinite {
            path: None,
            row: i / columns + 1,
            column: table.names()[i % columns].clone(),
            value: table.values()[i],
        });
    }
    let mut constant: Vec<Option<f64>> = table.row(0).iter().copied().map(Some).collect();
    for row in table.values().chunks_exact(columns) {
        for (x, c) in row.iter().zip(&mut constant) {
            if *c != Some(*x) {
                *c = None;
            }
        }
    }
    match constant.iter().all(Option::is_some) {
        true => Err(DataError::AllConstant { columns }),
        false => Ok(constant),
    }
}

/// Mean and population standard deviation in passes that neither overflow nor lose a small spread
/// around a large mean. `None` if the values spread wider than f64.
fn affine<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> Option<Affine> {
    let n = values().count() as f64;
    let rough: f64 = values().map(|x| x / n).sum();
    let mean = rough + values().map(|x| (x - rough) / n).sum::<f64>();
    let widest = values().map(|x| (x - mean).abs()).fold(0.0, f64::max);
    let variance = values().map(|x| ((x - mean) / widest).powi(2)).sum::<f64>() / n;
    let scale = widest * variance.sqrt();
    (mean.is_finite() && scale.is_finite() && scale > 0.0).then_some(Affine { mean, scale })
}

/// The scaler as it is stored: numbers as strings, active columns in order, one mean and one scale
/// if they are shared.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns: varies, constant −0, varies.
    fn table() -> Table {
        let rows = vec![1.0, -0.0, 10.0, 2.0, -0.0, 30.0, 6.0, -0.0, 20.0];
        Table::from_rows_unnamed(3, rows).unwrap()
    }

    #[test]
    fn standardized_columns_have_mean_0_and_variance_1() {
        let scaler = Scaler::standardize(&table()).unwrap();
        assert_eq!((scaler.input_dim(), scaler.output_dim()), (3, 2));
        let z = Table::from_rows_unnamed(2, scaler.transform(&table()).unwrap()).unwrap();
        for j in 0..2 {
            assert!((z.column(j).sum::<f64>()).abs() < 1e-14);
            assert!((z.column(j).map(|z| z * z).sum::<f64>() / 3.0 - 1.0).abs() < 1e-14);
        }
    }

    /// log|det| against the Jacobian by finite differences: the map is affine, so they are exact.
    #[test]
    fn log_abs_det_is_that_of_the_jacobian() {
        for scaler in [Scaler::standardize(&table()), Scaler::shared(&table(), None)] {
            let scaler = scaler.unwrap();
            let at = |x: [f64; 3]| {
                scaler.transform(&Table::from_rows_unnamed(3, x.to_vec()).unwrap()).unwrap()
            };
            let (origin, a, b) = (at([0.0; 3]), at([1.0, 0.0, 0.0]), at([0.0, 0.0, 1.0]));
            let det = (a[0] - origin[0]) * (b[1] - origin[1]);
            assert!((scaler.log_abs_det() - det.ln()).abs() < 1e-13);
        }
    }

    /// A box and a half-line, stored and read: samples lie inside, values outside are named, and the
    /// determinant is that of differences.
    #[test]
    fn supports_are_kept() {
        let t =
            Table::from_rows_unnamed(3, vec![0.1, 5.0, 7.0, 0.9, 0.5, 7.0, 0.5, 1.0, 7.0]).unwrap();
        let supports = [
            Support::new(0.0, 1.0).unwrap(),
            Support::new(0.0, f64::INFINITY).unwrap(),
            Support::new(6.0, 8.0).unwrap(),
        ];
        let fitted = Scaler::standardize_within(&t, &supports).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        let scaler: Scaler = serde_json::from_str(&text).unwrap();
        assert_eq!((scaler.clone(), scaler.constant_columns()), (fitted, vec![2]));
        let z = scaler.transform(&t).unwrap();
        assert!((z[0] + z[2] + z[4]).abs() < 1e-12 && (z[1] + z[3] + z[5]).abs() < 1e-12);
        let back = scaler.inverse(&z);
        assert!(back.iter().zip(t.values()).all(|(a, b)| (a - b).abs() < 1e-12));
        let far = scaler.inverse(&[-1e3, -1e3, 1e3, 1e2]);
        assert!(far[0] > 0.0 && far[1] > 0.0 && far[3] < 1.0 && far[4].is_finite());

        let at = |x: f64, y: f64| {
            let t = Table::from_rows_unnamed(3, vec![x, y, 7.0]).unwrap();
            (scaler.transform(&t).unwrap(), scaler.log_abs_dets(&t)[0])
        };
        let h = 1e-6;
        let slope = |up: Vec<f64>, down: Vec<f64>, k: usize| ((up[k] - down[k]) / (2.0 * h)).ln();
        let dx = slope(at(0.3 + h, 2.0).0, at(0.3 - h, 2.0).0, 0);
        let dy = slope(at(0.3, 2.0 + h).0, at(0.3, 2.0 - h).0, 1);
        assert!((dx + dy - at(0.3, 2.0).1).abs() < 1e-8);
        let outside = Table::from_rows_unnamed(3, vec![0.3, 2.0, 7.0, 1.0, 2.0, 7.0]).unwrap();
        let e = scaler.transform(&outside).unwrap_err().to_string();
        assert_eq!(e, "row 2, column `x0`: 1 is not between 0 and 1");
    }

    #[test]
    fn shared_has_one_mean_and_one_scale_and_clips() {
        let scaler = Scaler::shared(&table(), Some((0.0, 25.0))).unwrap();
        let z = scaler.transform(&table()).unwrap();
        assert!(z.iter().sum::<f64>().abs() < 1e-13);
        assert!((z.iter().map(|z| z * z).sum::<f64>() / 6.0 - 1.0).abs() < 1e-13);
        assert_eq!(scaler.inverse(&[-100.0, 100.0]), [0.0, 0.0, 25.0]);
        assert!((scaler.inverse(&z)[0] - 1.0).abs() < 1e-14);
        assert_eq!(scaler.inverse(&z)[5], 25.0);
    }

    #[test]
    fn constants_come_back_bit_for_bit() {
        let scaler = Scaler::standardize(&table()).unwrap();
        assert_eq!(scaler.inverse(&[0.0, 0.0])[1].to_bits(), (-0.0f64).to_bits());
        assert_eq!(scaler.constant_columns(), [1]);
        assert_eq!(scaler.off_support(&[9.0, 0.0, 9.0]), None);
        assert_eq!(scaler.off_support(&[9.0, 1e-300, 9.0]), Some(1));
        assert_eq!(scaler.off_support(&[9.0, f64::NAN, 9.0]), Some(1));
    }

    #[test]
    fn extreme_columns_are_scaled() {
        for column in [[1e9, 1e9 + 1e-6], [1e-320, 3e-320], [1e308, 1.5e308], [-1e-200, 1e-200]] {
            let t = Table::from_rows_unnamed(1, column.to_vec()).unwrap();
            let scaler = Scaler::standardize(&t).unwrap();
            let z = scaler.transform(&t).unwrap();
            assert!((z[0] + 1.0).abs() < 1e-3 && (z[1] - 1.0).abs() < 1e-3, "{column:?}: {z:?}");
            assert!(scaler.log_abs_det().is_finite());
        }
    }

    #[test]
    fn what_cannot_be_scaled_is_refused() {
        let fit = |cols, values: &[f64]| {
            let t = Table::from_rows_unnamed(cols, values.to_vec()).unwrap();
            Scaler::standardize(&t).unwrap_err()
        };
        assert!(matches!(fit(1, &[]), DataError::TooFewRows { rows: 0, .. }));
        assert!(matches!(fit(2, &[1.0, 2.0, 1.0, 2.0]), DataError::AllConstant { columns: 2 }));
        assert!(matches!(fit(1, &[-1.7e308, 1.7e308, 1.7e308]), DataError::TooWide { .. }));
        let e = fit(2, &[1.0, 2.0, 1.0, f64::NAN]);
        assert!(matches!(&e, DataError::NotFinite { row: 2, column, .. } if column == "x1"), "{e}");
        for range in [(1.0, 1.0), (2.0, 1.0), (0.0, f64::INFINITY), (f64::NAN, 1.0)] {
            let e = Scaler::shared(&table(), Some(range)).unwrap_err();
            assert!(matches!(e, DataError::InvalidRange { .. }));
        }
        let narrow = Table::from_rows_unnamed(2, vec![1.0, 2.0]).unwrap();
        let e = Scaler::standardize(&table()).unwrap().transform(&narrow).unwrap_err();
        assert!(matches!(e, DataError::WrongWidth { expected: 3, found: 2 }));
    }

    #[test]
    fn damaged_scalers_are_refused() {
        let good =
            serde_json::to_value(Scaler::shared(&table(), Some((0.0, 1.0))).unwrap()).unwrap();
        assert!(serde_json::from_value::<Scaler>(good.clone()).is_ok());
        for (field, value) in [
            ("columns", serde_json::json!(1)),
            ("columns", serde_json::json!(u64::MAX)),
            ("constant_columns", serde_json::json!([3])),
            ("constants", serde_json::json!(["1", "2"])),
            ("means", serde_json::json!([])),
            ("means", serde_json::json!(["NaN"])),
            ("scales", serde_json::json!(["0"])),
            ("scales", serde_json::json!(["1", "1"])),
            ("range", serde_json::json!(["1", "0"])),
            ("supports", serde_json::json!([[], ["1", "0"], []])),
            ("supports", serde_json::json!([["0"]])),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            let e = serde_json::from_value::<Scaler>(bad).unwrap_err().to_string();
            assert!(e.contains(field), "{field}: {e}");
        }
    }

    #[test]
    fn decimals_are_the_shortest() {
        for (x, text) in [(1.0, "1"), (0.1, "0.1"), (1e300, "1e300"), (-0.0, "-0"), (1e-7, "1e-7")]
        {
            assert_eq!(decimal(x), text);
        }
    }
}
