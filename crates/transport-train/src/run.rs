//! A finished run, opened for inference.

mod conditioned;
mod density;
mod error;

pub use conditioned::Conditioning;
pub use error::RunError;

use crate::config::{Config, ConfigError, SampleConfig};
use crate::context::ContextError;
use crate::problem::{Problem, Schema};
use crate::registry::{self, Capabilities, Generator};
use crate::store::{Archive, Folder, StoreError};
use crate::validation::Validation;
use crate::weights::Weights;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;
use transport_core::Interval;
use transport_core::{Noise, Space};
use transport_data::{DataError, MAX_VALUES, Table};
use transport_sde::guide::{GuideError, Strength};

/// A trained model with everything that turns its states into rows of data.
///
/// Inference only, `Send + Sync`, no global state. Opened from a run's folder, of which it reads
/// `model.safetensors` alone.
///
/// # Example
/// ```no_run
/// use transport_train::Run;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let run = Run::open("runs/digits")?;
/// let samples = run.sample(16, 0)?; // 16 rows in the data's own units; seed 0
/// let log_density = run.log_prob(&samples)?; // nats, one per row
/// assert_eq!((samples.rows(), log_density.len()), (16, 16));
/// # Ok(())
/// # }
/// ```
pub struct Run {
    card: Card,
    contexts: Vec<f32>,
    generator: Box<dyn Generator>,
    weights: usize,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("card", &self.card).finish_non_exhaustive()
    }
}

/// What a model file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The configuration it was trained with, less what depends on the host.
    pub config: Config,
    /// What it remembers of its data.
    pub schema: Schema,
    /// Where the data came from.
    pub source: String,
    /// Rows it was trained on.
    pub rows: usize,
    /// Steps it was trained for.
    pub steps: u64,
    /// The lowest validation loss, where there were validation rows: the kept weights are those of
    /// its step when the configuration keeps the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Validation>,
    /// The checksum of the rows it was trained on; none where they are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<u32>,
}

/// What to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How many samples.
    pub n: usize,
    /// What the draws derive from: sample `i` of a seed is the same whatever `n`.
    pub seed: u64,
    /// The solver and its steps; the run's own when absent.
    pub plan: Option<SampleConfig>,
    /// Values of the context columns by name; each sample draws a training context when empty.
    pub given: Vec<(String, f64)>,
    /// Classifier-free guidance towards the context; none when absent.
    pub guidance: Option<Guidance>,
}

/// Classifier-free guidance: how much, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guidance {
    /// `w`: 0 is unconditional, 1 conditional, above 1 guided.
    pub weight: f64,
    /// The interval of the transport clock outside of which the weight is 1.
    pub interval: (f64, f64),
}

impl Guidance {
    /// The weight at all times.
    #[must_use]
    pub fn new(weight: f64) -> Self {
        Self { weight, interval: (0.0, 1.0) }
    }

    fn strength(&self) -> Result<Strength, GuideError> {
        let (start, end) = self.interval;
        Strength::within(self.weight, Interval { start, end })
    }
}

impl Default for Request {
    fn default() -> Self {
        Self { n: 1, seed: 0, plan: None, given: Vec::new(), guidance: None }
    }
}

/// Rows of a table as a model sees them.
struct Encoded {
    features: Table,
    states: Vec<f64>,
    contexts: Option<Vec<f32>>,
}

/// The prefix under which training contexts stand in a model file.
const CONTEXTS: &str = "training/contexts";

impl Run {
    /// Opens the finished run in a folder, on the device that `TRANSPORT_DEVICE` names or the
    /// best CPU backend.
    ///
    /// # Errors
    /// [`RunError`] when there is no finished run, its file is damaged, or no device opens.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, RunError> {
        Self::open_on(folder, None)
    }

    /// Opens the finished run in a folder on a device by name.
    ///
    /// # Errors
    /// As [`Run::open`].
    pub fn open_on(folder: impl AsRef<Path>, device: Option<&str>) -> Result<Self, RunError> {
        let folder = Folder::new(folder.as_ref());
        Self::of(folder.read_model()?, &folder.file("model.safetensors"), device)
    }

    /// The run of an archive that came, or will come, from `path`.
    pub(crate) fn of(
        archive: Archive,
        path: &Path,
        device: Option<&str>,
    ) -> Result<Self, RunError> {
        let Archive { card, mut weights } = archive;
        let malformed = |e: serde_json::Error| StoreError::Malformed {
            path: path.to_owned(),
            reason: format!("its card: {e}"),
        };
        let card: Card = serde_json::from_value(Value::Object(card)).map_err(malformed)?;
        card.config.check()?;
        let contexts = weights.0.remove(CONTEXTS).map(|a| a.values).unwrap_or_default();
        let space = Space::f32(&transport_core::device::select(device)?);
        let entry = registry::model(&card.config.model.name)?;
        let generator = entry.open(&card.config, &card.schema.shape(), &weights, &space)?;
        let weights = weights.0.values().map(|a| a.values.len()).sum();
        Ok(Self { card, contexts, generator, weights })
    }

    /// The archive of a finished model.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] when the card has no JSON form.
    pub(crate) fn archive(
        card: &Card,
        mut weights: Weights,
        contexts: &[f32],
    ) -> Result<Archive, StoreError> {
        let value = serde_json::to_value(card).map_err(|e| StoreError::Malformed {
            path: "model card".into(),
            reason: e.to_string(),
        })?;
        let mut card: Map<String, Value> = value.as_object().cloned().unwrap_or_default();
        // What the host was does not belong to the model: equal models are equal files.
        if let Some(config) = card.get_mut("config").and_then(Value::as_object_mut) {
            config.remove("run");
        }
        if !contexts.is_empty() {
            let width =
                contexts.len() / card.get("rows").and_then(Value::as_u64).unwrap_or(1) as usize;
            let shape = vec![contexts.len() / width.max(1), width];
            weights.0.insert(
                CONTEXTS.to_owned(),
                crate::weights::Array { shape, values: contexts.to_vec() },
            );
        }
        Ok(Archive { card, weights })
    }

    /// The configuration it was trained with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.card.config
    }

    /// What the model file says of itself.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The problem that it was trained on, loaded again.
    ///
    /// # Errors
    /// [`RunError`] when the data cannot be read, or are not what they were: rows that it was
    /// trained on could then count as held out.
    pub fn problem(&self) -> Result<Problem, RunError> {
        let config = self.config();
        let problem = Problem::prepare(&config.data, config.train.seed)?;
        match self.card.data {
            Some(data) if data != problem.fingerprint => {
                Err(RunError::Changed { name: config.data.source.clone() })
            }
            _ => Ok(problem),
        }
    }

    /// The number of the model's parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.weights
    }

    /// What the model can do.
    ///
    /// # Errors
    /// [`ConfigError::UnknownModel`] never, for a run that opened.
    pub fn capabilities(&self) -> Result<Capabilities, ConfigError> {
        Ok(registry::model(&self.card.config.model.name)?.capabilities())
    }

    /// Whether it bounds its log-density from below: [`Run::log_prob_bound`].
    ///
    /// # Errors
    /// As [`Run::capabilities`].
    pub fn bounds_density(&self) -> Result<bool, ConfigError> {
        Ok(registry::model(&self.card.config.model.name)?.bounds_density())
    }

    /// `n` samples in the data's own units.
    ///
    /// Sample `i` of a seed has the same bits whatever `n` and the number of threads.
    ///
    /// # Errors
    /// [`RunError`] when `n = 0` or a state is not finite.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Table, RunError> {
        self.draw(&Request { n, seed, ..Request::default() })
    }

    /// Samples as a [`Request`] asks for them.
    ///
    /// # Errors
    /// [`RunError`] when the request does not fit the model or a state is not finite.
    pub fn draw(&self, request: &Request) -> Result<Table, RunError> {
        let (noise, contexts, plan) = self.ready(request)?;
        let Some(guidance) = &request.guidance else {
            let values = self.generator.sample(&noise, contexts.as_deref(), &plan)?;
            return self.table(&values);
        };
        let (strength, model) = (guidance.strength()?, self.card.config.model.name.clone());
        if contexts.is_none() {
            return Err(RunError::NothingToGuide { model });
        }
        let values = self.generator.guided(&noise, contexts.as_deref(), &plan, strength)?;
        self.table(&values.ok_or(RunError::NoNullContext { model })?)
    }

    /// The states of the paths at times `knots` in `[0, 1]`, in the data's units, or `None` when
    /// the model has no path.
    ///
    /// # Errors
    /// As [`Run::draw`].
    pub fn trace(&self, request: &Request, knots: &[f64]) -> Result<Option<Vec<Table>>, RunError> {
        let (noise, contexts, plan) = self.ready(request)?;
        let states = self.generator.trace(&noise, contexts.as_deref(), &plan, knots)?;
        states.map(|s| s.iter().map(|values| self.table(values)).collect()).transpose()
    }

    /// The model's columns: by name where the names are the model's, else in order.
    fn features(&self, x: &Table) -> Result<Table, RunError> {
        self.columns_in(x).map(|columns| x.select_columns(&columns))
    }

    /// Where the model's columns stand in a table: by their names if all are there, in order if none
    /// is.
    ///
    /// # Errors
    /// [`RunError::Data`] for a missing one where others are there, [`RunError::Columns`] when the
    /// number does not fit.
    pub fn columns_in(&self, x: &Table) -> Result<Vec<usize>, RunError> {
        let names = &self.card.schema.names;
        let found: Vec<Result<usize, DataError>> = names.iter().map(|n| x.index_of(n)).collect();
        match found.iter().filter(|at| at.is_ok()).count() {
            0 if x.cols() == names.len() => Ok((0..x.cols()).collect()),
            0 => Err(RunError::Columns { expected: names.len(), found: x.cols() }),
            // Where some names are the model's, another that is missing is misspelled.
            _ => Ok(found.into_iter().collect::<Result<_, _>>()?),
        }
    }

    /// A table's rows as the model sees them.
    fn encoded(&self, x: &Table) -> Result<Encoded, RunError> {
        let (schema, features) = (&self.card.schema, self.features(x)?);
        let contexts = if schema.context.columns.is_empty() {
            None
        } else {
            let missing = |name: &str| ContextError::Missing { name: name.to_owned() };
            let columns: Result<Vec<usize>, _> = schema
                .context
                .columns
                .iter()
                .map(|c| x.index_of(c.name()).map_err(|_| missing(c.name())))
                .collect();
            Some(schema.context.encode(&x.select_columns(&columns?))?)
        };
        let states = schema.scaler.transform(&features)?;
        if let Some(outside) = self.generator.outside(&states) {
            return Err(schema.unsupported(&outside).into());
        }
        Ok(Encoded { features, states, contexts })
    }

    /// The model itself, in its own space.
    pub(crate) fn generator(&self) -> &dyn Generator {
        &*self.generator
    }

    fn ready(
        &self,
        request: &Request,
    ) -> Result<(Noise, Option<Vec<f32>>, SampleConfig), RunError> {
        if request.n == 0 {
            return Err(RunError::NoSamples);
        }
        let most = MAX_VALUES / self.card.schema.names.len().max(1);
        if request.n > most {
            return Err(RunError::TooMany { n: request.n, most });
        }
        let plan = request.plan.unwrap_or(self.card.config.sample);
        let checked = Config { sample: plan, ..self.card.config.clone() };
        checked.check()?;
        let noise = Noise::new(request.seed, request.n).purpose("sample");
        let contexts = self.contexts(&noise, &request.given)?;
        Ok((noise, contexts, plan))
    }

    fn contexts(
        &self,
        noise: &Noise,
        given: &[(String, f64)],
    ) -> Result<Option<Vec<f32>>, ContextError> {
        let code = &self.card.schema.context;
        let width = code.width();
        if !given.is_empty() || width == 0 {
            let row = code.encode_given(given)?;
            return Ok((width > 0).then(|| row.repeat(noise.len())));
        }
        let draws = noise.purpose("context");
        let rows = self.contexts.len() / width;
        let row = |i: usize| {
            let chosen = draws.stream(i).below(rows);
            self.contexts[chosen * width..(chosen + 1) * width].to_vec()
        };
        Ok(Some((0..noise.len()).flat_map(row).collect()))
    }

    fn table(&self, values: &[f64]) -> Result<Table, RunError> {
        let schema = &self.card.schema;
        Ok(Table::new(schema.names.clone(), schema.scaler.inverse(values))?)
    }
}
