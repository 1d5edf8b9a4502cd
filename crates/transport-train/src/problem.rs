//! The problem a run solves: its data, split, scaled and encoded.

mod simulated;

use crate::batch::Rows;
use crate::config::{DataConfig, nearest, suggestion};
use crate::context::{ContextCode, ContextError};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use transport_core::Noise;
use transport_core::law::{PointLaw, plane};
use transport_data::{DataError, Dataset, ImageShape, Scaler, Selected, Table};

/// The data sets that are known by name: the shipped ones, the 2-D laws, the simulators.
#[must_use]
pub fn names() -> Vec<&'static str> {
    std::iter::once("digits").chain(plane::NAMES).chain(simulated::NAMES).collect()
}

/// What stands for data that nobody named, in the configuration of an imported model.
pub(crate) const NO_DATA: &str = "none";

/// Data that cannot be trained on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// A model that others trained, without data of its own.
    #[error(
        "no data is known: the model was imported without `--data`; import it with the data to compare with"
    )]
    NoData,
    /// The source is neither a known name nor an existing path.
    #[error("`{name}` is neither a data set nor a file{}", suggestion(.nearest.as_deref(), .known))]
    UnknownSource {
        /// What was asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
        /// The names.
        known: Vec<&'static str>,
    },
    /// The file, or a choice of columns.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A context that cannot be encoded.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Too few rows on one side of the split.
    #[error(
        "{rows} rows with --split {split} and --validation {validation} leave {train} to train on and {test} held out: each needs 2 (or --split 0)"
    )]
    Split {
        /// Rows in all.
        rows: usize,
        /// The fraction held out for evaluation.
        split: f64,
        /// The fraction held out to choose weights by.
        validation: f64,
        /// Rows to train on.
        train: usize,
        /// Rows held out.
        test: usize,
    },
}

/// What a trained model has to remember of its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Feature columns, in order.
    pub names: Vec<String>,
    /// How rows are images, if they are.
    pub image: Option<ImageShape>,
    /// The range of an image's values.
    pub range: Option<(f64, f64)>,
    /// From data units to the model's space.
    pub scaler: Scaler,
    /// From context columns to network inputs.
    pub context: ContextCode,
}

/// The sizes that a model is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Coordinates of a state.
    pub dim: usize,
    /// Columns of an encoded context, 0 for none.
    pub context: usize,
    /// How a state is an image, if it is.
    pub image: Option<ImageShape>,
}

impl Schema {
    /// The sizes that a model of these data is built for.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let (dim, context) = (self.scaler.output_dim(), self.context.width());
        Shape { dim, context, image: self.image }
    }
}

/// A data set made ready.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What the model remembers of it.
    pub schema: Schema,
    /// The training rows in the model's space.
    pub rows: Arc<Rows>,
    /// The training rows in data units.
    pub train: Table,
    /// The rows that weights are chosen by, in the model's space; empty with `validation = 0`.
    pub validation: Arc<Rows>,
    /// The held-out rows in data units; empty with `split = 0`.
    pub test: Table,
    /// The held-out contexts, encoded.
    pub test_contexts: Vec<f32>,
    /// Class labels of the training rows, where the data has a column `label` of classes.
    pub labels: Option<Vec<f64>>,
    /// Where the data came from.
    pub source: String,
    /// Columns of the file that hold text, and are left out.
    pub skipped: Vec<String>,
    /// A checksum of the training and validation rows, so that a resumed run is known to see the same data.
    pub fingerprint: u32,
}

/// Loads what a source names: a shipped data set, points of a 2-D law, or a file.
///
/// # Errors
/// [`ProblemError`] when there is no such thing, or it cannot be read.
pub fn load(config: &DataConfig, seed: u64) -> Result<Dataset, ProblemError> {
    let name = config.source.as_str();
    if name == "digits" {
        return Ok(transport_data::digits());
    }
    if let Some(law) = plane::by_name(name) {
        let values = law.draws(&Noise::new(seed, config.points).purpose("data"));
        let table = Table::new(vec!["x".into(), "y".into()], values)?;
        return Ok(Dataset {
            name: name.to_owned(),
            features: vec![0, 1],
            image: None,
            range: None,
            source: format!("{} points of the 2-D law `{name}`", config.points),
            skipped: Vec::new(),
            table,
        });
    }
    if let Some(dataset) = simulated::draw(name, config.points, seed)? {
        return Ok(dataset);
    }
    if name == NO_DATA {
        return Err(ProblemError::NoData);
    }
    let path = Path::new(name);
    // A bare word that is no file is more likely a mistyped name than a lost file.
    if !path.exists() && path.extension().is_none() && path.components().count() == 1 {
        let known = names();
        let (name, nearest) = (name.to_owned(), nearest(name, &known));
        return Err(ProblemError::UnknownSource { name, nearest, known });
    }
    Ok(transport_data::read_at_least(path, 1)?)
}

impl Problem {
    /// Loads, selects, splits, scales and encodes.
    ///
    /// # Errors
    /// [`ProblemError`] that names what is wrong with the data.
    pub fn prepare(config: &DataConfig, seed: u64) -> Result<Self, ProblemError> {
        let dataset = load(config, seed)?;
        let rows = dataset.table.rows();
        if rows < 2 {
            let path = Some(config.source.clone().into());
            return Err(DataError::TooFewRows { path, rows, needed: 2 }.into());
        }
        let Selected { features, context, image, range } =
            dataset.select(config.columns.as_deref(), &config.context)?;
        let n = features.rows();
        let order = Noise::new(seed, 1).purpose("split").permutation(n);
        let count = |fraction: f64| (fraction * n as f64).round() as usize;
        let (test_rows, others) = order.split_at(count(config.split).min(n));
        let (validation_rows, train_rows) =
            others.split_at(count(config.validation).min(others.len()));
        if train_rows.len() < 2 || (config.split > 0.0 && test_rows.len() < 2) {
            let (train, test) = (train_rows.len(), test_rows.len());
            let (split, validation) = (config.split, config.validation);
            return Err(ProblemError::Split { rows: n, split, validation, train, test });
        }
        let (train, test) = (features.select_rows(train_rows), features.select_rows(test_rows));
        let scaler = match image {
            Some(_) => Scaler::shared(&train, range)?,
            None => {
                Scaler::standardize_within(&train, &simulated::supports(&config.source, &train)?)?
            }
        };
        let fit = |table: &Table| ContextCode::fit(table, &table.select_rows(train_rows));
        let code = context.as_ref().map(fit).unwrap_or_default();
        let encode = |rows: &[usize]| match &context {
            None => Ok(Vec::new()),
            Some(table) => code.encode(&table.select_rows(rows)),
        };
        let rows = |table: &Table, chosen: &[usize]| -> Result<Rows, ProblemError> {
            let states = scaler.transform(table)?.into_iter().map(|v| v as f32).collect();
            let (dim, context_dim) = (scaler.output_dim(), code.width());
            Ok(Rows { states, dim, contexts: encode(chosen)?, context_dim })
        };
        let validation = rows(&features.select_rows(validation_rows), validation_rows)?;
        let (rows, test_contexts) = (rows(&train, train_rows)?, encode(test_rows)?);
        let names = features.names().to_vec();
        Ok(Self {
            labels: labels(&dataset, &config.columns, train_rows),
            schema: Schema { names, image, range, scaler, context: code },
            fingerprint: fingerprint([&rows, &validation]),
            rows: Arc::new(rows),
            validation: Arc::new(validation),
            train,
            test,
            test_contexts,
            source: dataset.source,
            skipped: dataset.skipped,
        })
    }
}

impl Problem {
    /// The spacing of pixel values in the model's space, 0 for data that are not images of whole
    /// numbers: what a density model needs to know of discrete data.
    #[must_use]
    pub fn spacing(&self) -> f64 {
        let levels =
            self.schema.image.is_some() && self.train.values().iter().all(|v| v.fract() == 0.0);
        self.schema.scaler.common_scale().filter(|_| levels).map_or(0.0, |scale| 1.0 / scale)
    }
}

/// The column `label`, when it holds classes and is not itself modelled.
fn labels(dataset: &Dataset, columns: &Option<Vec<String>>, rows: &[usize]) -> Option<Vec<f64>> {
    if columns.as_ref().is_some_and(|names| names.iter().any(|name| name == "label")) {
        return None;
    }
    let column = dataset.table.names().iter().position(|name| name == "label")?;
    if columns.is_none() && dataset.features.contains(&column) {
        return None;
    }
    let labels: Vec<f64> = rows.iter().map(|r| dataset.table.row(*r)[column]).collect();
    labels.iter().all(|v| v.fract() == 0.0).then_some(labels)
}

fn fingerprint(parts: [&Rows; 2]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for value in parts.iter().flat_map(|rows| rows.states.iter().chain(&rows.contexts)) {
        hasher.update(&value.to_le_bytes());
    }
    hasher.finalize()
}
