//! The one training loop's step: draw, shards, gradients, update.

use crate::batch::{Batches, Rows, shards};
use crate::objective::{Batch, Objective};
use crate::optim::{AdamW, FlatGradients, OptimConfig};
use crate::weights::{Weights, WeightsError};
use burn::module::Module;
use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;
use transport_core::{Noise, Space};

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
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self { steps: 12_000, batch_size: 256, shards: 2, seed: 0 }
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

    /// What else is known of the last step, by name: written beside its loss.
    fn extras(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// Parameters times rows from which a batch is worth splitting: below, a graph more and a thread's
/// waking take longer than the work that is saved.
const WORTH_SHARDS: usize = 1 << 23;

/// One model, one optimiser, one objective.
pub struct Trainer<M, O> {
    /// Away only while the optimiser updates it: sole ownership lets it write in place.
    model: Option<M>,
    objective: O,
    optim: AdamW,
    optim_config: OptimConfig,
    config: LoopConfig,
    rows: Arc<Rows>,
    batches: Batches,
    noise: Noise,
    space: Space,
}

impl<M, O> std::fmt::Debug for Trainer<M, O> {
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
        let space = space.clone();
        Self {
            model: Some(model),
            objective,
            optim,
            optim_config,
            config,
            rows,
            batches,
            noise,
            space,
        }
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
        }
    }

    /// The model with the moving average of its weights, as a finished model keeps them.
    ///
    /// # Errors
    /// [`WeightsError`] never: a model fits its own weights.
    pub fn averaged(&self) -> Result<M, WeightsError> {
        self.weights().fill(self.model().clone())
    }

    fn model(&self) -> &M {
        self.model.as_ref().expect("a step that panicked took the model with it")
    }

    fn batch(&self, rows: &[usize], range: Range<usize>, noise: &Noise) -> Batch {
        let gather = |values: &[f32], d: usize| -> Tensor<2> {
            let chosen = &rows[range.clone()];
            let mut flat = Vec::with_capacity(chosen.len() * d);
            chosen.iter().for_each(|r| flat.extend_from_slice(&values[r * d..(r + 1) * d]));
            self.space.tensor_f32(flat, [chosen.len(), d])
        };
        Batch {
            data: gather(&self.rows.states, self.rows.dim),
            context: (self.rows.context_dim > 0)
                .then(|| gather(&self.rows.contexts, self.rows.context_dim)),
            noise: noise.rows(range.clone()),
            first: range.start,
            whole: rows.len(),
        }
    }

    /// The loss and its gradient on one shard.
    fn shard(&self, batch: &Batch) -> (f64, FlatGradients) {
        // Leaves of its own: graphs that share leaves would wait for each other.
        let model = self.model().clone().train();
        let draw = self.objective.draw(&model, batch);
        let loss = self.objective.loss(&model, batch, draw);
        let gradients = FlatGradients::take(&model, loss.backward());
        (loss.into_scalar::<f64>(), gradients)
    }
}

impl<M: Module + Sync, O: Objective<M>> Training for Trainer<M, O> {
    fn step(&mut self) -> StepReport {
        let step = self.optim.steps();
        let rows = self.batches.rows(step);
        let noise = self.noise.at_step(step);
        let ranges = shards(rows.len(), self.pieces(rows.len()));
        let this = &*self;
        let one = |range: Range<usize>| {
            let share = range.len() as f64 / rows.len() as f64;
            let (loss, gradients) = this.shard(&this.batch(&rows, range, &noise));
            (loss, gradients, share)
        };
        let parts: Vec<(f64, FlatGradients, f64)> = ranges.into_par_iter().map(one).collect();
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
        self.model = Some(model);
        StepReport { step: step + 1, loss, gradient_norm, lr }
    }

    fn steps_done(&self) -> u64 {
        self.optim.steps()
    }

    fn steps_total(&self) -> u64 {
        self.config.steps
    }

    fn state(&self) -> Weights {
        let mut state = self.optim.state();
        state.put("model", Weights::of(self.model()));
        state
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.model = Some(state.part("model").fill(self.model().clone())?);
        self.optim.restore(state, step)
    }

    fn weights(&self) -> Weights {
        self.optim.average()
    }
}
