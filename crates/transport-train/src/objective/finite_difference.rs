//! Sliced score matching by finite differences.

use super::sliced::direction;
use super::{Batch, Objective, TimeLaw, Weighting, pair, row_mean};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Field, Head, Prediction, Schedule, Space, Times};
use transport_models::Dynamics;

/// Sliced score matching whose derivative is a central difference: two evaluations, no derivative.
///
/// ```text
/// s± = s_θ(x ± h v),     L = E w(t) [ ¼ ‖s₊ + s₋‖² + vᵀ(s₊ − s₋)/h ] / d,     E[v vᵀ] = I
/// ```
///
/// It is the sliced loss up to `O(h²)`, and exactly where the score is affine. The displacement is
/// `h = step · σ(t)`, since the score of `q_t` bends on the scale of σ.
///
/// # References
/// Pang et al. (2020), "Efficient learning of generative models via finite-difference score
/// matching".
/// # Checked by
/// `tests/it/scores.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiniteDifferenceScoreMatching {
    /// The law of the times.
    pub times: TimeLaw,
    /// The weight of each, stated as for a score.
    pub weighting: Weighting,
    /// The displacement along a direction of unit coordinates, in units of σ(t).
    pub step: f64,
}

impl Default for FiniteDifferenceScoreMatching {
    fn default() -> Self {
        Self { times: TimeLaw::default(), weighting: Weighting::default(), step: 0.05 }
    }
}

impl Objective<Dynamics> for FiniteDifferenceScoreMatching {
    type Draw = (Tensor<2>, Vec<f64>, Tensor<2>);

    fn draw(&self, model: &Dynamics, batch: &Batch) -> Self::Draw {
        let (x0, times) = pair(self.times, model, batch);
        (x0, times, direction(0, batch))
    }

    fn loss(&self, model: &Dynamics, batch: &Batch, (x0, times, v): Self::Draw) -> Tensor<1> {
        let schedule = model.schedule();
        let t = Times::Each(&times);
        let x = Interpolant { schedule }.point(x0, batch.data.clone(), t);
        let space = Space::of(&x);
        let head = Head::from(Prediction::Score);
        let weight = self.weighting.column(head, schedule, self.times, t, &space);
        let h = t.column(&space, |t| self.step * schedule.at(t).sigma);
        let given = model.given(batch.context.clone()).dropping(&batch.noise);
        let score = given.predicting(Prediction::Score);
        finite_difference(&score, x, t, weight, v, h)
    }
}

/// The mean of `w [ ¼‖s₊ + s₋‖² + vᵀ(s₊ − s₋)/h ]/d` over the rows.
///
/// # Shapes
/// `x`, `v`: `[n, d]`; `weight`: `[n, 1]`; `h`: `[n, 1]` or `[1, 1]`; returns `[1]`.
#[must_use]
pub fn finite_difference(
    score: &impl Field,
    x: Tensor<2>,
    t: Times<'_>,
    weight: Option<Tensor<2>>,
    v: Tensor<2>,
    h: Tensor<2>,
) -> Tensor<1> {
    let d = x.dims()[1] as f64;
    let shift = v.clone() * h.clone();
    let plus = score.eval(x.clone() + shift.clone(), t);
    let minus = score.eval(x - shift, t);
    let square = (plus.clone() + minus.clone()).powi_scalar(2).sum_dim(1).mul_scalar(0.25);
    let slope = (v * (plus - minus)).sum_dim(1) / h;
    row_mean((square + slope).div_scalar(d), weight)
}
