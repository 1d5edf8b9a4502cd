//! The one training loop's step: draw, shards, gradients, update.

use crate::batch::{Batches, Rows, shards};
use crate::objective::{Batch, Objective};
use crate::optim::{AdamW, FlatGradients, OptimConfig};
use crate::power_average::PowerAverages;
use crate::weights::{Weights, WeightsError};
use burn::module::Module;
use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use transport_core::{Noise, Space};

/// The weights that a finished model keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those with the lowest validation loss; the last ones where nothing is validated.
    Best,
    /// Those of the last step.
    #[default]
    Last,
}

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoopConfig {
    /// Optimiser steps.
    pub steps: u64,
    /// Rows of a step.
    pub batch_size: usize,
    /// Pieces that a batch is split into when it is worth it, each with its own graph and, where
    /// there is one, its own thread. Part of the result: the sum over pieces is taken in their
    /// order.
    pub shards: usize,
    /// What every random draw derives from.
    pub seed: u64,
    /// Steps between looks at the validation rows, where there are some.
    pub validate_every: u64,
    /// Looks without a new lowest loss after which training stops; 0 for never.
    pub patience: u64,
    /// Which weights are kept.
    pub keep: Keep,
}

impl Default for LoopConfig {
    fn default() -> Self {
        let (validate_every, patience, keep) = (200, 0, Keep::Last);
        Self { steps: 12_000, batch_size: 256, shards: 2, seed: 0, validate_every, patience, keep }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The step, counted from 1.
    pub step: u64,
    /// The batch's loss, before the update.
    pub loss: f64,
    /// The gradient's norm, before clipping.
    pub gradient_norm: f64,
    /// The learning rate.
    pub lr: f64,
}

/// A model in training, whatever it is.
pub trait Training: Send {
    /// Takes one step.
    fn step(&mut self) -> StepReport;

    /// Steps taken so far.
    fn steps_done(&self) -> u64;

    /// Steps that complete the training.
    fn steps_total(&self) -> u64;

    /// Everything that the next step depends on, but the step's number.
    fn state(&self) -> Weights;

    /// Takes back what [`Training::state`] gave, after `step` steps.
    ///
    /// # Errors
    /// [`WeightsError`] when the arrays do not fit this model.
    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError>;

    /// The weights that a finished model keeps.
    fn weights(&self) -> Weights;

    /// The loss of the averaged weights on other rows, with the same draws at every call, so that
    /// two calls differ by the weights alone; `None` where no such number says how good they are.
    ///
    /// # Errors
    /// [`WeightsError`] never, for weights of this training.
    fn validation_loss(&self, rows: &Rows) -> Result<Option<f64>, WeightsError> {
        let _ = rows;
        Ok(None)
    }

    /// The averages from which one of any other width can be made afterwards, where they are kept.
    fn averages(&self) -> Option<&PowerAverages> {
        None
    }

    /// What else is known of the last step, by name: written beside its loss.
    fn extras(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// Steps until the training is complete.
#[must_use]
pub fn finished<T: Training>(mut training: T) -> T {
    while training.steps_done() < training.steps_total() {
        training.step();
    }
    training
}

/// Parameters times rows from which a batch is worth splitting: below, a graph more and a thread's
/// waking take longer than the work that is saved.
const WORTH_SHARDS: usize = 1 << 23;

/// Steps that draws are made for at once, where that is worth it and there are threads.
const AHEAD: u64 = 16;

/// What a shard sees: its rows, their share of the batch, and what was drawn for them beforehand.
struct Piece<D> {
    batch: Batch,
    share: f64,
    draw: Option<D>,
}

/// The pieces of coming steps, by step.
type Ahead<D> = VecDeque<(u64, Vec<Piece<D>>)>;

/// One model, one optimiser, one objective.
pub struct Trainer<M, O: Objective<M>> {
    /// Away only while the optimiser updates it: sole ownership lets it write in place.
    model: Option<M>,
    objective: O,
    optim: AdamW,
    optim_config: OptimConfig,
    /// Averages of any width, where they are asked for.
    power: Option<PowerAverages>,
    config: LoopConfig,
    rows: Arc<Rows>,
    batches: Batches,
    ahead: Ahead<O::Draw>,
    noise: Noise,
    space: Space,
    /// What a finished model keeps beside its weights.
    kept: Weights,
}

impl<M, O: Objective<M>> std::fmt::Debug for Trainer<M, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<M: Module + Sync, O: Objective<M>> Trainer<M, O> {
    /// Trains `model` on `rows`, both in `space`.
    #[must_use]
    pub fn new(
        model: M,
        objective: O,
        rows: Arc<Rows>,
        config: LoopConfig,
        optim_config: OptimConfig,
        space: &Space,
    ) -> Self {
        let noise = Noise::new(config.seed, config.batch_size).purpose("train");
        let batches = Batches::new(rows.len(), config.batch_size, &noise);
        let optim = AdamW::new(optim_config, &model);
        let every = config.steps.div_ceil(optim_config.snapshots.max(1));
        let power =
            (optim_config.relative > 0.0).then(|| PowerAverages::new(&Weights::of(&model), every));
        let space = space.clone();
        Self {
            model: Some(model),
            objective,
            optim,
            optim_config,
            power,
            config,
            rows,
            batches,
            ahead: VecDeque::new(),
            noise,
            space,
            kept: Weights::default(),
        }
    }

    /// The same, and a finished model keeps these arrays beside its weights.
    #[must_use]
    pub fn keeping(mut self, kept: Weights) -> Self {
        self.kept.0.extend(kept.0);
        self
    }

    /// Pieces of a batch: a function of the sizes, never of the threads.
    fn pieces(&self, rows: usize) -> usize {
        if self.optim.parameters() * rows < WORTH_SHARDS { 1 } else { self.config.shards }
    }

    /// Goes on with other rows.
    pub fn use_rows(&mut self, rows: Arc<Rows>) {
        if !Arc::ptr_eq(&rows, &self.rows) {
            self.batches = Batches::new(rows.len(), self.config.batch_size, &self.noise);
            self.rows = rows;
            self.ahead.clear();
        }
    }

    /// The model with the moving average of its weights, as a finished model keeps them.
    ///
    /// # Errors
    /// [`WeightsError`] never: a model fits its own weights.
    pub fn averaged(&self) -> Result<M, WeightsError> {
        self.weights().fill(self.model().clone())
    }

    /// The average of the weights that is asked for.
    fn average(&self) -> Weights {
        let (width, step) = (self.optim_config.relative, self.optim.steps());
        match &self.power {
            Some(power) if step > 0 => power.average(width, step).0,
            _ => self.optim.average(),
        }
    }

    fn model(&self) -> &M {
        self.model.as_ref().expect("a step that panicked took the model with it")
    }

    /// The rows `chosen[range]` of `from`.
    fn batch(&self, from: &Rows, chosen: &[usize], range: Range<usize>, noise: &Noise) -> Batch {
        let gather = |values: &[f32], d: usize| -> Tensor<2> {
            let part = &chosen[range.clone()];
            let mut flat = Vec::with_capacity(part.len() * d);
            part.iter().for_each(|r| flat.extend_from_slice(&values[r * d..(r + 1) * d]));
            self.space.tensor_f32(flat, [part.len(), d])
        };
        Batch {
            data: gather(&from.states, from.dim),
            context: (from.context_dim > 0).then(|| gather(&from.contexts, from.context_dim)),
            noise: noise.rows(range.clone()),
            first: range.start,
            whole: chosen.len(),
        }
    }

    /// The pieces of a step, with what does not need the model drawn already.
    ///
    /// Draws depend on the step alone, so the result does not depend on how many are made at once.
    fn pieces_of(&mut self, step: u64) -> Vec<Piece<O::Draw>> {
        if self.ahead.front().is_none_or(|(s, _)| *s != step) {
            let many = O::AHEAD && rayon::current_num_threads() > 1;
            let left = self.config.steps.saturating_sub(step);
            let steps = step..step + if many { AHEAD.min(left).max(1) } else { 1 };
            let chosen: Vec<_> = steps.map(|s| (s, self.batches.rows(s))).collect();
            let this = &*self;
            let pieces = |(s, rows): (u64, Vec<usize>)| (s, this.drawn(s, &rows));
            self.ahead = chosen.into_par_iter().map(pieces).collect();
        }
        self.ahead.pop_front().map(|(_, pieces)| pieces).unwrap_or_default()
    }

    fn drawn(&self, step: u64, rows: &[usize]) -> Vec<Piece<O::Draw>> {
        let noise = self.noise.at_step(step);
        let piece = |range: Range<usize>| {
            let share = range.len() as f64 / rows.len() as f64;
            let batch = self.batch(&self.rows, rows, range, &noise);
            let draw = O::AHEAD.then(|| self.objective.draw(self.model(), &batch));
            Piece { batch, share, draw }
        };
        shards(rows.len(), self.pieces(rows.len())).into_iter().map(piece).collect()
    }

    /// The loss and its gradient on one shard, and its share.
    fn shard(&self, Piece { batch, share, draw }: Piece<O::Draw>) -> (f64, FlatGradients, f64) {
        // Leaves of its own: graphs that share leaves would wait for each other.
        let model = self.model().clone().train();
        let draw = draw.unwrap_or_else(|| self.objective.draw(&model, &batch));
        let (loss, gradients) = self.objective.gradient(&model, &batch, draw);
        (loss, gradients, share)
    }
}

impl<M: Module + Sync, O: Objective<M>> Training for Trainer<M, O> {
    fn step(&mut self) -> StepReport {
        let step = self.optim.steps();
        let pieces = self.pieces_of(step);
        let this = &*self;
        let parts: Vec<(f64, FlatGradients, f64)> =
            pieces.into_par_iter().map(|piece| this.shard(piece)).collect();
        let mut loss = 0.0;
        let mut total: Option<FlatGradients> = None;
        for (part, mut gradients, share) in parts {
            loss += share * part;
            match &mut total {
                Some(total) => total.add(&gradients, share as f32),
                None => {
                    gradients.scale(share as f32);
                    total = Some(gradients);
                }
            }
        }
        let lr = self.optim_config.rate(step, self.config.steps);
        let model = self.model.take().expect("a step that panicked took the model with it");
        let (model, gradient_norm) = self.optim.step(model, total.unwrap_or_default(), lr);
        if let Some(power) = &mut self.power {
            power.follow(&Weights::of(&model), step + 1);
        }
        self.model = Some(model);
        StepReport { step: step + 1, loss, gradient_norm, lr }
    }

    /// The objective itself, in chunks of a batch's size: no graph is built.
    fn validation_loss(&self, rows: &Rows) -> Result<Option<f64>, WeightsError> {
        let n = rows.len();
        if n == 0 {
            return Ok(None);
        }
        let model = self.average().fill(self.model().clone())?;
        let noise = Noise::new(self.config.seed, n).purpose("validation");
        let all: Vec<usize> = (0..n).collect();
        let loss = |range: Range<usize>| -> f64 {
            let share = range.len() as f64 / n as f64;
            let batch = self.batch(rows, &all, range, &noise);
            let draw = self.objective.draw(&model, &batch);
            share * self.objective.loss(&model, &batch, draw).into_scalar::<f64>()
        };
        let parts = shards(n, n.div_ceil(self.config.batch_size));
        let losses: Vec<f64> = parts.into_par_iter().map(loss).collect();
        Ok(Some(losses.iter().sum()))
    }

    fn steps_done(&self) -> u64 {
        self.optim.steps()
    }

    fn steps_total(&self) -> u64 {
        self.config.steps
    }

    fn averages(&self) -> Option<&PowerAverages> {
        self.power.as_ref()
    }

    fn state(&self) -> Weights {
        let mut state = self.optim.state();
        state.put("model", Weights::of(self.model()));
        state.0.extend(self.power.iter().flat_map(|power| power.state().0));
        state
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.model = Some(state.part("model").fill(self.model().clone())?);
        if let Some(power) = &mut self.power {
            power.restore(state)?;
        }
        self.optim.restore(state, step)
    }

    fn weights(&self) -> Weights {
        let mut weights = self.average();
        weights.0.extend(self.kept.0.clone());
        weights
    }
}
