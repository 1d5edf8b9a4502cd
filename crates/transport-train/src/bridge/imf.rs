//! The Schrödinger bridge by iterated Markovian fitting.

use super::source::Source;
use crate::batch::Rows;
use crate::objective::{Batch, Objective};
use crate::optim::OptimConfig;
use crate::trainer::{LoopConfig, StepReport, Trainer, Training};
use crate::weights::{Array, Weights, WeightsError};
use burn::tensor::Tensor;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Noise, Space, Times};
use transport_kernels::Activation;
use transport_models::bridge::Drifts;
use transport_models::net::{TimeMlp, TimeMlpConfig};
use transport_sde::{Grid, Sde, SdeFlow, SolveError, Solver};

/// Which process a network drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the source to the target.
    Forward,
    /// From the target to the source.
    Backward,
}

/// Bridge matching: the Markovian projection of a mixture of Brownian bridges.
///
/// ```text
/// x_t = (1−t) x₀ + t x₁ + σ √(t(1−t)) z
/// forward:  target (x₁ − x_t)/(1−t),  weight 1/(1 + σ² t/(1−t))
/// backward: target (x₀ − x_t)/t,      weight 1/(1 + σ² (1−t)/t)
/// ```
///
/// The weight divides by the target's variance, which has no bound at one end; the minimiser is the
/// same. Rows of data are pairs `[x₀, x₁]`.
///
/// # References
/// Peluchetti (2023); Shi, De Bortoli, Campbell & Doucet (2023), §3.
#[derive(Clone, Copy, Debug)]
pub(super) struct BridgeMatching {
    direction: Direction,
    sigma: f64,
}

/// How near to its ends a bridge is looked at.
const MARGIN: f64 = 1e-3;

impl Objective<TimeMlp> for BridgeMatching {
    type Draw = (Tensor<2>, Vec<f64>);

    fn draw(&self, _model: &TimeMlp, batch: &Batch) -> Self::Draw {
        let d = batch.data.dims()[1] >> 1;
        let inside = Interval { start: MARGIN, end: 1.0 - MARGIN };
        (batch.noise.purpose("bridge").normal(d, &Space::of(&batch.data)), batch.times(inside))
    }

    fn loss(&self, model: &TimeMlp, batch: &Batch, (z, times): Self::Draw) -> Tensor<1> {
        let (t, d) = (Times::Each(&times), z.dims()[1]);
        let x0 = batch.data.clone().narrow(1, 0, d);
        let x1 = batch.data.clone().narrow(1, d, d);
        let point = t.scale(x0.clone(), |t| 1.0 - t)
            + t.scale(x1.clone(), |t| t)
            + t.scale(z, |t| self.sigma * (t * (1.0 - t)).sqrt());
        // The time that is left to the end that this direction goes to.
        let left = |t: f64| match self.direction {
            Direction::Forward => 1.0 - t,
            Direction::Backward => t,
        };
        let end = match self.direction {
            Direction::Forward => x1,
            Direction::Backward => x0,
        };
        let target = t.scale(end - point.clone(), |t| left(t).recip());
        let variance = |t: f64| 1.0 + self.sigma * self.sigma * (1.0 - left(t)) / left(t);
        let error = model.eval(point, t) - target;
        let scaled = t.scale(error, |t| variance(t).sqrt().recip());
        scaled
            .powi_scalar(2)
            .sum_dim(1)
            .sum_dim(0)
            .reshape([1])
            .div_scalar((times.len() * d) as f64)
    }
}

/// The settings of [`Imf`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImfConfig {
    /// The reference's standard deviation `σ`.
    pub sigma: f64,
    /// Fits of a direction, of both together; at least 2.
    pub fits: u64,
    /// Optimiser steps of one fit.
    pub steps: u64,
    /// Pairs that a coupling is remembered by.
    pub pairs: usize,
    /// Steps of Euler–Maruyama when a new coupling is simulated.
    pub simulation: usize,
    /// The networks.
    pub net: TimeMlpConfig,
    /// Their activation.
    pub activation: Activation,
}

/// Iterated Markovian fitting (DSBM-IMF).
///
/// ```text
/// Π⁰ = source ⊗ target
/// backward drift ← bridge matching on Πᵏ;   Πᵏ⁺¹ ← its ends, from rows of the target
/// forward drift  ← bridge matching on Πᵏ⁺¹; Πᵏ⁺² ← its ends, from rows of the source
/// ```
///
/// Each fit keeps the start of its own direction exact, so that errors do not pile up at one end.
/// The fixed point is the Schrödinger bridge.
///
/// # References
/// Shi, De Bortoli, Campbell & Doucet (2023), "Diffusion Schrödinger bridge matching", alg. 1.
/// # Checked by
/// `tests/it/bridges.rs`, against the Gaussian bridge
pub struct Imf {
    config: ImfConfig,
    source: Source,
    target: Source,
    forward: Trainer<TimeMlp, BridgeMatching>,
    backward: Trainer<TimeMlp, BridgeMatching>,
    pairs: Arc<Rows>,
    noise: Noise,
    space: Space,
    step: u64,
}

impl std::fmt::Debug for Imf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Imf").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Imf {
    /// Ready to fit the bridge from `source` to `target`. The steps are `fits · steps`, whatever
    /// `train` says.
    ///
    /// # Panics
    /// When the dimensions differ, a number of the settings is 0, or there is one fit.
    #[must_use]
    pub fn new(
        config: ImfConfig,
        source: Source,
        target: Source,
        train: LoopConfig,
        optim: OptimConfig,
        space: &Space,
    ) -> Self {
        assert_eq!(source.dim(), target.dim(), "ends of one dimension");
        assert!(config.fits > 1 && config.steps > 0 && config.pairs > 0 && config.simulation > 0);
        let noise = Noise::new(train.seed, config.pairs).purpose("imf");
        let pairs = Arc::new(joined(
            &source.draws(&noise.purpose("source")),
            &target.draws(&noise.purpose("target")),
            source.dim(),
        ));
        let trainer = |direction: Direction, name: &str, fits: u64| {
            let noise = Noise::new(train.seed, 1).purpose("init").purpose(name);
            let net = TimeMlp::new(&config.net, source.dim(), 0, config.activation, &noise, space);
            let objective = BridgeMatching { direction, sigma: config.sigma };
            let train = LoopConfig { steps: fits * config.steps, ..train };
            Trainer::new(net, objective, Arc::clone(&pairs), train, optim, space)
        };
        Self {
            forward: trainer(Direction::Forward, "forward", config.fits >> 1),
            backward: trainer(Direction::Backward, "backward", config.fits.div_ceil(2)),
            pairs,
            noise,
            config,
            source,
            target,
            space: space.clone(),
            step: 0,
        }
    }

    /// The direction of fit `k`: backward first.
    fn direction(k: u64) -> Direction {
        if k.is_multiple_of(2) { Direction::Backward } else { Direction::Forward }
    }

    fn trainer(&mut self, direction: Direction) -> &mut Trainer<TimeMlp, BridgeMatching> {
        match direction {
            Direction::Forward => &mut self.forward,
            Direction::Backward => &mut self.backward,
        }
    }

    /// The two drifts as learned so far, averaged over steps.
    ///
    /// # Panics
    /// Never: a network fits its own weights.
    #[must_use]
    pub fn drifts(&self) -> Drifts<TimeMlp, TimeMlp> {
        // A network fits its own weights.
        #[allow(clippy::expect_used)]
        let averaged =
            |t: &Trainer<TimeMlp, BridgeMatching>| t.averaged().expect("its own weights");
        let (forward, backward) = (averaged(&self.forward), averaged(&self.backward));
        Drifts { forward, backward, sigma: self.config.sigma }
    }

    /// The ends of the process that was fitted last, as the next coupling.
    fn simulate(&self, fit: u64) -> Result<Rows, SolveError> {
        let d = self.source.dim();
        let noise = self.noise.at_step(fit);
        let drifts = self.drifts();
        match Self::direction(fit) {
            Direction::Forward => {
                let starts = self.target.draws(&noise.purpose("target"));
                let ends = self.ends(drifts.reversed(), &starts, &noise)?;
                Ok(joined(&ends, &starts, d))
            }
            Direction::Backward => {
                let starts = self.source.draws(&noise.purpose("source"));
                let ends = self.ends(drifts, &starts, &noise)?;
                Ok(joined(&starts, &ends, d))
            }
        }
    }

    fn ends<S: Sde>(&self, sde: S, starts: &[f64], noise: &Noise) -> Result<Vec<f64>, SolveError> {
        // Equal steps on [0, 1] make a grid.
        #[allow(clippy::expect_used)]
        let grid = Grid::uniform(Interval::UNIT, self.config.simulation).expect("some steps");
        let start = self.space.tensor(starts.to_vec(), [noise.len(), self.source.dim()]);
        let flow = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
        flow.solve(start, &noise.purpose("path")).map(to_host)
    }
}

/// Rows `[x₀, x₁]`.
fn joined(starts: &[f64], ends: &[f64], d: usize) -> Rows {
    let pairs = starts.chunks_exact(d).zip(ends.chunks_exact(d));
    Rows::plain(pairs.flat_map(|(a, b)| a.iter().chain(b)).copied(), 2 * d)
}

impl Training for Imf {
    fn step(&mut self) -> StepReport {
        let fit = self.step / self.config.steps;
        if self.step.is_multiple_of(self.config.steps) && fit > 0 {
            match self.simulate(fit) {
                Ok(pairs) => self.pairs = Arc::new(pairs),
                // What diverged is reported as any other diverging loss.
                Err(_) => {
                    self.step += 1;
                    let nothing = f64::NAN;
                    let (loss, gradient_norm) = (nothing, nothing);
                    return StepReport { step: self.step, loss, gradient_norm, lr: 0.0 };
                }
            }
        }
        let pairs = Arc::clone(&self.pairs);
        let trainer = self.trainer(Self::direction(fit));
        trainer.use_rows(pairs);
        let report = trainer.step();
        self.step += 1;
        StepReport { step: self.step, ..report }
    }

    fn steps_done(&self) -> u64 {
        self.step
    }

    fn steps_total(&self) -> u64 {
        self.config.fits * self.config.steps
    }

    fn state(&self) -> Weights {
        let mut state = Weights::default();
        state.put("forward", self.forward.state());
        state.put("backward", self.backward.state());
        let shape = vec![self.pairs.len(), self.pairs.dim];
        let values = self.pairs.states.clone();
        state.0.insert("pairs".to_owned(), Array { shape, values });
        state
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        let shape = [self.pairs.len(), self.pairs.dim];
        let states = state.get("pairs", &shape)?.values.clone();
        let (fit, within) = (step / self.config.steps, step % self.config.steps);
        // Whole fits of each direction, and the steps of the one under way.
        let own = |first: u64| (fit + 1 - first) / 2 * self.config.steps;
        let running = |direction| if Self::direction(fit) == direction { within } else { 0 };
        let done = [own(1) + running(Direction::Forward), own(0) + running(Direction::Backward)];
        self.forward.restore(&state.part("forward"), done[0])?;
        self.backward.restore(&state.part("backward"), done[1])?;
        self.pairs = Arc::new(Rows { states, ..(*self.pairs).clone() });
        self.step = step;
        Ok(())
    }

    fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        weights.put("forward", self.forward.weights());
        weights.put("backward", self.backward.weights());
        weights
    }
}
