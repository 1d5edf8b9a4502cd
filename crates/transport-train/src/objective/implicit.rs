//! Implicit score matching, with the exact trace.

use super::{Batch, Objective, TimeLaw, Weighting, pair, row_mean};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Head, Jvp, Prediction, Space, Times};
use transport_models::Dynamics;

/// Hyvärinen's loss: the Fisher divergence less a constant, from samples alone.
///
/// ```text
/// L = E w(t) [ ‖s_θ(x_t, t)‖² + 2 ∇·s_θ(x_t, t) ] / d = E w ‖s_θ − ∇ log q_t‖²/d − E w ‖∇ log q_t‖²/d
/// ```
///
/// by parts. The trace is exact: `d` derivatives along the axes, written as ordinary operations
/// ([`transport_core::Jvp`]), so that one reverse pass differentiates it.
///
/// # References
/// Hyvärinen (2005), "Estimation of non-normalized statistical models by score matching", eq. (4).
/// # Checked by
/// `tests/it/scores.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImplicitScoreMatching {
    /// The law of the times.
    pub times: TimeLaw,
    /// The weight of each, stated as for a score.
    pub weighting: Weighting,
}

impl Objective<Dynamics> for ImplicitScoreMatching {
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
        implicit(&score, x, t, weight)
    }
}

/// The mean of `w [ ‖s‖² + 2 ∇·s ]/d` over the rows.
///
/// # Shapes
/// `x`: `[n, d]`; `weight`: `[n, 1]`; returns `[1]`.
#[must_use]
pub fn implicit(
    score: &impl Jvp,
    x: Tensor<2>,
    t: Times<'_>,
    weight: Option<Tensor<2>>,
) -> Tensor<1> {
    let d = x.dims()[1] as f64;
    let (s, divergence) = score.divergence(x, t);
    let rows = s.powi_scalar(2).sum_dim(1) + divergence.unsqueeze_dim(1).mul_scalar(2.0);
    row_mean(rows.div_scalar(d), weight)
}
