//! Explicit score matching: regression on a score that is known.

use super::{Batch, Objective, TimeLaw, Weighting, pair, weighted_square_error};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Field, Head, Prediction, ScoredField, Space, Times};
use transport_models::Dynamics;

/// Regression on the score of an oracle at noised data: the loss that all others estimate up to a
/// constant.
///
/// ```text
/// L = E w(t) ‖ s_θ(x_t, t) − s*(x_t, t) ‖² / d
/// ```
///
/// With the noised empirical law as the oracle ([`transport_core::law::Empirical`]) its minimiser
/// is that of denoising on the same rows.
///
/// # References
/// Hyvärinen (2005), eq. (2); the Fisher divergence.
/// # Checked by
/// `tests/it/scores.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExplicitScoreMatching<F> {
    /// The score that is known.
    pub oracle: F,
    /// The law of the times.
    pub times: TimeLaw,
    /// The weight of each, stated as for a score.
    pub weighting: Weighting,
}

impl<F: ScoredField> Objective<Dynamics> for ExplicitScoreMatching<F> {
    type Draw = (Tensor<2>, Vec<f64>);

    fn draw(&self, model: &Dynamics, batch: &Batch) -> Self::Draw {
        pair(self.times, model, batch)
    }

    fn loss(&self, model: &Dynamics, batch: &Batch, (x0, times): Self::Draw) -> Tensor<1> {
        let schedule = model.schedule();
        let t = Times::Each(&times);
        let x = Interpolant { schedule }.point(x0, batch.data.clone(), t);
        let head = Head::from(Prediction::Score);
        let weight = self.weighting.column(head, schedule, self.times, t, &Space::of(&x));
        let given = model.given(batch.context.clone()).dropping(&batch.noise);
        let score = given.predicting(Prediction::Score);
        explicit(&score, &self.oracle, x, t, weight)
    }
}

/// The mean of `w ‖s − s*‖²/d` over the rows.
///
/// # Shapes
/// `x`: `[n, d]`; `weight`: `[n, 1]`; returns `[1]`.
#[must_use]
pub fn explicit(
    score: &impl Field,
    oracle: &impl ScoredField,
    x: Tensor<2>,
    t: Times<'_>,
    weight: Option<Tensor<2>>,
) -> Tensor<1> {
    let (_, target) = oracle.velocity_and_score(x.clone(), t);
    weighted_square_error(score.eval(x, t), target, weight)
}
