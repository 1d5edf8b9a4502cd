//! The models that come with others' weights: a network of images on the timesteps of a table.

use super::chunks::{by_time, chunked, contexts};
use super::integrated::Integrated;
use super::{Capabilities, Entry, Generator, OpenError};
use crate::config::{Config, ConfigError, SampleConfig, wrong_settings};
use crate::problem::{Problem, Shape};
use crate::trainer::Training;
use crate::weights::{Weights, WeightsError};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use transport_core::device::to_host;
use transport_core::schedule::{Discrete, DiscreteError};
use transport_core::{Interval, Noise, Prediction, Schedule, Space};
use transport_data::ImageShape;
use transport_models::net::{DdpmCnn, DdpmCnnConfig, Pixels, UNet, UNetConfig, UNetError};
use transport_models::tabled::{GivenTabled, ImageNet, Reading, Tabled};
use transport_sde::dynamics::Epsilon;
use transport_sde::{Finish, Grid, SolveError, Solver, SolverKind, Spacing};

/// The family of `ddpm_mnist_cnn`.
pub static DDPM_CNN: Family = Family {
    name: "ddpm-mnist-cnn",
    summary: "convolutional denoiser with image-wide norms, weights from elsewhere",
    kind: Kind::Cnn,
};

/// Diffusers' `UNet2DModel`.
pub static UNET_2D: Family = Family {
    name: "unet2d",
    summary: "diffusers' UNet2DModel, weights from elsewhere",
    kind: Kind::UNet,
};

/// A registered model of others' weights.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    name: &'static str,
    summary: &'static str,
    kind: Kind,
}

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cnn,
    UNet,
}

/// The noise levels of the timesteps, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Betas {
    /// `β` in equal steps.
    Linear,
    /// `√β` in equal steps.
    ScaledLinear,
    /// `ᾱ` a squared cosine.
    Cosine,
    /// The table that stands among the weights.
    Table,
}

/// The chain that a model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSettings {
    /// How β runs.
    pub betas: Betas,
    /// The number of steps `T` of the table.
    pub timesteps: usize,
    /// The first β.
    pub beta_start: f64,
    /// The last β.
    pub beta_end: f64,
    /// Whether the table is moved so that its last step has no signal.
    pub zero_snr: bool,
    /// Steps at the clean end that the network was not trained at.
    pub unused: usize,
}

/// What is known of a model of others' weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the pixel values 0 and 255 are in the model's space.
    pub state_range: [f64; 2],
    /// The chain.
    pub chain: ChainSettings,
    /// How the network is read.
    pub reading: Reading,
    /// The network, where it is a [`DdpmCnn`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnn: Option<DdpmCnnConfig>,
    /// Rows and columns of pixels, where the network is a [`UNet`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// The network, where it is a [`UNet`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unet: Option<UNetConfig>,
}

/// The names under which the parts stand in a model file.
pub(crate) const NET: &str = "net";
pub(crate) const BETAS: &str = "chain/betas";
/// The longest table.
const MOST_STEPS: usize = 100_000;

impl ChainSettings {
    /// The table, `betas` being the one among the weights.
    fn table(&self, betas: Option<&[f32]>) -> Result<Discrete, DiscreteError> {
        let Self { timesteps, beta_start, beta_end, .. } = *self;
        let table = match (self.betas, betas) {
            (Betas::Linear, _) => Discrete::linear(timesteps, beta_start, beta_end),
            (Betas::ScaledLinear, _) => Discrete::scaled_linear(timesteps, beta_start, beta_end),
            (Betas::Cosine, _) => Discrete::cosine(timesteps),
            (Betas::Table, betas) => {
                let betas = betas.unwrap_or_default().iter();
                Discrete::new(&betas.map(|beta| f64::from(*beta)).collect::<Vec<_>>())
            }
        }?;
        Ok(if self.zero_snr { table.with_zero_terminal_snr() } else { table })
    }

    /// `ᾱ` of each step, where the chain has a name.
    pub(crate) fn bars(&self) -> Option<Vec<f64>> {
        self.check().ok().filter(|()| self.betas != Betas::Table)?;
        let table = self.table(None).ok()?;
        Some((0..table.steps()).map(|k| table.alpha_bar(k)).collect())
    }

    fn check(&self) -> Result<(), String> {
        if self.timesteps == 0 || self.timesteps > MOST_STEPS {
            return Err(format!("timesteps is {}: from 1 to {MOST_STEPS}", self.timesteps));
        }
        if self.unused >= self.timesteps {
            let Self { timesteps, unused, .. } = self;
            return Err(format!(
                "timesteps is {timesteps}, of which {unused} are unused: none is left"
            ));
        }
        if self.betas == Betas::Table {
            return Ok(());
        }
        self.table(None).map(|_| ()).map_err(|e| e.to_string())
    }
}

impl Settings {
    /// The settings of the published weights of `ddpm-mnist-cnn`.
    #[must_use]
    pub fn ddpm_cnn() -> Self {
        Self {
            state_range: [-0.5, 0.5],
            chain: ChainSettings {
                betas: Betas::Linear,
                timesteps: 1001,
                beta_start: 1e-4,
                beta_end: 0.02,
                zero_snr: false,
                unused: 1,
            },
            reading: Reading { prediction: Prediction::Noise, offset: 0.0, unit: 1e-3, clip: None },
            cnn: Some(DdpmCnnConfig::default()),
            size: None,
            unet: None,
        }
    }

    /// The settings of a U-Net on the chain of DDPM: β from 10⁻⁴ to 0.02 in 1000 steps, pixels on
    /// `[−1, 1]`, samples clipped to it.
    #[must_use]
    pub fn unet_2d(size: [usize; 2], unet: UNetConfig) -> Self {
        let own = Self::ddpm_cnn();
        Self {
            state_range: [-1.0, 1.0],
            chain: ChainSettings { timesteps: 1000, unused: 0, ..own.chain },
            reading: Reading { unit: 1.0, clip: Some(1.0), ..own.reading },
            cnn: None,
            size: Some(size),
            unet: Some(unet),
        }
    }

    pub(crate) fn check(&self, kind: Kind) -> Result<(), String> {
        self.chain.check()?;
        let [low, high] = self.state_range;
        if !(low < high && low.is_finite() && high.is_finite()) {
            return Err(format!("state_range is [{low}, {high}]: two finite numbers, ascending"));
        }
        let Reading { offset, unit, clip, prediction } = self.reading;
        let finite = offset.is_finite() && unit.is_finite() && unit != 0.0;
        if !finite || clip.is_some_and(|clip| !(clip > 0.0 && clip.is_finite())) {
            return Err("offset, unit and clip are finite, unit is not 0, clip is above 0".into());
        }
        if matches!(prediction, Prediction::Score | Prediction::Velocity) {
            return Err("prediction is `noise`, `data` or `v`".into());
        }
        let net = match kind {
            Kind::Cnn => self.cnn.as_ref().map(DdpmCnnConfig::check),
            Kind::UNet => self.size.zip(self.unet.as_ref()).map(|(size, unet)| {
                if unet.in_channels != unet.out_channels {
                    return Err("in_channels and out_channels differ".into());
                }
                unet.check(size).map_err(|e| e.to_string())
            }),
        };
        net.unwrap_or_else(|| Err("the sizes of the network are missing".into()))
    }

    /// The image that the network is built for.
    #[must_use]
    pub fn image(&self) -> Option<ImageShape> {
        if let Some(cnn) = &self.cnn {
            let DdpmCnnConfig { channels, height, width, .. } = *cnn;
            return Some(ImageShape { height, width, channels });
        }
        let ([height, width], unet) = (self.size?, self.unet.as_ref()?);
        Some(ImageShape { height, width, channels: unet.in_channels })
    }

    /// The names and shapes of the weights in a model file, with drawn values.
    ///
    /// # Errors
    /// [`UNetError`] when the sizes do not fit together.
    pub(crate) fn parameters(&self, space: &Space) -> Result<Weights, UNetError> {
        Ok(parameters(&self.blank(space)?))
    }

    /// The model of a network and, where the chain has no name, its table.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn model(&self, net: ImageNet, betas: Option<&[f32]>) -> Result<Tabled, String> {
        let count = betas.map(<[f32]>::len);
        if self.chain.betas == Betas::Table && count != Some(self.chain.timesteps) {
            return Err("its table has not as many steps as its settings say".into());
        }
        let table = self.chain.table(betas).map_err(|e| e.to_string())?;
        let image = self.image().ok_or("its images have no size")?;
        let ImageShape { height, width, channels } = image;
        let pixels = Pixels { channels, height, width };
        Ok(Tabled { net, pixels, table, reading: self.reading })
    }

    /// The network with drawn weights.
    pub(crate) fn blank(&self, space: &Space) -> Result<ImageNet, UNetError> {
        let noise = Noise::new(0, 1);
        if let (Some(size), Some(config)) = (self.size, &self.unet) {
            return Ok(ImageNet::UNet(Box::new(UNet::new(config, size, &noise, space)?)));
        }
        let config = self.cnn.clone().unwrap_or_default();
        Ok(ImageNet::Cnn(Box::new(DdpmCnn::new(&config, &noise, space))))
    }
}

fn parameters(net: &ImageNet) -> Weights {
    match net {
        ImageNet::Cnn(net) => Weights::of(&**net),
        ImageNet::UNet(net) => Weights::of(&**net),
    }
}

/// The network with other weights, all of them and no more.
pub(crate) fn filled(net: ImageNet, weights: &Weights) -> Result<ImageNet, WeightsError> {
    Ok(match net {
        ImageNet::Cnn(net) => ImageNet::Cnn(Box::new(weights.fill_exactly(*net)?)),
        ImageNet::UNet(net) => ImageNet::UNet(Box::new(weights.fill_exactly(*net)?)),
    })
}

impl Family {
    fn settings(&self, table: &toml::Table) -> Result<Settings, ConfigError> {
        let wrong = |reason: String| ConfigError::Settings { model: self.name.to_owned(), reason };
        let settings: Settings = table.clone().try_into().map_err(|e| wrong(wrong_settings(&e)))?;
        settings.check(self.kind).map_err(wrong)?;
        Ok(settings)
    }

    fn refused(&self, reason: &str) -> ConfigError {
        ConfigError::Settings { model: self.name.to_owned(), reason: reason.to_owned() }
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
        "imported"
    }

    fn capabilities(&self) -> Capabilities {
        let context = self.kind == Kind::UNet;
        Capabilities { log_prob: false, context, path: true, solvers: Solver::ALL }
    }

    fn images_only(&self) -> bool {
        true
    }

    fn defaults(&self) -> toml::Table {
        let settings = match self.kind {
            Kind::Cnn => Settings::ddpm_cnn(),
            Kind::UNet => Settings::unet_2d([32; 2], UNetConfig::adm(1, &[32, 64], 1, &[false; 2])),
        };
        toml::Table::try_from(settings).unwrap_or_default()
    }

    fn sampling(&self) -> SampleConfig {
        SampleConfig { solver: Solver::Ddim, steps: 50 }
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        self.settings(settings).map(|_| ())
    }

    fn begin(
        &self,
        _config: &Config,
        _problem: &Problem,
        _space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        Err(self.refused("its weights come from elsewhere (`transport import`): it is not trained"))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let settings = self.settings(&config.model.settings)?;
        let refused = |reason: String| self.refused(&reason);
        let image = settings.image().filter(|image| image.len() == shape.dim);
        if image.is_none() {
            return Err(refused("its rows are not images of its size".into()).into());
        }
        if settings.unet.as_ref().map_or(0, |unet| unet.context) != shape.context {
            return Err(refused("its context is not the network's".into()).into());
        }
        let betas = weights.0.get(BETAS).map(|array| array.values.as_slice());
        let blank = settings.blank(space).map_err(|e| refused(e.to_string()))?;
        let net = filled(blank, &weights.part(NET))?;
        let model = settings.model(net, betas).map_err(refused)?;
        let (dim, context, unused) = (shape.dim, shape.context, settings.chain.unused);
        Ok(Box::new(Sampling { model, dim, context, unused, space: space.clone() }))
    }
}

/// Images of a chunk.
const CHUNK: usize = 16;

struct Sampling {
    model: Tabled,
    dim: usize,
    context: usize,
    unused: usize,
    space: Space,
}

impl Sampling {
    fn given(&self, context: Option<&[f32]>, rows: &Range<usize>) -> GivenTabled<'_> {
        self.model.given(contexts(context, self.context, rows, &self.space))
    }

    /// For a diffusion sampler the timesteps `round((T − u)(1 − i/n)) − 1 + u`, `u` unused, and the
    /// clean end; equal steps between the ends of the table for what integrates a velocity.
    fn grid(&self, plan: &SampleConfig) -> Grid {
        let (table, n) = (&self.model.table, plan.steps.max(1));
        let grid = match plan.solver.kind() {
            SolverKind::Diffusion => {
                let used = (table.steps() - self.unused) as f64;
                let step = |i: usize| (used * (1.0 - i as f64 / n as f64)).round_ties_even();
                let lowest = self.unused as f64 - 1.0;
                let mut steps: Vec<f64> = (0..n).map(|i| step(i).max(1.0) + lowest).collect();
                // More steps than the table has: it is walked once.
                steps.dedup();
                Grid::of_timesteps(table, &steps, Finish::Clean)
            }
            _ => {
                let end = table.time(self.unused as f64);
                let within = Interval { start: table.domain().start, end };
                Grid::spaced(table, within, Spacing::Uniform, n, Finish::Declared)
            }
        };
        // A plan's steps are checked where the plan is made.
        #[allow(clippy::expect_used)]
        grid.expect("steps over a table")
    }

    /// The states at `knots` (or at the end alone) of the paths of one chunk.
    fn integrate(
        &self,
        noise: &Noise,
        given: GivenTabled<'_>,
        plan: &SampleConfig,
        knots: Option<&[f64]>,
    ) -> Result<Vec<Tensor<2>>, SolveError> {
        let start = noise.purpose("reference").normal(self.dim, &self.space);
        let whole = Integrated {
            field: given,
            schedule: &self.model.table,
            epsilon: Epsilon::Reversal(1.0),
            grid: self.grid(plan),
            solver: plan.solver,
        };
        whole.states(start, knots, &noise.purpose("path"))
    }

    fn paths(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: Option<&[f64]>,
    ) -> Result<Vec<Vec<f64>>, SolveError> {
        let chunks = chunked(&self.space, noise.len(), CHUNK, |rows| {
            let (given, first) = (self.given(context, &rows), rows.start);
            let states = self.integrate(&noise.rows(rows), given, plan, knots);
            let states = states.map_err(|error| error.in_batch(first))?;
            Ok::<_, SolveError>(states.into_iter().map(to_host).collect::<Vec<_>>())
        })?;
        Ok(by_time(chunks, knots.map_or(1, <[f64]>::len)))
    }
}

impl Generator for Sampling {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        Ok(self.paths(noise, context, plan, None)?.pop().unwrap_or_default())
    }

    fn trace(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
    ) -> Result<Option<Vec<Vec<f64>>>, SolveError> {
        self.paths(noise, context, plan, Some(knots)).map(Some)
    }
}
