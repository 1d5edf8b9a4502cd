//! Context dropout: one network for the conditional and the unconditional field.

use super::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::Space;

/// An objective whose contexts are now and then replaced by the null context, which is learned.
///
/// ```text
/// c ↦ (c, 0) with probability 1 − p,     c ↦ ∅ = (0, 1) with probability p
/// ```
///
/// The column that tells them apart is one input more, so that the network's weights on it are the
/// embedding of `∅`. With `p = 0` the contexts pass as they are.
///
/// # References
/// Ho & Salimans (2022), "Classifier-free diffusion guidance", alg. 1.
/// # Checked by
/// `tests/it/guided.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContextDropout<O> {
    /// The objective.
    pub objective: O,
    /// `p`, at least 0 and below 1.
    pub rate: f64,
}

/// Contexts with the column of the null context: `(c, 0)`, or `(0, 1)` where it is null.
///
/// # Shapes
/// `context`: `[n, c]`, `null`: `[n]`; returns `[n, c + 1]`.
#[must_use]
pub fn with_null(context: Tensor<2>, null: &[bool]) -> Tensor<2> {
    let space = Space::of(&context);
    let column: Vec<f64> = null.iter().map(|null| f64::from(u8::from(*null))).collect();
    let null = space.column(&column);
    Tensor::cat(vec![context * null.clone().neg().add_scalar(1.0), null], 1)
}

impl<O> ContextDropout<O> {
    fn dropped(&self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        if self.rate > 0.0 {
            let draws = batch.noise.purpose("context dropout").uniform_values(1);
            let null: Vec<bool> = draws.iter().map(|u| *u < self.rate).collect();
            batch.context = batch.context.map(|context| with_null(context, &null));
        }
        batch
    }
}

impl<M, O: Objective<M>> Objective<M> for ContextDropout<O> {
    type Draw = (Batch, O::Draw);

    fn draw(&self, model: &M, batch: &Batch) -> Self::Draw {
        let batch = self.dropped(batch);
        let draw = self.objective.draw(model, &batch);
        (batch, draw)
    }

    fn loss(&self, model: &M, _: &Batch, (batch, draw): Self::Draw) -> Tensor<1> {
        self.objective.loss(model, &batch, draw)
    }
}
