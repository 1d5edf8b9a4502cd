//! Two drifts fitted in turn, each on the paths that the other has made.

use super::legs::{Legs, Simulated};
use super::snapshots::Snapshots;
use super::source::Source;
use crate::batch::Rows;
use crate::objective::Objective;
use crate::optim::OptimConfig;
use crate::trainer::{LoopConfig, StepReport, Trainer, Training};
use crate::weights::{Array, Weights, WeightsError};
use std::fmt::Debug;
use std::sync::Arc;
use transport_core::{Noise, Space};
use transport_kernels::Activation;
use transport_models::bridge::{Drifts, Piecewise};
use transport_models::net::{TimeMlp, TimeMlpConfig};
use transport_sde::SolveError;

/// Which process a network drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the source to the target.
    Forward,
    /// From the target to the source.
    Backward,
}

/// What a fit of one direction regresses on.
pub trait Scheme: Objective<Piecewise> + Copy + Debug {
    /// Whether the states between the ends are looked at.
    const WHOLE: bool;

    /// The objective of a direction.
    fn objective(direction: Direction, config: &ImfConfig) -> Self;

    /// Columns of a row for states of `d` coordinates.
    fn columns(d: usize) -> usize;

    /// Rows of data from paths.
    fn rows(paths: &Simulated) -> Vec<f32>;
}

/// The first coupling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Rows of both ends, paired at random: the first of the iterates of Markovian fitting.
    Independent,
    /// The reference process, started from the source: the first of those of proportional fitting.
    Reference,
}

/// The settings of [`Alternating`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImfConfig {
    /// The reference's standard deviation `σ` over the whole clock.
    pub sigma: f64,
    /// Fits of a direction, of both together; at least 2.
    pub fits: u64,
    /// Optimiser steps of one fit.
    pub steps: u64,
    /// Paths that a coupling is remembered by, between all laws together.
    pub pairs: usize,
    /// Steps of Euler–Maruyama between two laws when paths are simulated.
    pub simulation: usize,
    /// The networks.
    pub net: TimeMlpConfig,
    /// Their activation.
    pub activation: Activation,
}

/// A backward and a forward drift, fitted in turn.
///
/// ```text
/// paths⁰ from the first coupling
/// backward drift ← fit on paths²ᵏ;     paths²ᵏ⁺¹ ← simulated by it from rows of the target
/// forward drift  ← fit on paths²ᵏ⁺¹;   paths²ᵏ⁺² ← simulated by it from rows of the source
/// ```
///
/// Each simulation starts from rows of its own end, so that errors do not pile up at one of them.
/// Through more than two laws the paths of each interval start at its own snapshot, and both
/// networks span the whole clock, told which interval they are in: the bridge of a Brownian motion
/// through given laws is Markov, so that it is the bridge of each interval.
///
/// [`Imf`](super::Imf) and [`Dsb`](super::Dsb) differ in what a fit regresses on.
pub struct Alternating<S: Scheme> {
    config: ImfConfig,
    clock: Vec<f64>,
    laws: Vec<Source>,
    forward: Trainer<Piecewise, S>,
    backward: Trainer<Piecewise, S>,
    rows: Arc<Rows>,
    noise: Noise,
    space: Space,
    step: u64,
}

impl<S: Scheme> Debug for Alternating<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alternating").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<S: Scheme> Alternating<S> {
    /// Ready to fit the bridge through `snapshots`, whose own noise and coupling are not looked at.
    /// The steps are `fits · steps`, whatever `train` says.
    ///
    /// # Panics
    /// When a number of the settings is 0, there is one fit, or a row is not finite.
    #[must_use]
    pub fn through(
        config: ImfConfig,
        snapshots: &Snapshots,
        start: Start,
        train: LoopConfig,
        optim: OptimConfig,
        space: &Space,
    ) -> Self {
        let laws = snapshots.laws().to_vec();
        Self::on(config, snapshots.clock().to_vec(), laws, start, train, optim, space)
    }

    /// The same between two laws.
    ///
    /// # Panics
    /// When the dimensions differ, a number of the settings is 0, there is one fit, or a row is not
    /// finite.
    #[must_use]
    pub fn between(
        config: ImfConfig,
        [source, target]: [Source; 2],
        start: Start,
        train: LoopConfig,
        optim: OptimConfig,
        space: &Space,
    ) -> Self {
        assert_eq!(source.dim(), target.dim(), "ends of one dimension");
        Self::on(config, vec![0.0, 1.0], vec![source, target], start, train, optim, space)
    }

    fn on(
        config: ImfConfig,
        clock: Vec<f64>,
        laws: Vec<Source>,
        start: Start,
        train: LoopConfig,
        optim: OptimConfig,
        space: &Space,
    ) -> Self {
        assert!(config.fits > 1 && config.steps > 0 && config.pairs > 0 && config.simulation > 0);
        let dim = laws[0].dim();
        let count = config.pairs.div_ceil(laws.len() - 1);
        let noise = Noise::new(train.seed, count).purpose("imf");
        let first = Legs { config: &config, clock: &clock, laws: &laws, space };
        let rows = Arc::new(first.start::<S>(start, &noise));
        let trainer = |direction: Direction, name: &str, fits: u64| {
            let noise = Noise::new(train.seed, 1).purpose("init").purpose(name);
            let columns = Piecewise::columns(&clock);
            let net = TimeMlp::new(&config.net, dim, columns, config.activation, &noise, space);
            let net = Piecewise::new(net, &clock, direction == Direction::Backward);
            let train = LoopConfig { steps: fits * config.steps, ..train };
            let objective = S::objective(direction, &config);
            Trainer::new(net, objective, Arc::clone(&rows), train, optim, space)
        };
        Self {
            forward: trainer(Direction::Forward, "forward", config.fits >> 1),
            backward: trainer(Direction::Backward, "backward", config.fits.div_ceil(2)),
            rows,
            noise,
            config,
            clock,
            laws,
            space: space.clone(),
            step: 0,
        }
    }

    /// The direction of fit `k`: backward first.
    fn direction(k: u64) -> Direction {
        if k.is_multiple_of(2) { Direction::Backward } else { Direction::Forward }
    }

    /// The two drifts as learned so far, averaged over steps.
    ///
    /// # Panics
    /// Never: a network fits its own weights.
    #[must_use]
    pub fn drifts(&self) -> Drifts<Piecewise, Piecewise> {
        // A network fits its own weights.
        #[allow(clippy::expect_used)]
        let averaged = |t: &Trainer<Piecewise, S>| t.averaged().expect("its own weights");
        let (forward, backward) = (averaged(&self.forward), averaged(&self.backward));
        Drifts { forward, backward, sigma: self.config.sigma }
    }

    /// The paths of the process that was fitted last.
    fn simulate(&self, fit: u64) -> Result<Rows, SolveError> {
        let (noise, drifts) = (self.noise.at_step(fit), self.drifts());
        let legs =
            Legs { config: &self.config, clock: &self.clock, laws: &self.laws, space: &self.space };
        match Self::direction(fit) {
            Direction::Forward => legs.simulate::<S, _>(&drifts.reversed(), true, &noise),
            Direction::Backward => legs.simulate::<S, _>(&drifts, false, &noise),
        }
    }
}

impl<S: Scheme> Training for Alternating<S> {
    fn step(&mut self) -> StepReport {
        let fit = self.step / self.config.steps;
        if self.step.is_multiple_of(self.config.steps) && fit > 0 {
            match self.simulate(fit) {
                Ok(rows) => self.rows = Arc::new(rows),
                // What diverged is reported as any other diverging loss.
                Err(_) => {
                    self.step += 1;
                    let nothing = f64::NAN;
                    let (loss, gradient_norm) = (nothing, nothing);
                    return StepReport { step: self.step, loss, gradient_norm, lr: 0.0 };
                }
            }
        }
        let trainer = match Self::direction(fit) {
            Direction::Forward => &mut self.forward,
            Direction::Backward => &mut self.backward,
        };
        trainer.use_rows(Arc::clone(&self.rows));
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
        let shape = vec![self.rows.len(), self.rows.dim];
        let values = self.rows.states.clone();
        state.0.insert("pairs".to_owned(), Array { shape, values });
        state
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        // As many pairs as there were: a first fit may have had others.
        let rows = state.0.get("pairs").and_then(|pairs| pairs.shape.first()).copied();
        let shape = [rows.unwrap_or(self.rows.len()), self.rows.dim];
        let states = state.get("pairs", &shape)?.values.clone();
        let (fit, within) = (step / self.config.steps, step % self.config.steps);
        // Whole fits of each direction, and the steps of the one under way.
        let own = |first: u64| (fit + 1 - first) / 2 * self.config.steps;
        let running = |direction| if Self::direction(fit) == direction { within } else { 0 };
        let done = [own(1) + running(Direction::Forward), own(0) + running(Direction::Backward)];
        self.forward.restore(&state.part("forward"), done[0])?;
        self.backward.restore(&state.part("backward"), done[1])?;
        self.rows = Arc::new(Rows { states, ..(*self.rows).clone() });
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
