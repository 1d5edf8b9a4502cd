//! The models: each registered in one place, with its name, settings, objective and capabilities.
//!
//! The binary, the evaluation and the documentation read this list. A new model is a row of
//! [`MODELS`] and, when it is of a new kind, a file beside this one that implements [`Entry`].

mod along;
mod annealing;
pub(crate) mod chunks;
mod continuous;
mod dynamics;
mod dynamics_net;
mod dynamics_settings;
mod flow;
mod gan;
mod gaussian;
mod image_flow;
pub mod imported;
mod integrated;
mod one_step;
mod unread;
mod vae;

pub use along::Estimated;
pub(crate) use gaussian::RIDGE;

use crate::config::{Config, ConfigError, SampleConfig, nearest};
use crate::problem::{Problem, Shape};
use crate::trainer::{Keep, Training};
use crate::weights::{Weights, WeightsError};
use dynamics_settings::{HeadName, Loss, TimesName, WeightingName};
use transport_core::schedule::Named;
use transport_core::{Head, Noise, Space};
use transport_models::FlowConfig;
use transport_models::flow::image::Architecture;
use transport_models::flow::{Outside, Reading};
use transport_sde::guide::Strength;
use transport_sde::inverse::{InverseError, Linear, Method};
use transport_sde::likelihood::{Hutchinson, Variational};
use transport_sde::{SolveError, Solver};

/// Every model, in the order in which they are listed.
pub static MODELS: &[&dyn Entry] = &[
    &dynamics::Family {
        name: "flow-matching",
        summary: "velocity of straight lines from noise to data (conditional flow matching)",
        schedule: Named::Rectified,
        head: HeadName::Velocity,
        loss: Loss::FlowMatching,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 50 },
    },
    &dynamics::Family {
        name: "score-vp",
        summary: "score of the variance-preserving diffusion (denoising score matching)",
        schedule: Named::Vp,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "score-subvp",
        summary: "score of the sub-variance-preserving diffusion",
        schedule: Named::Subvp,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "score-ve",
        summary: "score of the variance-exploding diffusion",
        schedule: Named::Ve,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "score-cosine",
        summary: "v-prediction on the cosine diffusion",
        schedule: Named::Cosine,
        head: HeadName::V,
        loss: Loss::Denoising,
        weighting: WeightingName::Uniform,
        times: TimesName::Uniform,
        sample: SampleConfig { solver: Solver::Heun, steps: 200 },
    },
    &dynamics::Family {
        name: "edm",
        summary: "preconditioned denoiser with EDM's noise levels and weights",
        schedule: Named::Edm,
        head: HeadName::Edm,
        loss: Loss::Denoising,
        weighting: WeightingName::Edm,
        times: TimesName::LogNormal,
        sample: SampleConfig { solver: Solver::EdmHeun, steps: 50 },
    },
    &dynamics::Family {
        name: "ncsn",
        summary: "noise-conditional score network, sampled by annealed Langevin dynamics",
        schedule: Named::Ve,
        head: HeadName::Noise,
        loss: Loss::Denoising,
        weighting: WeightingName::Snr,
        times: TimesName::Geometric,
        sample: SampleConfig { solver: Solver::EulerMaruyama, steps: 800 },
    },
    &flow::Family {
        name: "nice",
        summary: "additive coupling layers",
        reading: Reading::Coupling,
        transform: flow::Transform::Additive,
    },
    &flow::Family {
        name: "realnvp",
        summary: "affine coupling layers",
        reading: Reading::Coupling,
        transform: flow::Transform::Affine,
    },
    &flow::Family {
        name: "nsf",
        summary: "rational-quadratic spline coupling layers (RQ-NSF (C))",
        reading: Reading::Coupling,
        transform: flow::Transform::Spline,
    },
    &flow::Family {
        name: "maf",
        summary: "affine autoregressive layers",
        reading: Reading::Autoregressive,
        transform: flow::Transform::Affine,
    },
    &flow::Family {
        name: "nsf-ar",
        summary: "rational-quadratic spline autoregressive layers (RQ-NSF (AR))",
        reading: Reading::Autoregressive,
        transform: flow::Transform::Spline,
    },
    &flow::Family {
        name: "iaf",
        summary: "affine inverse autoregressive layers: samples in one pass",
        reading: Reading::Inverse,
        transform: flow::Transform::Affine,
    },
    &flow::Family {
        name: "nsf-circular",
        summary: "circular spline autoregressive layers, for angles in radians within ±π",
        reading: Reading::Autoregressive,
        transform: flow::Transform::Circular,
    },
    &flow::Family {
        name: "residual-flow",
        summary: "residual layers with a bounded Lipschitz constant",
        reading: Reading::Residual,
        transform: flow::Transform::Additive,
    },
    &continuous::Family,
    &vae::Family,
    &image_flow::Family {
        name: "glow",
        summary: "1×1 convolutions and affine couplings of images, at several scales",
        architecture: Architecture::Glow,
    },
    &image_flow::Family {
        name: "realnvp-image",
        summary: "affine checkerboard and channel couplings of images, at several scales",
        architecture: Architecture::RealNvp,
    },
    &gan::Family { name: "gan", summary: "the minimax game of the theory", preset: gan::MINIMAX },
    &gan::Family {
        name: "fgan",
        summary: "the variational form of an f-divergence (`loss`)",
        preset: gan::F_DIVERGENCE,
    },
    &gan::Family {
        name: "sngan",
        summary: "hinge loss, critic with spectral normalisation",
        preset: gan::SPECTRAL,
    },
    &gan::Family {
        name: "wgan",
        summary: "Wasserstein loss, critic with clipped weights",
        preset: gan::CLIPPED,
    },
    &gan::Family {
        name: "wgan-gp",
        summary: "Wasserstein loss with gradient penalty",
        preset: gan::GRADIENT_PENALTY,
    },
    &gan::Family {
        name: "r1-gan",
        summary: "non-saturating loss with the R1 penalty",
        preset: gan::R1,
    },
    &gan::Family {
        name: "r3gan",
        summary: "relativistic pairs with the R1 and R2 penalties",
        preset: gan::R3,
    },
    &gan::Family {
        name: "dcgan",
        summary: "convolutional players for images, non-saturating loss with R1",
        preset: gan::DCGAN,
    },
    &gaussian::Family,
];

/// The models that are read from others' weights ([`crate::import`]) and not trained here.
pub static IMPORTED: &[&dyn Entry] = &[&imported::DDPM_CNN, &imported::UNET_2D];

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It has a log-density.
    pub log_prob: bool,
    /// It takes a context.
    pub context: bool,
    /// It passes through intermediate times.
    pub path: bool,
    /// The solvers that can sample it; a model without dynamics ignores the choice.
    pub solvers: &'static [Solver],
}

/// A model of the registry.
pub trait Entry: Sync {
    /// Its name; names do not change.
    fn name(&self) -> &'static str;

    /// One line about it.
    fn summary(&self) -> &'static str;

    /// What it minimises.
    fn objective(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether it has a lower bound of its log-density in the place of the density itself.
    fn bounds_density(&self) -> bool {
        false
    }

    /// Whether it models images and nothing else.
    fn images_only(&self) -> bool {
        false
    }

    /// Its settings with their defaults.
    fn defaults(&self) -> toml::Table;

    /// How it is sampled by default: in one pass, with nothing to integrate.
    fn sampling(&self) -> SampleConfig {
        SampleConfig { solver: Solver::Euler, steps: 1 }
    }

    /// The weights that it keeps unless asked otherwise: the best ones where the loss is a
    /// likelihood, which overfits; the last ones where the loss is a regression on fresh noise or a
    /// game, whose value says little about the samples.
    fn keep(&self) -> Keep {
        let can = self.capabilities();
        if can.log_prob && !can.path { Keep::Best } else { Keep::Last }
    }

    /// Whether a loss on validation rows says how good its weights are.
    fn validates(&self) -> bool {
        true
    }

    /// Checks its settings.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when one is unknown, of the wrong kind or out of range.
    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError>;

    /// The normalizing flow that its settings describe, when it is one.
    ///
    /// # Errors
    /// As [`Entry::check`].
    fn flow(&self, settings: &toml::Table) -> Result<Option<FlowConfig>, ConfigError> {
        let _ = settings;
        Ok(None)
    }

    /// The schedule that its network is trained on and what that predicts, when it is one.
    ///
    /// # Errors
    /// As [`Entry::check`].
    fn reading(&self, settings: &toml::Table) -> Result<Option<(Named, Head)>, ConfigError> {
        let _ = settings;
        Ok(None)
    }

    /// Makes it ready to train.
    ///
    /// # Errors
    /// [`ConfigError`] from its settings.
    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError>;

    /// Makes it ready to sample.
    ///
    /// # Errors
    /// [`OpenError`] when the settings or the weights do not fit.
    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError>;
}

/// A saved model that does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A Gaussian's covariance.
    #[error(transparent)]
    Law(#[from] transport_core::law::LawError),
}

/// A trained model, for inference: states in the model's own space, on the host.
pub trait Generator: Send + Sync {
    /// Draws a state for each sample of `noise`.
    ///
    /// # Shapes
    /// `context`: `[n, c]` row-major when the model has one; returns `[n, d]` row-major.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError>;

    /// The states at `knots` on the way to [`Generator::sample`], or `None` when there is no way.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn trace(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
    ) -> Result<Option<Vec<Vec<f64>>>, SolveError> {
        let _ = (noise, context, plan, knots);
        Ok(None)
    }

    /// [`Generator::sample`] by classifier-free guidance, or `None` when the model was not trained
    /// without its context too ([`Generator::knows_null`]).
    ///
    /// # Shapes
    /// As [`Generator::sample`].
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn guided(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        strength: Strength,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (noise, context, plan, strength);
        Ok(None)
    }

    /// Whether a model with a context may be asked without one.
    fn knows_null(&self) -> bool {
        false
    }

    /// A draw for each sample of `noise` given what was observed of it, or `None` when the model has no
    /// denoiser.
    ///
    /// # Shapes
    /// As [`Generator::sample`].
    ///
    /// # Errors
    /// [`InverseError`] when the observation or the plan does not fit, or a state is not finite.
    fn condition(
        &self,
        conditions: &Conditions<'_>,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, InverseError> {
        let _ = (conditions, noise, context, plan);
        Ok(None)
    }

    /// States carried along the model's flow, to codes of unit variance or back, or `None` when it
    /// has none.
    ///
    /// # Shapes
    /// `x`: `[n, d]` row-major; returns the same.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn carry(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        way: Way,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (x, context, plan, way);
        Ok(None)
    }

    /// The first of the states that a law on a bounded support cannot have made.
    ///
    /// # Shapes
    /// `x`: `[n, d]` row-major.
    fn outside(&self, x: &[f64]) -> Option<Outside> {
        let _ = x;
        None
    }

    /// The log-density of states, in nats, or `None` when the model has none.
    ///
    /// # Shapes
    /// `x`: `[n, d]` row-major; returns `[n]`.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn log_prob(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (x, context, plan);
        Ok(None)
    }

    /// An unbiased estimate of the log-density of states by random probes, in nats, or `None` when
    /// the model follows no flow. A row's estimate depends on its own probes only.
    ///
    /// # Shapes
    /// As [`Generator::log_prob`]; `noise` names the `n` rows.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn estimate(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        trace: Hutchinson,
        noise: &Noise,
    ) -> Result<Option<Estimated>, SolveError> {
        let _ = (x, context, plan, trace, noise);
        Ok(None)
    }

    /// A lower bound of the log-density of states, estimated from `draws` draws a row, or `None`
    /// when the model has none. A row's estimate depends on its own draws only.
    ///
    /// # Shapes
    /// As [`Generator::log_prob`]; `noise` names the `n` rows.
    ///
    /// # Errors
    /// [`SolveError`] when a value is not finite.
    fn bound(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        draws: usize,
        noise: &Noise,
    ) -> Result<Option<Bound>, SolveError> {
        let _ = (x, context, draws, noise);
        Ok(None)
    }

    /// The variational bound of the log-density of states, in nats, from `draws` noise levels a row:
    /// for a diffusion, which has the density itself only along its flow. `None` for others.
    ///
    /// # Shapes
    /// As [`Generator::log_prob`]; `noise` names the `n` rows.
    ///
    /// # Errors
    /// [`SolveError`] when a prediction is not finite.
    fn variational(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        levels: Variational,
        noise: &Noise,
    ) -> Result<Option<Estimated>, SolveError> {
        let _ = (x, context, levels, noise);
        Ok(None)
    }

    /// For whole-number levels, each a box of volume 1 around it: a draw whose mean over `noise` is
    /// at most the log-probability of the box, in nats. `None` when the model has no noise of its
    /// own within a box; [`crate::bits`] then takes uniform noise and [`Generator::log_prob`].
    ///
    /// # Shapes
    /// As [`Generator::log_prob`].
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn log_mass(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        noise: &Noise,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (x, context, plan, noise);
        Ok(None)
    }
}

/// What was observed of states, in the model's space.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// The observations, `[n, m]` row-major.
    pub values: &'a [f64],
    /// What they are observations of.
    pub seen: Seen<'a>,
    /// The standard deviation of their noise.
    pub noise: f64,
    /// How they enter.
    pub method: Method,
}

/// Which part of a state is observed.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Some coordinates, `[n, d]` row-major; the observation holds 0 for the others.
    Mask(&'a [bool]),
    /// Linear functions, the same for all rows.
    Linear(&'a Linear),
}

/// Which way a flow is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From data to their codes.
    ToNoise,
    /// From codes to data.
    ToData,
}

/// Lower bounds of log-densities, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// One for each row.
    pub values: Vec<f64>,
    /// The standard error of each, NaN where one draw does not tell.
    pub std_errs: Vec<f64>,
    /// Whether they bound the probability of discrete data: then no change of units applies.
    pub discrete: bool,
}

/// The model of that name.
///
/// # Errors
/// [`ConfigError::UnknownModel`] with the nearest name.
pub fn model(name: &str) -> Result<&'static dyn Entry, ConfigError> {
    let all = || MODELS.iter().chain(IMPORTED).copied();
    all().find(|entry| entry.name() == name).ok_or_else(|| {
        let known: Vec<&'static str> = all().map(|entry| entry.name()).collect();
        ConfigError::UnknownModel { name: name.to_owned(), nearest: nearest(name, &known), known }
    })
}
