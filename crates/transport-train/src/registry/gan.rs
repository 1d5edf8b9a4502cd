//! The generative adversarial networks.

use super::chunks::{chunked, contexts};
use super::one_step::finite;
use super::unread::{Choice, unread};
use super::{Capabilities, Entry, Generator, OpenError};
use crate::adversarial::{Adversarial, GameConfig, Loss, Penalty};
use crate::canvas;
use crate::config::{Config, ConfigError, SampleConfig, nearest, suggestion, wrong_settings};
use crate::optim::Betas;
use crate::problem::{Problem, Shape};
use crate::trainer::{LoopConfig, Training};
use crate::weights::Weights;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{Noise, Space};
use transport_models::gan::Generator as Map;
use transport_models::gan::{
    Band, Bend, Critic, CriticConfig, DcganConfig, GanError, GeneratorConfig, GeneratorNet,
    Moments, Normalisation, Reference, Seen,
};
use transport_models::net::{Canvas, ConditionerConfig, Pixels};
use transport_sde::{SolveError, Solver};

/// What tells one registered GAN from another: defaults of the same settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preset {
    loss: &'static str,
    penalty: &'static str,
    weight: f64,
    start: f64,
    norm: &'static str,
    net: &'static str,
    coins: usize,
    pieces: usize,
    chance_rate: f64,
    /// Fourier features of the critic.
    fourier: usize,
    turns: f64,
    octaves: f64,
    pack: usize,
    bound: f64,
    blur: f64,
    generator_rate: f64,
    critic_steps: u64,
}

const PLAIN: Preset = Preset {
    loss: "minimax",
    penalty: "none",
    weight: 1.0,
    start: 1.0,
    norm: "none",
    net: "mlp",
    coins: 8,
    pieces: 0,
    chance_rate: 1.0,
    fourier: 16,
    turns: 1.0,
    octaves: 0.0,
    pack: 1,
    bound: 1.0,
    blur: 0.0,
    generator_rate: 0.25,
    critic_steps: 1,
};

/// For modes that lie apart: pieces for them, a game that starts blurred, features from the distance
/// between modes down to their inside, and a generator slow enough for the critic to keep up.
const APART: Preset = Preset {
    coins: 0,
    pieces: 128,
    fourier: 32,
    turns: 0.5,
    octaves: 4.0,
    blur: 0.4,
    generator_rate: 0.04,
    critic_steps: 2,
    ..PLAIN
};

pub(super) const MINIMAX: Preset = PLAIN;
pub(super) const F_DIVERGENCE: Preset =
    Preset { loss: "kl", penalty: "r1", weight: 0.1, start: 30.0, ..PLAIN };
pub(super) const SPECTRAL: Preset =
    Preset { loss: "hinge", norm: "spectral", bound: 4.0, chance_rate: 4.0, ..APART };
pub(super) const CLIPPED: Preset =
    Preset { loss: "wasserstein", penalty: "clip", weight: 0.05, critic_steps: 5, ..PLAIN };
pub(super) const GRADIENT_PENALTY: Preset = Preset {
    loss: "wasserstein",
    penalty: "gradient",
    weight: 0.005,
    start: 200.0,
    generator_rate: 0.06,
    ..APART
};
pub(super) const R1: Preset =
    Preset { loss: "non-saturating", penalty: "r1", weight: 0.01, start: 100.0, ..APART };
pub(super) const R3: Preset =
    Preset { loss: "relativistic", penalty: "r1-r2", weight: 0.1, start: 30.0, ..PLAIN };
pub(super) const DCGAN: Preset = Preset {
    loss: "non-saturating",
    penalty: "r1",
    weight: 1.0,
    net: "conv",
    coins: 0,
    fourier: 0,
    ..PLAIN
};

/// A registered GAN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) preset: Preset,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// `mlp`, or `conv` for images.
    net: String,
    latent: usize,
    coins: usize,
    pieces: usize,
    chance_rate: f64,
    width: usize,
    depth: usize,
    stages: usize,
    channels: usize,
    batch_norm: bool,
    critic_width: usize,
    critic_depth: usize,
    critic_channels: usize,
    critic_norm: String,
    critic_bound: f64,
    bend: Bend,
    fourier: usize,
    turns: f64,
    octaves: f64,
    pack: usize,
    loss: String,
    penalty: String,
    penalty_weight: f64,
    penalty_start: f64,
    blur: f64,
    critic_steps: u64,
    generator_rate: f64,
    critic_rate: f64,
    beta1: f64,
    beta2: f64,
}

/// Everything that a configuration says of the game, but the loop and the optimiser.
#[derive(Clone, Copy, Debug)]
struct Plan {
    generator: GeneratorConfig,
    critic: CriticConfig,
    game: GameConfig,
}

const NORMS: [(&str, Normalisation); 3] = [
    ("none", Normalisation::None),
    ("spectral", Normalisation::Spectral),
    ("batch", Normalisation::Batch),
];

fn unknown(what: &str, name: &str, known: &[&'static str]) -> String {
    format!("unknown {what} `{name}`{}", suggestion(nearest(name, known).as_deref(), known))
}

/// The value of a name in a list, or an error with the list.
fn named<T: Copy>(what: &str, name: &str, known: &[(&'static str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let names = || known.iter().map(|(n, _)| *n).collect::<Vec<_>>();
    found.ok_or_else(|| unknown(what, name, &names()))
}

impl Settings {
    fn of(preset: &Preset) -> Self {
        let conv = preset.net == "conv";
        Self {
            net: preset.net.to_owned(),
            latent: if conv { 64 } else { 16 },
            coins: preset.coins,
            pieces: preset.pieces,
            chance_rate: preset.chance_rate,
            width: 128,
            depth: 3,
            stages: 2,
            channels: 16,
            batch_norm: false,
            critic_width: 128,
            critic_depth: if conv { 1 } else { 3 },
            critic_channels: 32,
            critic_norm: preset.norm.to_owned(),
            critic_bound: preset.bound,
            bend: Bend::Leaky,
            fourier: preset.fourier,
            turns: preset.turns,
            octaves: preset.octaves,
            pack: preset.pack,
            loss: preset.loss.to_owned(),
            penalty: preset.penalty.to_owned(),
            penalty_weight: preset.weight,
            penalty_start: preset.start,
            blur: preset.blur,
            critic_steps: preset.critic_steps,
            generator_rate: preset.generator_rate,
            critic_rate: 0.25,
            beta1: 0.0,
            beta2: 0.99,
        }
    }

    /// Settings that the others leave without effect must have their defaults.
    fn read(&self, table: &toml::Table, defaults: &toml::Table) -> Result<(), String> {
        let conv = self.convolutional()?;
        let choices: [Choice<'_>; 6] = [
            ("net = \"conv\"", conv, &["width", "depth", "fourier", "turns", "octaves", "pack"]),
            ("net = \"mlp\"", !conv, &["stages", "channels", "critic_channels"]),
            ("pieces = 0", self.pieces == 0, &["chance_rate"]),
            ("fourier = 0", self.fourier == 0, &["turns", "octaves"]),
            ("penalty = \"none\"", self.penalty == "none", &["penalty_weight", "penalty_start"]),
            ("penalty = \"clip\"", self.penalty == "clip", &["penalty_start"]),
        ];
        unread(table, defaults, &choices)
    }

    /// Whether the players are convolutions.
    fn convolutional(&self) -> Result<bool, String> {
        named("net", &self.net, &[("mlp", false), ("conv", true)])
    }

    fn generator(&self) -> Result<GeneratorConfig, String> {
        let Self { width, depth, stages, channels, batch_norm, .. } = *self;
        let net = match (self.convolutional()?, batch_norm) {
            (true, batch_norm) => GeneratorNet::Conv(DcganConfig { stages, channels, batch_norm }),
            (false, false) => GeneratorNet::Mlp(ConditionerConfig { width, depth }),
            (false, true) => return Err("batch_norm is for net = \"conv\"".to_owned()),
        };
        let (normals, chance_rate) = (self.latent, self.chance_rate);
        let reference = Reference { normals, coins: self.coins, pieces: self.pieces, chance_rate };
        Ok(GeneratorConfig { reference, net })
    }

    fn critic(&self) -> Result<CriticConfig, String> {
        Ok(CriticConfig {
            width: self.critic_width,
            depth: self.critic_depth,
            stages: if self.convolutional()? { self.stages } else { 0 },
            channels: self.critic_channels,
            pack: self.pack,
            fourier: Band { count: self.fourier, turns: self.turns, octaves: self.octaves },
            bend: self.bend,
            normalisation: named("critic_norm", &self.critic_norm, &NORMS)?,
            bound: self.critic_bound,
        })
    }

    fn game(&self) -> Result<GameConfig, String> {
        let penalty = Penalty::by_name(&self.penalty, self.penalty_weight)
            .ok_or_else(|| unknown("penalty", &self.penalty, &Penalty::NAMES))?
            .map_err(|e| e.to_string())?;
        Ok(GameConfig {
            train: LoopConfig::default(),
            optim: crate::optim::OptimConfig::default(),
            betas: Betas { first: self.beta1 as f32, second: self.beta2 as f32 },
            loss: named("loss", &self.loss, &Loss::NAMES)?,
            penalty,
            penalty_start: self.penalty_start,
            blur: self.blur,
            critic_steps: self.critic_steps,
            generator_rate: self.generator_rate,
            critic_rate: self.critic_rate,
        })
    }
}

impl Family {
    fn wrong(&self, reason: String) -> ConfigError {
        ConfigError::Settings { model: self.name.to_owned(), reason }
    }

    fn plan(&self, table: &toml::Table) -> Result<Plan, ConfigError> {
        let settings: Settings =
            table.clone().try_into().map_err(|e| self.wrong(wrong_settings(&e)))?;
        settings.read(table, &self.defaults()).map_err(|reason| self.wrong(reason))?;
        let plan = || -> Result<Plan, String> {
            let (generator, critic) = (settings.generator()?, settings.critic()?);
            Ok(Plan { generator, critic, game: settings.game()? })
        };
        let plan = plan().map_err(|reason| self.wrong(reason))?;
        let row_by_row = plan.critic.normalisation != Normalisation::Batch;
        plan.game.check(row_by_row).map_err(|e| self.wrong(e.to_string()))?;
        Ok(plan)
    }

    /// The sizes that do not depend on the data, checked on an image with room for every stage.
    fn sizes(&self, plan: &Plan) -> Result<(), GanError> {
        let stages = match plan.generator.net {
            GeneratorNet::Conv(config) => config.stages.min(16),
            GeneratorNet::Mlp(_) => 0,
        };
        let pixels = Pixels { channels: 1, height: 1 << stages, width: 1 << stages };
        let canvas = Canvas { pixels, columns: Vec::new(), background: Vec::new(), bounds: None };
        let seen = Seen { dim: 1, context: 0, canvas: Some(canvas) };
        plan.generator.check(&seen)?;
        plan.critic.check(&seen)
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
        "adversarial"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: false, context: true, path: false, solvers: Solver::ALL }
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Settings::of(&self.preset)).unwrap_or_default()
    }

    fn validates(&self) -> bool {
        false
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        let plan = self.plan(settings)?;
        self.sizes(&plan).map_err(|e| self.wrong(e.to_string()))
    }

    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        let plan = self.plan(&config.model.settings)?;
        let game = GameConfig { train: config.train, optim: config.optim, ..plan.game };
        let (rows, noise) = (Arc::clone(&problem.rows), Noise::new(config.train.seed, 1));
        let canvas = canvas::of(&problem.schema);
        let kept = canvas.as_ref().map(canvas::keep).unwrap_or_default();
        let seen = Seen { dim: rows.dim, context: rows.context_dim, canvas };
        let begin = || -> Result<Adversarial, GanError> {
            let generator = Map::new(&plan.generator, &seen, &noise.purpose("init"), space)?;
            let critic = Critic::new(&plan.critic, &seen, &noise.purpose("init"), space)?;
            Adversarial::new(generator, critic, rows, game, kept, space)
        };
        Ok(Box::new(begin().map_err(|e| self.wrong(e.to_string()))?))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let plan = self.plan(&config.model.settings)?;
        let Shape { dim, context, .. } = *shape;
        let seen = Seen { dim, context, canvas: canvas::kept(shape, weights)? };
        let blank = Map::new(&plan.generator, &seen, &Noise::new(0, 1), space)
            .map_err(|e| self.wrong(e.to_string()))?;
        Ok(Box::new(Pushing { map: weights.fill(blank)?, context, space: space.clone() }))
    }
}

/// Rows of a chunk: small enough that its activations stay in a core's cache.
const CHUNK: usize = 256;

struct Pushing {
    map: Map,
    context: usize,
    space: Space,
}

impl Generator for Pushing {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        let parts = chunked(&self.space, noise.len(), CHUNK, |rows| {
            let context = contexts(context, self.context, &rows, &self.space);
            let z = self.map.latent(&noise.rows(rows.clone()), &self.space);
            finite(to_host(self.map.forward(z, context.as_ref(), Moments::Kept)), &rows)
        })?;
        Ok(parts.concat())
    }
}
