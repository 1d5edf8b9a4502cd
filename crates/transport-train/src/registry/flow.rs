//! The normalizing flows.

use super::chunks::{chunked, contexts, states};
use super::one_step::finite;
use super::{Capabilities, Entry, Generator, OpenError};
use crate::config::{Config, ConfigError, SampleConfig, wrong_settings};
use crate::objective::MaximumLikelihood;
use crate::problem::{Problem, Schema, Shape};
use crate::support::SupportError;
use crate::trainer::{Trainer, Training};
use crate::weights::Weights;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{Noise, Space};
use transport_models::flow::{Element, Outside, Reading, Reference};
use transport_models::net::ConditionerConfig;
use transport_models::{Flow, FlowConfig, FlowError};
use transport_sde::{SolveError, Solver};

/// How the layers of a registered flow transform a coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    Additive,
    Affine,
    Spline,
    Circular,
}

/// A registered normalizing flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) reading: Reading,
    pub(super) transform: Transform,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    layers: usize,
    width: usize,
    depth: usize,
    /// Pieces of a spline; other transforms have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bins: Option<usize>,
    /// What is pushed forward; `N(0, I)`, and for angles the uniform law, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
    /// The transforms alone, with plain networks ([`Flow::plain`]), instead of our blocks.
    #[serde(default)]
    plain: bool,
}

impl Family {
    fn default_settings(&self) -> Settings {
        let splines = matches!(self.transform, Transform::Spline | Transform::Circular);
        let bins = splines.then_some(8);
        Settings { layers: 6, width: 64, depth: 2, bins, reference: None, plain: false }
    }

    fn settings(&self, table: &toml::Table) -> Result<(FlowConfig, bool), ConfigError> {
        let wrong = |reason: String| ConfigError::Settings { model: self.name.to_owned(), reason };
        let Settings { layers, width, depth, bins, reference, plain } =
            table.clone().try_into().map_err(|e| wrong(wrong_settings(&e)))?;
        let most = [("layers", layers, 1024), ("width", width, 1 << 16), ("depth", depth, 1024)];
        for (name, value, most) in most.into_iter().chain(bins.map(|b| ("bins", b, 256))) {
            if value == 0 || value > most {
                return Err(wrong(format!("{name} is {value}: at least 1 and at most {most}")));
            }
        }
        let element = match (self.transform, bins) {
            (Transform::Additive, None) => Element::Additive,
            (Transform::Affine, None) => Element::Affine,
            (Transform::Spline, Some(bins)) => Element::Spline { bins },
            (Transform::Circular, Some(bins)) => Element::Circular { bins },
            (Transform::Spline | Transform::Circular, None) => {
                return Err(wrong("bins is missing".to_owned()));
            }
            (_, Some(_)) => {
                return Err(wrong("unknown setting `bins`: it has no spline".to_owned()));
            }
        };
        let own = match self.transform {
            Transform::Circular => Reference::Uniform,
            _ => Reference::Gaussian,
        };
        let (net, reference) = (ConditionerConfig { width, depth }, reference.unwrap_or(own));
        let config = FlowConfig { reading: self.reading, element, layers, net, reference };
        // What does not depend on the number of columns is known before there is data.
        config.check(2).map_err(|e| wrong(e.to_string()))?;
        Ok((config, plain))
    }

    /// A fresh flow of a shape.
    fn build(
        &self,
        table: &toml::Table,
        [dim, context]: [usize; 2],
        noise: &Noise,
        space: &Space,
    ) -> Result<Flow, ConfigError> {
        let (config, plain) = self.settings(table)?;
        let model = Flow::new(&config, dim, context, noise, space).map_err(|e| self.refused(e))?;
        Ok(if plain { model.plain(noise, space) } else { model })
    }
}

impl Family {
    fn refused(&self, error: FlowError) -> ConfigError {
        ConfigError::Settings { model: self.name.to_owned(), reason: error.to_string() }
    }
}

/// That the training rows lie where a bounded flow can reach them.
fn within(
    model: &Flow,
    schema: &Schema,
    states: &[f32],
    space: &Space,
) -> Result<(), SupportError> {
    if model.base().half_width().is_none() {
        return Ok(());
    }
    let (d, mut first) = (schema.shape().dim, 0);
    for part in states.chunks(CHECKED * d) {
        let values = part.iter().map(|v| f64::from(*v)).collect();
        let outside = model.outside(&space.tensor(values, [part.len().div_euclid(d), d]));
        if let Some(outside) = outside {
            return Err(schema.unsupported(&Outside { row: first + outside.row, ..outside }));
        }
        first += CHECKED;
    }
    Ok(())
}

/// Rows that are checked at once.
const CHECKED: usize = 1 << 16;

impl Entry for Family {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn objective(&self) -> &'static str {
        "maximum likelihood"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: true, context: true, path: false, solvers: Solver::ALL }
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(self.default_settings()).unwrap_or_default()
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        self.settings(settings).map(|_| ())
    }

    fn flow(&self, settings: &toml::Table) -> Result<Option<FlowConfig>, ConfigError> {
        self.settings(settings).map(|(config, _)| Some(config))
    }

    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        let rows = Arc::clone(&problem.rows);
        let noise = Noise::new(config.train.seed, 1);
        let sizes = [rows.dim, rows.context_dim];
        let model = self.build(&config.model.settings, sizes, &noise, space)?;
        let (scale, shift) = problem.schema.to_data_units();
        let model = model.of_angles(&scale, &shift, space);
        within(&model, &problem.schema, &rows.states, space)?;
        within(&model, &problem.schema, &problem.validation.states, space)?;
        let count = rows.len().min(STARTED_ON);
        let part = |values: &[f32], d: usize| -> Tensor<2> {
            let values = values[..count * d].iter().map(|v| f64::from(*v)).collect();
            space.tensor(values, [count, d])
        };
        let context = (rows.context_dim > 0).then(|| part(&rows.contexts, rows.context_dim));
        let objective = MaximumLikelihood { spacing: problem.spacing() };
        // Pixels that hardly vary would be blown up: the layers start on what the loss will see.
        let start = noise.purpose("start").resized(count);
        let start = objective.dequantised(part(&rows.states, rows.dim), &start);
        let model = model.started(start, context.as_ref());
        Ok(Box::new(Trainer::new(model, objective, rows, config.train, config.optim, space)))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let Shape { dim, context, .. } = *shape;
        let blank = self.build(&config.model.settings, [dim, context], &Noise::new(0, 1), space)?;
        let model = weights.fill(blank)?;
        Ok(Box::new(Normalizing { model, dim, context, space: space.clone() }))
    }
}

/// Training rows that the layers' scales are started on.
const STARTED_ON: usize = 1024;
/// Rows of a chunk: small enough that its activations stay in a core's cache.
const CHUNK: usize = 256;

struct Normalizing {
    model: Flow,
    dim: usize,
    context: usize,
    space: Space,
}

impl Normalizing {
    fn context(&self, all: Option<&[f32]>, rows: &Range<usize>) -> Option<Tensor<2>> {
        contexts(all, self.context, rows, &self.space)
    }
}

impl Generator for Normalizing {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        let parts = chunked(&self.space, noise.len(), CHUNK, |rows| {
            let context = self.context(context, &rows);
            let noise = noise.rows(rows.clone());
            finite(to_host(self.model.sample(&noise, context.as_ref(), &self.space)), &rows)
        })?;
        Ok(parts.concat())
    }

    fn outside(&self, x: &[f64]) -> Option<Outside> {
        self.model.base().half_width()?;
        let n = x.len().div_euclid(self.dim);
        self.model.outside(&self.space.tensor(x.to_vec(), [n, self.dim]))
    }

    fn log_prob(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let d = self.dim;
        let parts = chunked(&self.space, x.len() / d, CHUNK, |rows| {
            let context = self.context(context, &rows);
            let x = states(x, d, &rows, &self.space);
            let values = to_host(self.model.log_prob(x, context.as_ref()));
            // Outside the support of a bounded law the log-density is −∞.
            match values.iter().position(|v| v.is_nan() || *v == f64::INFINITY) {
                Some(row) => {
                    let row = rows.start + row;
                    Err(SolveError::NotFinite { t: 1.0, row, step: 1, evals: 1 })
                }
                None => Ok(values),
            }
        })?;
        Ok(Some(parts.concat()))
    }
}
