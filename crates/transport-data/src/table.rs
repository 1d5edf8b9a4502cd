//! A row-major table of numbers with named columns.

use std::collections::HashSet;

use crate::DataError;

/// Row-major table of `f64` with column names.
///
/// # Shapes
/// `values`: `[rows, cols]`, row by row; `names`: `[cols]`, at least one, no two alike.
///
/// Values may be anything a model produced, NaN included; the readers of this crate let finite
/// values through only.
///
/// # Example
/// ```
/// use transport_data::Table;
/// let t = Table::new(vec!["a".into(), "b".into()], vec![1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!((t.rows(), t.row(1)), (2, &[3.0, 4.0][..]));
/// assert_eq!(t.column(0).collect::<Vec<_>>(), [1.0, 3.0]);
/// # Ok::<(), transport_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    names: Vec<String>,
    values: Vec<f64>,
}

impl Table {
    /// A table from its names and its values, row by row. No value at all is a table of no rows.
    ///
    /// # Errors
    /// [`DataError::NoColumns`], [`DataError::DuplicateColumn`], and [`DataError::UnevenRows`] if
    /// the values do not fill whole rows.
    pub fn new(names: Vec<String>, values: Vec<f64>) -> Result<Self, DataError> {
        if names.is_empty() {
            return Err(DataError::NoColumns);
        }
        let mut seen = HashSet::with_capacity(names.len());
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(DataError::DuplicateColumn { name: name.clone(), path: None });
        }
        if !values.len().is_multiple_of(names.len()) {
            return Err(DataError::UnevenRows { values: values.len(), columns: names.len() });
        }
        Ok(Self { names, values })
    }

    /// A table whose columns are called `x0`, `x1`, ...
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn from_rows_unnamed(cols: usize, values: Vec<f64>) -> Result<Self, DataError> {
        Self::new(unnamed(cols), values)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// The number of columns, at least one.
    pub fn cols(&self) -> usize {
        self.names.len()
    }

    /// The column names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All values, row by row: `[rows, cols]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Row `i`, counted from 0.
    ///
    /// # Panics
    /// If there is no row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.cols()..(i + 1) * self.cols()]
    }

    /// Column `j`, counted from 0, from the first row to the last.
    ///
    /// # Panics
    /// If there is no column `j`.
    pub fn column(&self, j: usize) -> impl Iterator<Item = f64> {
        assert!(j < self.cols(), "column {j} of a table with {} columns", self.cols());
        self.values.iter().skip(j).step_by(self.cols()).copied()
    }

    /// The values, row by row, without the names.
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }

    /// Where the column of this name stands, counted from 0.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], with the nearest name there is.
    pub fn index_of(&self, name: &str) -> Result<usize, DataError> {
        self.names.iter().position(|known| known == name).ok_or_else(|| DataError::UnknownColumn {
            name: name.to_string(),
            nearest: nearest(name, &self.names),
            columns: self.names.clone(),
        })
    }

    /// The columns at `idx`, in that order.
    ///
    /// # Panics
    /// If `idx` is empty, names a column twice or one that is not there.
    pub fn select_columns(&self, idx: &[usize]) -> Table {
        let mut seen = HashSet::with_capacity(idx.len());
        assert!(!idx.is_empty(), "no column was selected");
        assert!(idx.iter().all(|j| seen.insert(j)), "a column was selected twice: {idx:?}");
        let names = idx.iter().map(|&j| self.names[j].clone()).collect();
        let mut values = Vec::with_capacity(self.rows() * idx.len());
        for row in self.values.chunks_exact(self.cols()) {
            values.extend(idx.iter().map(|&j| row[j]));
        }
        Table { names, values }
    }

    /// The rows at `idx`, in that order; a row may be taken more than once.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select_rows(&self, idx: &[usize]) -> Table {
        let mut values = Vec::with_capacity(idx.len() * self.cols());
        idx.iter().for_each(|&i| values.extend_from_slice(self.row(i)));
        Table { names: self.names.clone(), values }
    }
}

/// `x0`, `x1`, ...
pub(crate) fn unnamed(cols: usize) -> Vec<String> {
    (0..cols).map(|j| format!("x{j}")).collect()
}

/// The known name most like the given one, if any is like it at all.
pub(crate) fn nearest(name: &str, known: &[String]) -> Option<String> {
    let wanted = name.to_lowercase();
    known
        .iter()
        .map(|k| (strsim::normalized_damerau_levenshtein(&wanted, &k.to_lowercase()), k))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))
        .map(|(_, k)| k.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abc() -> Table {
        let names = ["alcohol", "pH", "quality"].map(String::from).to_vec();
        Table::new(names, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap()
    }

    #[test]
    fn rows_columns_and_selections_agree() {
        let t = abc();
        assert_eq!((t.rows(), t.cols()), (2, 3));
        assert_eq!(t.row(1), [4.0, 5.0, 6.0]);
        assert_eq!(t.column(2).collect::<Vec<_>>(), [3.0, 6.0]);
        assert_eq!(t.select_columns(&[2, 0]).values(), [3.0, 1.0, 6.0, 4.0]);
        assert_eq!(t.select_columns(&[2, 0]).names(), ["quality", "alcohol"]);
        assert_eq!(t.select_rows(&[1, 1]).values(), [4.0, 5.0, 6.0, 4.0, 5.0, 6.0]);
        assert_eq!(t.clone().into_values(), t.values());
    }

    #[test]
    fn no_rows_is_a_table() {
        let t = Table::from_rows_unnamed(2, vec![]).unwrap();
        assert_eq!((t.rows(), t.column(1).count()), (0, 0));
        assert_eq!(t.names(), ["x0", "x1"]);
    }

    #[test]
    fn bad_shapes_are_refused() {
        assert!(matches!(Table::new(vec![], vec![]), Err(DataError::NoColumns)));
        assert!(matches!(
            Table::from_rows_unnamed(2, vec![1.0; 3]),
            Err(DataError::UnevenRows { values: 3, columns: 2 })
        ));
        let twice = Table::new(vec!["a".into(), "a".into()], vec![]);
        assert!(matches!(twice, Err(DataError::DuplicateColumn { name, .. }) if name == "a"));
    }

    #[test]
    fn an_unknown_name_names_its_neighbour() {
        let t = abc();
        assert_eq!(t.index_of("pH").unwrap(), 1);
        for (asked, found) in [("qualty", Some("quality")), ("PH", Some("pH")), ("zzz", None)] {
            let e = t.index_of(asked).unwrap_err();
            let DataError::UnknownColumn { name, nearest, .. } = &e else { panic!("{e}") };
            assert_eq!((name.as_str(), nearest.as_deref()), (asked, found));
            assert!(e.to_string().contains(found.unwrap_or("alcohol, pH, quality")), "{e}");
        }
    }
}
