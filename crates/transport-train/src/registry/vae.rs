//! The variational autoencoder.

use super::chunks::{chunked, contexts, states};
use super::one_step::finite;
use super::unread::unread;
use super::{Bound, Capabilities, Entry, Generator, OpenError};
use crate::batch::Rows;
use crate::canvas;
use crate::config::{Config, ConfigError, SampleConfig, wrong_settings};
use crate::objective::{EvidenceBound, Tally};
use crate::power_average::PowerAverages;
use crate::problem::{Problem, Shape};
use crate::trainer::{Keep, StepReport, Trainer, Training};
use crate::weights::{Array, Weights, WeightsError};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{DensityEstimate, Noise, Space};
use transport_data::Table;
use transport_models::net::{Canvas, ConditionerConfig};
use transport_models::vae::{Levels, Likelihood};
use transport_models::{Vae, VaeConfig};
use transport_sde::{SolveError, Solver};

/// The registered model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family;

const NAME: &str = "vae";

/// What the networks are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Body {
    Mlp,
    Conv,
}

/// The law of the data given a code; `Auto` is logistic for images of whole numbers, else Gaussian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Decoder {
    Auto,
    Gaussian,
    Bernoulli,
    Logistic,
}

/// What a sample is; `Auto` is the mean for images, else a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Output {
    Auto,
    Draw,
    Mean,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    latent: usize,
    net: Body,
    width: usize,
    depth: usize,
    channels: usize,
    decoder: Decoder,
    /// The fixed variance of a Gaussian decoder; learned when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variance: Option<f64>,
    beta: f64,
    free_nats: f64,
    draws: usize,
    output: Output,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latent: 16,
            net: Body::Mlp,
            width: 256,
            depth: 3,
            channels: 32,
            decoder: Decoder::Auto,
            variance: None,
            beta: 1.0,
            free_nats: 0.0,
            draws: 1,
            output: Output::Auto,
        }
    }
}

fn wrong(reason: impl Into<String>) -> ConfigError {
    ConfigError::Settings { model: NAME.to_owned(), reason: reason.into() }
}

fn settings(table: &toml::Table) -> Result<Settings, ConfigError> {
    let s: Settings = table.clone().try_into().map_err(|e| wrong(wrong_settings(&e)))?;
    for (name, value, least, most) in [
        ("latent", s.latent, 1, 1 << 14),
        ("width", s.width, 1, 1 << 16),
        ("depth", s.depth, 0, 1024),
        ("channels", s.channels, 1, 1 << 12),
        ("draws", s.draws, 1, 1 << 10),
    ] {
        if value < least || value > most {
            return Err(wrong(format!("{name} is {value}: at least {least} and at most {most}")));
        }
    }
    let sizes = [("beta", s.beta), ("free_nats", s.free_nats)];
    if let Some((name, value)) = sizes.iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
        return Err(wrong(format!("{name} is {value}: a finite number of at least 0")));
    }
    if s.draws > 1 && (s.beta != 1.0 || s.free_nats != 0.0) {
        let reason = "with draws above 1 the loss is the importance-weighted bound, \
                      which has no divergence to weigh: beta must be 1 and free_nats 0";
        return Err(wrong(reason));
    }
    match (s.variance, s.decoder) {
        (Some(v), _) if !(v.is_finite() && v > 0.0) => {
            Err(wrong(format!("variance is {v}: a finite number above 0")))
        }
        (Some(_), Decoder::Auto | Decoder::Bernoulli | Decoder::Logistic) => {
            Err(wrong("variance belongs to decoder = \"gaussian\""))
        }
        _ => Ok(()),
    }?;
    let defaults = toml::Table::try_from(Settings::default()).unwrap_or_default();
    let choices = [
        ("net = \"mlp\"", s.net == Body::Mlp, &["channels"][..]),
        ("net = \"conv\"", s.net == Body::Conv, &["depth"]),
    ];
    unread(table, &defaults, &choices).map_err(wrong)?;
    Ok(s)
}

/// What a model has to know of its data beside their number of coordinates.
#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    /// The values that the data take, if they are discrete.
    levels: Option<Levels>,
    /// How rows stand in images, where they are some.
    canvas: Option<Canvas>,
}

impl Facts {
    /// # Errors
    /// [`ConfigError::Settings`] when the data are not what the decoder describes.
    fn of(problem: &Problem, s: &Settings) -> Result<Self, ConfigError> {
        let levels = match s.decoder {
            Decoder::Gaussian => None,
            Decoder::Bernoulli => Some(two_values(problem)?),
            Decoder::Auto | Decoder::Logistic if problem.spacing() > 0.0 => {
                let (low, high) = problem.schema.range.unwrap_or_else(|| extremes(&problem.train));
                Some(levels(problem, low, high, (high - low).round() as usize + 1))
            }
            Decoder::Auto => None,
            Decoder::Logistic => {
                return Err(wrong("a logistic decoder is for images of whole numbers"));
            }
        };
        Ok(Self { levels, canvas: canvas::of(&problem.schema) })
    }

    /// As arrays of the model file.
    fn arrays(&self) -> Weights {
        let array = |values: Vec<f64>, rows: usize| Array {
            shape: vec![rows, values.len() / rows],
            values: values.into_iter().map(|v| v as f32).collect(),
        };
        let mut weights = Weights::default();
        if let Some(levels) = &self.levels {
            let count = vec![levels.count as f64; levels.low.len()];
            let values = [levels.low.clone(), levels.high.clone(), count].concat();
            weights.0.insert(LEVELS.to_owned(), array(values, 3));
        }
        weights.0.extend(self.canvas.iter().flat_map(|canvas| canvas::keep(canvas).0));
        weights
    }

    /// # Errors
    /// [`WeightsError`] when an array has another shape.
    fn read(weights: &Weights, shape: &Shape) -> Result<Self, WeightsError> {
        let rows = |name: &str, rows: usize, columns: usize| {
            let array = weights.get(name, &[rows, columns])?;
            let values: Vec<f64> = array.values.iter().map(|v| f64::from(*v)).collect();
            Ok(values.chunks_exact(columns).map(<[f64]>::to_vec).collect::<Vec<_>>())
        };
        let mut facts = Self::default();
        if weights.0.contains_key(LEVELS) {
            let rows = rows(LEVELS, 3, shape.dim)?;
            let count = (rows[2][0] as usize).max(2);
            facts.levels = Some(Levels { low: rows[0].clone(), high: rows[1].clone(), count });
        }
        facts.canvas = canvas::kept(shape, weights)?;
        Ok(facts)
    }

    fn likelihood(&self, s: &Settings) -> Likelihood {
        match (&self.levels, s.decoder) {
            (Some(levels), Decoder::Bernoulli) => Likelihood::Bernoulli(levels.clone()),
            (Some(levels), _) => Likelihood::Logistic(levels.clone()),
            (None, _) => Likelihood::Gaussian { variance: s.variance },
        }
    }

    /// # Errors
    /// [`ConfigError::Settings`] for convolutions on rows that are no images.
    fn config(&self, s: &Settings) -> Result<VaeConfig, ConfigError> {
        let images = match (s.net, &self.canvas) {
            (Body::Mlp, _) => None,
            (Body::Conv, Some(canvas)) => Some((canvas.clone(), s.channels)),
            (Body::Conv, None) => {
                return Err(wrong("net = \"conv\" is for rows that are images"));
            }
        };
        let net = ConditionerConfig { width: s.width, depth: s.depth };
        Ok(VaeConfig { latent: s.latent, net, images, likelihood: self.likelihood(s) })
    }
}

/// Where the facts stand in a model file.
const LEVELS: &str = "data/levels";

fn extremes(table: &Table) -> (f64, f64) {
    let ends = (f64::INFINITY, f64::NEG_INFINITY);
    table.values().iter().fold(ends, |(low, high), v| (low.min(*v), high.max(*v)))
}

/// Levels of data units in the model's space.
fn levels(problem: &Problem, low: f64, high: f64, count: usize) -> Levels {
    let row = |value: f64| scaled(problem, vec![value; problem.schema.names.len()]);
    Levels { low: row(low), high: row(high), count }
}

/// A row of data in the model's space.
fn scaled(problem: &Problem, row: Vec<f64>) -> Vec<f64> {
    let table = Table::new(problem.schema.names.clone(), row);
    // A row as wide as the data, under the data's own names.
    table.and_then(|t| problem.schema.scaler.transform(&t)).unwrap_or_default()
}

/// The two values of a Bernoulli decoder: the ends of the range, between which a value is the
/// chance of the upper; or 0 and 1 where the data hold nothing else.
fn two_values(problem: &Problem) -> Result<Levels, ConfigError> {
    let binary = || problem.train.values().iter().all(|v| *v == 0.0 || *v == 1.0);
    match problem.schema.range {
        Some((low, high)) => Ok(levels(problem, low, high, 2)),
        None if binary() => Ok(levels(problem, 0.0, 1.0, 2)),
        None => Err(wrong(
            "a Bernoulli decoder is for images with a known range, or columns of 0 and 1",
        )),
    }
}

impl Entry for Family {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "variational autoencoder: a decoder of normal codes (its density is bounded, not known)"
    }

    fn objective(&self) -> &'static str {
        "evidence bound"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: false, context: true, path: false, solvers: Solver::ALL }
    }

    fn bounds_density(&self) -> bool {
        true
    }

    /// The bound overfits as a likelihood does.
    fn keep(&self) -> Keep {
        Keep::Best
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Settings::default()).unwrap_or_default()
    }

    fn check(&self, table: &toml::Table) -> Result<(), ConfigError> {
        settings(table).map(|_| ())
    }

    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        let s = settings(&config.model.settings)?;
        let facts = Facts::of(problem, &s)?;
        let rows = Arc::clone(&problem.rows);
        let noise = Noise::new(config.train.seed, 1).purpose("init");
        let built = facts.config(&s)?;
        let model = Vae::new(&built, rows.dim, rows.context_dim, &noise, space);
        let tally = Tally::default();
        let objective = EvidenceBound {
            beta: s.beta,
            free_nats: s.free_nats,
            draws: s.draws,
            tally: tally.clone(),
        };
        let trainer = Trainer::new(model, objective, rows, config.train, config.optim, space);
        Ok(Box::new(Encoding { trainer, tally, facts: facts.arrays() }))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let s = settings(&config.model.settings)?;
        let built = Facts::read(weights, shape)?.config(&s)?;
        let Shape { dim, context, image } = *shape;
        let model = weights.fill(Vae::new(&built, dim, context, &Noise::new(0, 1), space))?;
        let mean = match s.output {
            Output::Auto => image.is_some(),
            Output::Mean => true,
            Output::Draw => false,
        };
        Ok(Box::new(Decoding { model, dim, context, mean, space: space.clone() }))
    }
}

/// A trainer that reports the two parts of its loss and keeps what the model knows of its data.
struct Encoding {
    trainer: Trainer<Vae, EvidenceBound>,
    tally: Tally,
    facts: Weights,
}

impl Training for Encoding {
    fn step(&mut self) -> StepReport {
        self.tally.clear();
        self.trainer.step()
    }

    fn steps_done(&self) -> u64 {
        self.trainer.steps_done()
    }

    fn steps_total(&self) -> u64 {
        self.trainer.steps_total()
    }

    fn state(&self) -> Weights {
        self.trainer.state()
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.trainer.restore(state, step)
    }

    fn weights(&self) -> Weights {
        let mut weights = self.trainer.weights();
        weights.0.extend(self.facts.0.clone());
        weights
    }

    fn validation_loss(&self, rows: &Rows) -> Result<Option<f64>, WeightsError> {
        self.tally.aside(|| self.trainer.validation_loss(rows))
    }

    fn averages(&self) -> Option<&PowerAverages> {
        self.trainer.averages()
    }

    fn extras(&self) -> Vec<(&'static str, f64)> {
        let (likelihood, divergence) = self.tally.means();
        vec![("log_likelihood_given_code", likelihood), ("divergence", divergence)]
    }
}

/// Rows of a chunk: small enough that its activations stay in a core's cache.
const CHUNK: usize = 256;

struct Decoding {
    model: Vae,
    dim: usize,
    context: usize,
    /// Whether a sample is the decoder's mean rather than a draw.
    mean: bool,
    space: Space,
}

impl Decoding {
    fn context(&self, all: Option<&[f32]>, rows: &Range<usize>) -> Option<Tensor<2>> {
        contexts(all, self.context, rows, &self.space)
    }
}

impl Generator for Decoding {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        let parts = chunked(&self.space, noise.len(), CHUNK, |rows| {
            let context = self.context(context, &rows);
            let noise = noise.rows(rows.clone());
            let z = noise.purpose("reference").normal(self.model.latent(), &self.space);
            let out = self.model.decode(z, context.as_ref());
            let law = self.model.observation();
            let x = match self.mean {
                true => law.mean(out),
                false => law.draw(out, &noise.purpose("decoder")),
            };
            finite(to_host(x), &rows)
        })?;
        Ok(parts.concat())
    }

    fn bound(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        draws: usize,
        noise: &Noise,
    ) -> Result<Option<Bound>, SolveError> {
        let d = self.dim;
        let parts = chunked(&self.space, x.len() / d, CHUNK, |rows| {
            let x = states(x, d, &rows, &self.space);
            let law = self.model.given(self.context(context, &rows), draws);
            let (value, error) = law.estimate(x, &noise.rows(rows.clone()));
            Ok((finite(to_host(value), &rows)?, to_host(error.0)))
        })?;
        let (values, std_errs): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let (values, std_errs) = (values.concat(), std_errs.concat());
        Ok(Some(Bound { values, std_errs, discrete: self.model.observation().is_discrete() }))
    }
}
