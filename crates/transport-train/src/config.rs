//! What a run is: every choice and every default, as one TOML file.

use crate::optim::OptimConfig;
use crate::power_average::widest;
use crate::registry;
use crate::trainer::{Keep, LoopConfig};
use serde::{Deserialize, Serialize};
use transport_sde::Solver;

/// A run's configuration: the content of `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What it is trained on.
    pub data: DataConfig,
    /// What is trained.
    pub model: ModelConfig,
    /// The training loop.
    #[serde(default)]
    pub train: LoopConfig,
    /// The optimiser.
    #[serde(default)]
    pub optim: OptimConfig,
    /// How samples are drawn unless asked otherwise.
    pub sample: SampleConfig,
    /// What the run does beside the mathematics.
    #[serde(default)]
    pub run: HostConfig,
}

/// Which data, and which part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A shipped data set, a 2-D law, or a path.
    pub source: String,
    /// Feature columns by name; all that are not contexts when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Context columns by name.
    #[serde(default)]
    pub context: Vec<String>,
    /// The fraction held out for evaluation: the test rows.
    #[serde(default = "tenth")]
    pub split: f64,
    /// The fraction held out to choose weights by: the validation rows. By default a tenth for
    /// models that keep the best weights, none for the others.
    #[serde(default)]
    pub validation: f64,
    /// How many points to draw from a 2-D law.
    #[serde(default = "ten_thousand")]
    pub points: usize,
}

fn tenth() -> f64 {
    0.1
}

fn validation(keep: Keep) -> f64 {
    if keep == Keep::Best { tenth() } else { 0.0 }
}

fn ten_thousand() -> usize {
    10_000
}

/// A model by name, with its own settings beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Its name in the registry.
    pub name: String,
    /// Its settings, checked by the model.
    #[serde(flatten)]
    pub settings: toml::Table,
}

impl ModelConfig {
    /// Changes a setting, written as `name=value`: the value as in TOML, or a bare text.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when there is no `=`; what the name and the value are worth,
    /// [`Config::check`] says.
    pub fn set(&mut self, pair: &str) -> Result<(), ConfigError> {
        let Some((name, text)) = pair.split_once('=') else {
            let reason = format!("`{pair}` is no setting: name=value is");
            return Err(ConfigError::Settings { model: self.name.clone(), reason });
        };
        let parsed = toml::from_str::<toml::Table>(&format!("value = {text}"));
        let value = parsed.ok().and_then(|mut table| table.remove("value"));
        let value = value.unwrap_or_else(|| text.trim().into());
        if name.trim().is_empty() {
            let reason = format!("`{pair}` has no name before the =: name=value is a setting");
            return Err(ConfigError::Settings { model: self.name.clone(), reason });
        }
        self.settings.insert(name.trim().to_owned(), value);
        Ok(())
    }
}

/// A solver and its number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleConfig {
    /// The method.
    pub solver: Solver,
    /// How many steps: equal ones over the schedule's domain, or a diffusion sampler's own grid.
    pub steps: usize,
}

/// The device, the threads, and how often the run speaks and saves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    /// The device; the best CPU backend when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Threads; all cores when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between lines of `metrics.jsonl`.
    pub log_every: u64,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { device: None, threads: None, checkpoint_every: 1000, log_every: 50 }
    }
}

/// A configuration that cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or not a configuration.
    #[error("the configuration cannot be read: {reason}")]
    Syntax {
        /// Where and why.
        reason: String,
    },
    /// A model that does not exist.
    #[error("unknown model `{name}`{}", suggestion(.nearest.as_deref(), .known))]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// A setting that the model does not have, or a value of the wrong kind.
    #[error("model `{model}`: {reason}")]
    Settings {
        /// The model.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// A number outside its range.
    #[error("{what} is {value}: {expected}")]
    Range {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A model of images was given something else.
    #[error(
        "model `{model}` needs images: the digits, an IDX file of images or a folder of PNGs, all columns of it"
    )]
    NotImages {
        /// The model.
        model: String,
    },
    /// A model that takes no context was given one.
    #[error("model `{model}` takes no context")]
    NoContext {
        /// The model.
        model: String,
    },
    /// Training rows outside the support of a bounded law.
    #[error(transparent)]
    Support(#[from] crate::support::SupportError),
    /// A solver of the wrong kind.
    #[error("model `{model}` has no {solver} sampler: it has {}", .known.join(", "))]
    Solver {
        /// The model.
        model: String,
        /// The solver asked for.
        solver: &'static str,
        /// What the model can use.
        known: Vec<&'static str>,
    },
}

/// `; did you mean …?` or the list of names.
pub(crate) fn suggestion(nearest: Option<&str>, known: &[&'static str]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

/// What is wrong with a model's settings; of an unknown one the most similar in the place of all, where
/// one is similar.
pub(crate) fn wrong_settings(error: &toml::de::Error) -> String {
    let message = error.message();
    let Some(rest) = message.strip_prefix("unknown field ") else { return message.to_owned() };
    // "`name`, expected one of `a`, `b`": every second part stands between backticks.
    let quoted: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let near = quoted.split_first().and_then(|(name, known)| Some((name, nearest(name, known)?)));
    near.map_or_else(
        || message.to_owned(),
        |(name, near)| format!("unknown setting `{name}`; did you mean `{near}`?"),
    )
}

/// The most similar of `known`, if it is similar at all.
pub(crate) fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let score = |k: &&str| strsim::jaro_winkler(name, k);
    let best = known.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(&best) > 0.75).then(|| best.to_owned())
}

/// Points of a law, and rows of a batch, that memory may be asked for.
const MOST_POINTS: usize = 1 << 28;
const MOST_ROWS: usize = 1 << 24;

impl Config {
    /// The defaults for a model on a source of data.
    ///
    /// # Errors
    /// [`ConfigError::UnknownModel`].
    pub fn new(source: &str, model: &str) -> Result<Self, ConfigError> {
        let entry = registry::model(model)?;
        Ok(Self {
            data: DataConfig {
                source: source.to_owned(),
                columns: None,
                context: Vec::new(),
                split: tenth(),
                validation: validation(entry.keep()),
                points: ten_thousand(),
            },
            model: ModelConfig { name: model.to_owned(), settings: entry.defaults() },
            train: LoopConfig { keep: entry.keep(), ..LoopConfig::default() },
            optim: OptimConfig::default(),
            sample: entry.sampling(),
            run: HostConfig::default(),
        })
    }

    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] that names the setting.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let syntax = |e: toml::de::Error| ConfigError::Syntax { reason: e.to_string() };
        let mut config: Self = toml::from_str(text).map_err(syntax)?;
        let entry = registry::model(&config.model.name)?;
        // What depends on the model and was not said.
        let said: toml::Table = toml::from_str(text).map_err(syntax)?;
        let has =
            |section: &str, key: &str| said.get(section).is_some_and(|s| s.get(key).is_some());
        if !has("train", "keep") {
            config.train.keep = entry.keep();
        }
        if !has("data", "validation") {
            config.data.validation = validation(config.train.keep);
        }
        let mut settings = entry.defaults();
        settings.extend(config.model.settings);
        config.model.settings = settings;
        config.check()?;
        Ok(config)
    }

    /// The configuration as TOML.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] when a setting has no TOML form.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|e| ConfigError::Syntax { reason: e.to_string() })
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let entry = registry::model(&self.model.name)?;
        entry.check(&self.model.settings)?;
        if !self.data.context.is_empty() && !entry.capabilities().context {
            return Err(ConfigError::NoContext { model: self.model.name.clone() });
        }
        if !entry.capabilities().solvers.contains(&self.sample.solver) {
            return Err(ConfigError::Solver {
                model: self.model.name.clone(),
                solver: self.sample.solver.name(),
                known: entry.capabilities().solvers.iter().map(|s| s.name()).collect(),
            });
        }
        if !entry.validates() && (self.train.keep == Keep::Best || self.train.patience > 0) {
            let reason =
                "no loss says how good its weights are: keep the last ones, without patience";
            let (model, reason) = (self.model.name.clone(), reason.to_owned());
            return Err(ConfigError::Settings { model, reason });
        }
        if self.optim.relative > 0.0 && !entry.validates() {
            let reason =
                "it keeps the moving average of its weights: `relative` must be 0".to_owned();
            return Err(ConfigError::Settings { model: self.model.name.clone(), reason });
        }
        let whole = "a whole number of at least 1";
        let positive = "a finite number above 0";
        let ranges = [
            (
                "--split",
                self.data.split,
                (0.0..1.0).contains(&self.data.split),
                "at least 0 and below 1",
            ),
            (
                "--validation",
                self.data.validation,
                self.data.validation >= 0.0 && self.data.split + self.data.validation < 1.0,
                "at least 0, and below 1 together with --split",
            ),
            (
                "--patience",
                self.train.patience as f64,
                self.train.patience == 0 || self.data.validation > 0.0,
                "early stopping needs validation rows (--validation)",
            ),
            (
                "validate_every",
                self.train.validate_every as f64,
                self.train.validate_every > 0,
                whole,
            ),
            (
                "points",
                self.data.points as f64,
                (4..=MOST_POINTS).contains(&self.data.points),
                "4 to 268435456",
            ),
            ("--steps", self.train.steps as f64, self.train.steps > 0, whole),
            (
                "--batch-size",
                self.train.batch_size as f64,
                (1..=MOST_ROWS).contains(&self.train.batch_size),
                "a whole number from 1 to 16777216",
            ),
            ("shards", self.train.shards as f64, self.train.shards > 0, whole),
            ("sampling steps", self.sample.steps as f64, self.sample.steps > 0, whole),
            (
                "--checkpoint-every",
                self.run.checkpoint_every as f64,
                self.run.checkpoint_every > 0,
                whole,
            ),
            ("log_every", self.run.log_every as f64, self.run.log_every > 0, whole),
            ("--threads", self.run.threads.unwrap_or(1) as f64, self.run.threads != Some(0), whole),
            ("--lr", self.optim.lr, self.optim.lr > 0.0 && self.optim.lr.is_finite(), positive),
            ("clip", self.optim.clip, self.optim.clip > 0.0, "above 0"),
            ("weight_decay", self.optim.weight_decay, self.optim.weight_decay >= 0.0, "at least 0"),
            ("ema", self.optim.ema, (0.0..1.0).contains(&self.optim.ema), "at least 0 and below 1"),
            (
                "relative",
                self.optim.relative,
                (0.0..=widest()).contains(&self.optim.relative),
                "0, or a relative width of at most 0.288",
            ),
            ("snapshots", self.optim.snapshots as f64, self.optim.snapshots > 0, whole),
        ];
        match ranges.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((what, value, _, expected)) => Err(ConfigError::Range { what, value, expected }),
            None => Ok(()),
        }
    }
}
