//! A table with what is known about it, and the choice of its columns.

use std::collections::HashSet;

use crate::{DataError, ImageShape, Table};

/// A table with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// A short name, such as `digits` or the file's stem.
    pub name: String,
    /// All columns that hold numbers.
    pub table: Table,
    /// The columns that are modelled when none is chosen: all but labels.
    pub features: Vec<usize>,
    /// The shape of a row of features, if rows are images.
    pub image: Option<ImageShape>,
    /// What the features' values are bounded by, if that is known, as for 8-bit images.
    pub range: Option<(f64, f64)>,
    /// Where it came from, with licence and attribution if they are known.
    pub source: String,
    /// Columns that hold text in every row: they are not in the table.
    pub skipped: Vec<String>,
}

/// What [`Dataset::select`] chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// The columns to model.
    pub features: Table,
    /// The columns to condition on, row for row, if any.
    pub context: Option<Table>,
    /// The shape of a row of features, if rows are images.
    pub image: Option<ImageShape>,
    /// What the features' values are bounded by, if that is known.
    pub range: Option<(f64, f64)>,
}

impl Dataset {
    /// A table about which nothing else is known: every column is a feature.
    pub fn from_table(name: impl Into<String>, table: Table, source: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            features: (0..table.cols()).collect(),
            table,
            image: None,
            range: None,
            source: source.into(),
            skipped: Vec::new(),
        }
    }

    /// Choose columns by name. `columns: None` takes the default features without those in
    /// `context`. Features other than the default ones are no image any more, and a column that is
    /// no default feature is bounded by no range.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::NotNumeric`] for a column of text,
    /// [`DataError::ColumnUsedTwice`], and [`DataError::NoColumns`] if no feature is left.
    ///
    /// # Example
    /// ```
    /// let chosen = transport_data::digits().select(None, &["label".to_string()])?;
    /// assert_eq!(chosen.features.cols(), 64);
    /// assert_eq!(chosen.context.map(|c| c.cols()), Some(1));
    /// assert!(chosen.image.is_some());
    /// # Ok::<(), transport_data::DataError>(())
    /// ```
    pub fn select(
        &self,
        columns: Option<&[String]>,
        context: &[String],
    ) -> Result<Selected, DataError> {
        let context = self.indices(context)?;
        let features = match columns {
            Some(names) => self.indices(names)?,
            None => self.features.iter().copied().filter(|j| !context.contains(j)).collect(),
        };
        if features.is_empty() {
            return Err(DataError::NoColumns);
        }
        let mut used = HashSet::new();
        if let Some(&j) = features.iter().chain(&context).find(|j| !used.insert(**j)) {
            return Err(DataError::ColumnUsedTwice { name: self.table.names()[j].clone() });
        }
        let default: HashSet<usize> = self.features.iter().copied().collect();
        Ok(Selected {
            features: self.table.select_columns(&features),
            context: (!context.is_empty()).then(|| self.table.select_columns(&context)),
            image: self.image.filter(|_| features == self.features),
            range: self.range.filter(|_| features.iter().all(|j| default.contains(j))),
        })
    }

    fn indices(&self, names: &[String]) -> Result<Vec<usize>, DataError> {
        names.iter().map(|name| self.index_of(name)).collect()
    }

    /// As [`Table::index_of`], but knows the columns of text.
    fn index_of(&self, name: &str) -> Result<usize, DataError> {
        if self.skipped.iter().any(|skipped| skipped == name) {
            return Err(DataError::NotNumeric { name: name.to_string() });
        }
        self.table.index_of(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| n.to_string()).collect()
    }

    /// Two pixels and a label.
    fn data() -> Dataset {
        let table = Table::new(strings(&["p00", "p01", "label"]), (0..6).map(f64::from).collect());
        Dataset {
            features: vec![0, 1],
            image: Some(ImageShape { height: 1, width: 2, channels: 1 }),
            range: Some((0.0, 16.0)),
            skipped: strings(&["author"]),
            ..Dataset::from_table("tiny", table.unwrap(), "made up")
        }
    }

    #[test]
    fn default_features_are_the_image() {
        let s = data().select(None, &[]).unwrap();
        assert_eq!(s.features.values(), [0.0, 1.0, 3.0, 4.0]);
        assert!(s.context.is_none() && s.image.is_some() && s.range.is_some());
        let s = data().select(Some(&strings(&["p00", "p01"])), &strings(&["label"])).unwrap();
        assert!(s.image.is_some());
        assert_eq!(s.context.unwrap().values(), [2.0, 5.0]);
    }

    #[test]
    fn other_features_are_no_image() {
        let s = data().select(Some(&strings(&["p01", "p00"])), &[]).unwrap();
        assert_eq!(s.features.values(), [1.0, 0.0, 4.0, 3.0]);
        assert_eq!((s.image, s.range), (None, Some((0.0, 16.0))));
        let s = data().select(None, &strings(&["p00"])).unwrap();
        assert_eq!((s.features.names(), s.image), (&strings(&["p01"])[..], None));
        let s = data().select(Some(&strings(&["label", "p00"])), &[]).unwrap();
        assert_eq!((s.image, s.range), (None, None));
    }

    #[test]
    fn bad_choices_are_refused() {
        let select = |columns: &[&str], context: &[&str]| {
            data().select(Some(&strings(columns)), &strings(context)).unwrap_err()
        };
        assert!(
            matches!(select(&["p00", "p00"], &[]), DataError::ColumnUsedTwice { name } if name == "p00")
        );
        assert!(matches!(select(&["p00"], &["p00"]), DataError::ColumnUsedTwice { .. }));
        assert!(matches!(select(&[], &["label"]), DataError::NoColumns));
        assert!(
            matches!(select(&["author"], &[]), DataError::NotNumeric { name } if name == "author")
        );
        let e = select(&["lable"], &[]);
        assert!(matches!(&e, DataError::UnknownColumn { nearest: Some(n), .. } if n == "label"));
        let all = data().select(None, &strings(&["p00", "p01"])).unwrap_err();
        assert!(matches!(all, DataError::NoColumns));
    }
}
