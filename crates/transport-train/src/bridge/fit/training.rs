//! The trainings behind the methods.

use super::error::JoinError;
use super::process::{BridgeCard, Process};
use super::settings::{FitConfig, Method, Pairs};
use crate::bridge::{
    Alternating, BridgeMatching, Conditional, Coupled, DriftMatching, Ends, FlowAndScoreMatching,
    ImfConfig, InterpolantMatching, LightLoss, LightMatching, Scheme, SnapshotError, Snapshots,
    Source, Start, VelocityMatching, rectified,
};
use crate::optim::OptimConfig;
use crate::trainer::{LoopConfig, StepReport, Trainer, Training};
use std::sync::{Arc, OnceLock};
use transport_core::{Noise, Space};
use transport_kernels::Activation;
use transport_models::bridge::{FlowAndScore, Interpolated, LightBridge, Piecewise};
use transport_models::net::{TimeMlp, TimeMlpConfig};
use transport_ot::OtError;
use transport_sde::bridge::Blur;

/// Pairs that a coupling is remembered by: at most, and, since rows may be drawn again, at least.
const PAIRS: usize = 10_000;
const FEWEST: usize = 2000;
/// Steps of a simulated path between two snapshots, where its ends or all of it is looked at.
const STEPS: [usize; 2] = [100, 40];

/// What a training makes or a file fills.
pub(super) struct Blank<'a> {
    config: &'a FitConfig,
    dim: usize,
    space: &'a Space,
}

impl<'a> Blank<'a> {
    pub(super) fn of(card: &'a BridgeCard, space: &'a Space) -> Self {
        Self { config: &card.config, dim: card.scaler.output_dim(), space }
    }

    fn net(&self) -> TimeMlpConfig {
        TimeMlpConfig { width: self.config.width, depth: self.config.depth }
    }

    fn init(&self) -> Noise {
        Noise::new(self.config.seed, 1).purpose("init")
    }

    pub(super) fn flow(&self) -> TimeMlp {
        TimeMlp::new(&self.net(), self.dim, 0, Activation::Silu, &self.init(), self.space)
    }

    pub(super) fn piece(&self, clock: &[f64]) -> TimeMlp {
        let (columns, silu) = (Piecewise::columns(clock), Activation::Silu);
        TimeMlp::new(&self.net(), self.dim, columns, silu, &self.init(), self.space)
    }

    pub(super) fn both(&self) -> FlowAndScore {
        let (silu, sigma) = (Activation::Silu, self.config.sigma);
        FlowAndScore::new(&self.net(), self.dim, silu, sigma, &self.init(), self.space)
    }

    pub(super) fn interpolated(&self) -> Interpolated {
        let (silu, blur) = (Activation::Silu, Blur::Root(self.config.sigma));
        Interpolated::new(&self.net(), self.dim, silu, blur, &self.init(), self.space)
    }

    pub(super) fn light(&self, target: &[f64]) -> LightBridge {
        let FitConfig { components, sigma, seed, .. } = *self.config;
        let (epsilon, noise) = (sigma * sigma, Noise::new(seed, 1));
        LightBridge::new(components, epsilon, 0.5, target, self.dim, &noise, self.space)
    }
}

/// Steps until done or told to stop; reports count on from `first`. Whether it was told to.
struct Watched<'a> {
    watch: &'a mut dyn FnMut(&StepReport) -> bool,
    first: u64,
    stopped: bool,
    /// Why a batch could not be coupled.
    failed: Arc<OnceLock<OtError>>,
}

impl Watched<'_> {
    fn run<T: Training>(&mut self, mut training: T) -> Result<T, JoinError> {
        while !self.stopped && training.steps_done() < training.steps_total() {
            let report = training.step();
            let report = StepReport { step: self.first + report.step, ..report };
            if !report.loss.is_finite() {
                let diverged = JoinError::Diverged { step: report.step, loss: report.loss };
                return Err(self.failed.get().cloned().map_or(diverged, JoinError::Distance));
            }
            self.stopped = (self.watch)(&report);
        }
        self.first += training.steps_done();
        Ok(training)
    }
}

pub(super) fn train(
    config: &FitConfig,
    card: &BridgeCard,
    laws: Vec<Source>,
    space: &Space,
    watch: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<Process, JoinError> {
    let FitConfig { method, sigma, steps, batch_size, seed, lr, .. } = *config;
    let loops = LoopConfig { steps, batch_size, shards: 1, seed, ..LoopConfig::default() };
    let optim = OptimConfig { lr, ..OptimConfig::default() };
    let failed = Arc::default();
    let mut watched = Watched { watch, first: 0, stopped: false, failed: Arc::clone(&failed) };
    let Some(Source::Rows(last)) = laws.last().cloned() else {
        return Err(SnapshotError::Few { found: 0 }.into());
    };
    let blank = Blank::of(card, space);
    let paths = |blur: f64| -> Result<Snapshots, SnapshotError> {
        let paths = Snapshots::new(&card.times, laws.clone(), config.coupling(), blur)?;
        let paths = paths.telling(&failed);
        let unbalanced = config.pairs == Some(Pairs::Unbalanced);
        Ok(if unbalanced { paths.unbalanced(config.rho) } else { paths })
    };
    Ok(match method {
        Method::ICfm | Method::OtCfm => {
            let objective = VelocityMatching(paths(0.0)?);
            let trainer = Trainer::new(blank.flow(), objective, last, loops, optim, space);
            let net = watched.run(trainer)?.averaged()?;
            Process::Flow(straightened(config, net, &laws[0], (loops, optim), space, &mut watched)?)
        }
        Method::Interpolant => {
            let objective = InterpolantMatching(paths(sigma)?);
            let trainer = Trainer::new(blank.interpolated(), objective, last, loops, optim, space);
            Process::Interpolated(Box::new(watched.run(trainer)?.averaged()?))
        }
        Method::Sf2m => {
            let objective = FlowAndScoreMatching(paths(sigma)?);
            let trainer = Trainer::new(blank.both(), objective, last, loops, optim, space);
            Process::Both(Box::new(watched.run(trainer)?.averaged()?))
        }
        Method::Dsbm => {
            let (paths, start) = (paths(0.0)?, Start::Independent);
            in_turn::<BridgeMatching>(config, &paths, start, (loops, optim), space, &mut watched)?
        }
        Method::DsbmIpf => {
            let (paths, start) = (paths(0.0)?, Start::Reference);
            in_turn::<BridgeMatching>(config, &paths, start, (loops, optim), space, &mut watched)?
        }
        Method::Dsb => {
            let (paths, start) = (paths(0.0)?, Start::Reference);
            in_turn::<DriftMatching>(config, &paths, start, (loops, optim), space, &mut watched)?
        }
        Method::LightSb | Method::LightSbM => {
            let target: Vec<f64> = last.states.iter().map(|v| f64::from(*v)).collect();
            let optim = OptimConfig { weight_decay: 0.0, ..optim };
            let (model, source) = (blank.light(&target), laws[0].clone());
            let model = if method == Method::LightSb {
                let trainer = Trainer::new(model, LightLoss { source }, last, loops, optim, space);
                watched.run(trainer)?.averaged()?
            } else {
                let ends = Ends::Drawn { source, pairing: config.coupling().into() };
                let paths = Coupled { ends, path: Conditional::Brownian { sigma } };
                let trainer = Trainer::new(model, LightMatching(paths), last, loops, optim, space);
                watched.run(trainer)?.averaged()?
            };
            let bridge = model.bridge()?;
            Process::Light(Box::new((model, bridge)))
        }
    })
}

/// The flow, learned anew on its own pairs as often as asked for.
fn straightened(
    config: &FitConfig,
    mut net: TimeMlp,
    source: &Source,
    (loops, optim): (LoopConfig, OptimConfig),
    space: &Space,
    watched: &mut Watched<'_>,
) -> Result<TimeMlp, JoinError> {
    for round in 0..config.reflow {
        if watched.stopped {
            break;
        }
        let noise = Noise::new(config.seed, PAIRS).purpose("reflow").at_step(round);
        let pairs = Arc::new(rectified(&net, source, &noise, space)?);
        let path = Conditional::Straight { sigma: 0.0 };
        let objective = VelocityMatching(Coupled { ends: Ends::Given, path });
        net = watched.run(Trainer::new(net, objective, pairs, loops, optim, space))?.averaged()?;
    }
    Ok(net)
}

/// A backward and a forward drift, fitted in turn.
fn in_turn<S: Scheme>(
    config: &FitConfig,
    snapshots: &Snapshots,
    start: Start,
    (loops, optim): (LoopConfig, OptimConfig),
    space: &Space,
    watched: &mut Watched<'_>,
) -> Result<Process, JoinError> {
    let fits = config.method.fits();
    let settings = ImfConfig {
        sigma: config.sigma,
        fits,
        steps: config.total() / fits,
        pairs: snapshots.rows().map_or(PAIRS, |rows| rows.clamp(FEWEST, PAIRS)),
        simulation: STEPS[usize::from(S::WHOLE)],
        net: TimeMlpConfig { width: config.width, depth: config.depth },
        activation: Activation::Silu,
    };
    let training = Alternating::<S>::through(settings, snapshots, start, loops, optim, space);
    Ok(Process::Two(Box::new(watched.run(training)?.drifts())))
}
