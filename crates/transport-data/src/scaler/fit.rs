//! The scaling that training rows ask for, or one that is known.

use super::{Affine, Column, Scaler, is_range};
use crate::support::{Support, to_line};
use crate::{DataError, Table};

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
