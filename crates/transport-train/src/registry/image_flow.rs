//! The flows of images.

mod canvas;

use self::canvas::Canvas;
use super::chunks::{chunked, contexts};
use super::one_step::finite;
use super::unread::unread;
use super::{Capabilities, Entry, Generator, OpenError};
use crate::batch::Rows;
use crate::config::{Config, ConfigError, SampleConfig, wrong_settings};
use crate::objective::ImageLikelihood;
use crate::power_average::PowerAverages;
use crate::problem::{Problem, Schema, Shape};
use crate::trainer::{StepReport, Trainer, Training};
use crate::weights::{Weights, WeightsError};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{Noise, Space};
use transport_data::ImageShape;
use transport_models::flow::Element;
use transport_models::flow::image::{
    Architecture, ImageFlowConfig, ImageLaw, ImageLawConfig, Levels, PixelNetConfig, Preprocessing,
    most_levels,
};
use transport_models::net::Pixels;
use transport_sde::{SolveError, Solver};

/// A registered flow of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) architecture: Architecture,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Before {
    None,
    Logit,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Dequantisation {
    Uniform,
    Variational,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    levels: usize,
    steps: usize,
    width: usize,
    depth: usize,
    preprocessing: Before,
    /// How far from the ends of the interval a logit is taken.
    alpha: f64,
    dequantisation: Dequantisation,
}

/// Couplings of a learned dequantisation.
const DEQUANTISER: usize = 4;
/// Training images that the flow's scales are started on.
const STARTED_ON: usize = 512;
/// Images of a chunk: small enough that its activations stay in a core's cache.
const CHUNK: usize = 32;

impl Family {
    fn wrong(&self, reason: String) -> ConfigError {
        ConfigError::Settings { model: self.name.to_owned(), reason }
    }

    fn settings(&self, table: &toml::Table) -> Result<ImageLawConfig, ConfigError> {
        let parsed = table.clone().try_into();
        let Settings { levels, steps, width, depth, preprocessing, alpha, dequantisation } =
            parsed.map_err(|e| self.wrong(wrong_settings(&e)))?;
        let most = [
            ("levels", levels, 16),
            ("steps", steps, 256),
            ("width", width, 4096),
            ("depth", depth, 64),
        ];
        if let Some((name, value, most)) = most.into_iter().find(|(_, v, most)| v == &0 || v > most)
        {
            let reason = format!("{name} is {value}: at least 1 and at most {most}");
            return Err(self.wrong(reason));
        }
        if !(alpha > 0.0 && alpha < 0.5) {
            return Err(self.wrong(format!("alpha is {alpha}: above 0 and below 0.5")));
        }
        let plain = preprocessing == Before::None;
        unread(table, &self.defaults(), &[("preprocessing = \"none\"", plain, &["alpha"])])
            .map_err(|reason| self.wrong(reason))?;
        let (architecture, net) = (self.architecture, PixelNetConfig { width, depth });
        Ok(ImageLawConfig {
            flow: ImageFlowConfig { architecture, element: Element::Affine, levels, steps, net },
            preprocessing: match preprocessing {
                Before::None => Preprocessing::None,
                Before::Logit => Preprocessing::Logit { alpha },
            },
            dequantiser: match dequantisation {
                Dequantisation::Uniform => 0,
                Dequantisation::Variational => DEQUANTISER,
            },
        })
    }

    /// The shape of the images, when they can be squeezed as often as the settings ask.
    fn shape(
        &self,
        config: &ImageLawConfig,
        image: Option<ImageShape>,
    ) -> Result<Pixels, ConfigError> {
        let model = || self.name.to_owned();
        let ImageShape { height, width, channels } =
            image.ok_or_else(|| ConfigError::NotImages { model: model() })?;
        let (levels, most) = (config.flow.levels, most_levels(height, width));
        if most == 0 {
            let reason = format!(
                "{height}x{width} images have an odd side and cannot be halved: crop or pad them to even sides"
            );
            return Err(self.wrong(reason));
        }
        if levels > most {
            let reason = format!(
                "levels is {levels}: the sides of {height}x{width} images halve {most} times, so at most {most}"
            );
            return Err(self.wrong(reason));
        }
        Ok(Pixels { channels, height, width })
    }

    /// What the values of the pixels are.
    fn levels(&self, config: &ImageLawConfig, problem: &Problem) -> Result<Levels, ConfigError> {
        let Schema { range, scaler, .. } = &problem.schema;
        let whole = problem.spacing() > 0.0;
        if !whole && scaler.output_dim() < scaler.input_dim() {
            let constant = scaler.input_dim() - scaler.output_dim();
            let reason = format!(
                "{constant} pixels never change and the values are no whole numbers: such pixels have no density; crop them away"
            );
            return Err(self.wrong(reason));
        }
        match (range, config.preprocessing) {
            (Some((low, high)), _) if whole => Ok(Levels::whole(*low, *high)),
            (Some((low, high)), _) => Ok(Levels::interval(*low, *high)),
            (None, Preprocessing::None) => {
                let values = problem.train.values().iter().copied();
                let (low, high) =
                    (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max));
                Ok(if whole { Levels::whole(low, high) } else { Levels::interval(low, high) })
            }
            (None, Preprocessing::Logit { .. }) => Err(self.wrong(
                "preprocessing is logit, and nothing says what bounds the pixels' values: none"
                    .to_owned(),
            )),
        }
    }
}

impl Entry for Family {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn objective(&self) -> &'static str {
        "maximum likelihood, in bits per dimension"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: true, context: true, path: false, solvers: Solver::ALL }
    }

    fn images_only(&self) -> bool {
        true
    }

    fn defaults(&self) -> toml::Table {
        let steps = if self.architecture == Architecture::Glow { 8 } else { 3 };
        let settings = Settings {
            levels: 2,
            steps,
            width: 64,
            depth: 2,
            preprocessing: Before::Logit,
            alpha: 0.05,
            dequantisation: Dequantisation::Uniform,
        };
        toml::Table::try_from(settings).unwrap_or_default()
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        self.settings(settings).map(|_| ())
    }

    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        let settings = self.settings(&config.model.settings)?;
        let shape = self.shape(&settings, problem.schema.image)?;
        let levels = self.levels(&settings, problem)?;
        // The flow sees whole images in their own units: pixels that never change too.
        let canvas = Canvas::of(&problem.schema, levels);
        let rows = canvas.whole(&problem.rows);
        let noise = Noise::new(config.train.seed, 1);
        let count = rows.len().min(STARTED_ON);
        let part = |values: &[f32], d: usize| -> Tensor<2> {
            space.tensor_f32(values[..count * d].to_vec(), [count, d])
        };
        let context = (rows.context_dim > 0).then(|| part(&rows.contexts, rows.context_dim));
        let law = ImageLaw::new(&settings, shape, levels, rows.context_dim, &noise, space);
        let start = Noise::new(config.train.seed, count).purpose("start");
        let law = law.started(part(&rows.states, rows.dim), &start, context.as_ref());
        let (config, optim) = (config.train, config.optim);
        let trainer = Trainer::new(law, ImageLikelihood, Arc::new(rows), config, optim, space);
        Ok(Box::new(Framed { trainer, canvas }))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let settings = self.settings(&config.model.settings)?;
        let pixels = self.shape(&settings, shape.image)?;
        let canvas = Canvas::read(&weights.part("canvas"), shape.dim, pixels.len())?;
        let context = shape.context;
        let blank =
            ImageLaw::new(&settings, pixels, canvas.levels, context, &Noise::new(0, 1), space);
        let law = weights.fill(blank)?;
        Ok(Box::new(Images { law, canvas, context, space: space.clone() }))
    }
}

/// The training of a law, with its canvas among the weights.
struct Framed {
    trainer: Trainer<ImageLaw, ImageLikelihood>,
    canvas: Canvas,
}

impl Training for Framed {
    fn step(&mut self) -> StepReport {
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
        weights.0.extend(self.canvas.weights().0);
        weights
    }

    fn validation_loss(&self, rows: &Rows) -> Result<Option<f64>, WeightsError> {
        self.trainer.validation_loss(&self.canvas.whole(rows))
    }

    fn averages(&self) -> Option<&PowerAverages> {
        self.trainer.averages()
    }

    fn extras(&self) -> Vec<(&'static str, f64)> {
        self.trainer.extras()
    }
}

struct Images {
    law: ImageLaw,
    canvas: Canvas,
    context: usize,
    space: Space,
}

impl Images {
    fn context(&self, all: Option<&[f32]>, rows: &Range<usize>) -> Option<Tensor<2>> {
        contexts(all, self.context, rows, &self.space)
    }

    /// `f` of whole images, chunk by chunk, as densities of states; −∞ where the law has no mass.
    fn densities(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        whole: bool,
        f: impl Fn(Tensor<2>, Range<usize>, Option<&Tensor<2>>) -> Tensor<1> + Sync,
    ) -> Result<Vec<f64>, SolveError> {
        let (d, pixels) = (self.canvas.columns.len(), self.canvas.blank.len());
        let parts = chunked(&self.space, x.len() / d, CHUNK, |rows| {
            let mut images = self.canvas.images(&x[rows.start * d..rows.end * d]);
            if whole {
                images.iter_mut().for_each(|v| *v = self.canvas.level(*v));
            }
            let mut outside = Vec::new();
            for (i, image) in images.chunks_exact_mut(pixels).enumerate() {
                if !self.law.supports(image) {
                    outside.push(i);
                    image.copy_from_slice(&self.canvas.blank);
                }
            }
            let images = self.space.tensor(images, [rows.len(), pixels]);
            let context = self.context(context, &rows);
            let mut values = finite(to_host(f(images, rows.clone(), context.as_ref())), &rows)?;
            outside.into_iter().for_each(|i| values[i] = f64::NEG_INFINITY);
            Ok(values)
        })?;
        Ok(parts.concat())
    }
}

impl Generator for Images {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        let parts = chunked(&self.space, noise.len(), CHUNK, |rows| {
            let context = self.context(context, &rows);
            let z = noise.rows(rows.clone()).purpose("reference");
            let z = z.normal(self.law.shape().len(), &self.space);
            finite(self.canvas.states(&self.law.images(z, context.as_ref())), &rows)
        })?;
        Ok(parts.concat())
    }

    fn log_prob(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let log_det = self.canvas.log_det();
        let log_prob = self.densities(x, context, false, |images, _, context| {
            self.law.log_prob(images, context)
        })?;
        Ok(Some(log_prob.into_iter().map(|v| v + log_det).collect()))
    }

    fn log_mass(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        _plan: &SampleConfig,
        noise: &Noise,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        if !self.law.levels().whole {
            return Ok(None);
        }
        let log_mass = self.densities(x, context, true, |images, rows, context| {
            let draw = self.law.draw(&noise.rows(rows), &self.space);
            self.law.log_mass(images, draw, context)
        })?;
        Ok(Some(log_mass))
    }
}
