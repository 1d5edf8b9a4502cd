//! Sliced score matching.

use super::{Batch, Objective, TimeLaw, Weighting, pair, row_mean};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Head, Jvp, Noise, Prediction, Space, Times};
use transport_models::Dynamics;

/// Hyvärinen's loss with its trace read along random directions.
///
/// ```text
/// L = E w(t) [ ‖s_θ‖² + 2 vᵀ (∂ₓs_θ) v ] / d,     E[v vᵀ] = I
/// ```
///
/// One directional derivative for each of the `slices`, instead of `d`. The square keeps its own
/// mean over directions, `E(vᵀs)² = ‖s‖²`, which takes that part of the variance away (SSM-VR).
/// Directions are independent signs, whose traces vary least.
///
/// # References
/// Song, Garg, Shi & Ermon (2019), "Sliced score matching".
/// # Checked by
/// `tests/it/scores.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlicedScoreMatching {
    /// The law of the times.
    pub times: TimeLaw,
    /// The weight of each, stated as for a score.
    pub weighting: Weighting,
    /// Directions for each row, at least 1.
    pub slices: usize,
}

impl Default for SlicedScoreMatching {
    fn default() -> Self {
        Self { times: TimeLaw::default(), weighting: Weighting::default(), slices: 1 }
    }
}

impl Objective<Dynamics> for SlicedScoreMatching {
    type Draw = (Tensor<2>, Vec<f64>, Vec<Tensor<2>>);

    fn draw(&self, model: &Dynamics, batch: &Batch) -> Self::Draw {
        let (x0, times) = pair(self.times, model, batch);
        let slices = (0..self.slices.max(1)).map(|k| direction(k, batch)).collect();
        (x0, times, slices)
    }

    fn loss(&self, model: &Dynamics, batch: &Batch, (x0, times, slices): Self::Draw) -> Tensor<1> {
        let schedule = model.schedule();
        let t = Times::Each(&times);
        let x = Interpolant { schedule }.point(x0, batch.data.clone(), t);
        let head = Head::from(Prediction::Score);
        let weight = self.weighting.column(head, schedule, self.times, t, &Space::of(&x));
        let given = model.given(batch.context.clone()).dropping(&batch.noise);
        let score = given.predicting(Prediction::Score);
        sliced(&score, x, t, weight, &slices)
    }
}

/// The mean of `w [ ‖s‖² + 2 vᵀ(∂ₓs)v ]/d` over the rows, and over the directions given.
///
/// # Shapes
/// `x` and each direction: `[n, d]`; `weight`: `[n, 1]`; returns `[1]`.
///
/// # Panics
/// When there are no directions.
#[must_use]
pub fn sliced(
    score: &impl Jvp,
    x: Tensor<2>,
    t: Times<'_>,
    weight: Option<Tensor<2>>,
    slices: &[Tensor<2>],
) -> Tensor<1> {
    assert!(!slices.is_empty(), "a sliced loss without directions");
    let d = x.dims()[1] as f64;
    let mut rows: Option<Tensor<2>> = None;
    for v in slices {
        let (s, along) = score.jvp(x.clone(), t, v.clone());
        let slice = (v.clone() * along).sum_dim(1).mul_scalar(2.0 / slices.len() as f64);
        rows = Some(match rows {
            None => s.powi_scalar(2).sum_dim(1) + slice,
            Some(rows) => rows + slice,
        });
    }
    row_mean(rows.unwrap_or(x).div_scalar(d), weight)
}

/// Independent signs, `[n, d]`: direction `k` of each row of a batch.
pub(super) fn direction(k: usize, batch: &Batch) -> Tensor<2> {
    let [n, d] = batch.data.dims();
    let noise: Noise = batch.noise.purpose(&format!("slice.{k}"));
    let sign = |u: f64| if u < 0.5 { -1.0 } else { 1.0 };
    let values = noise.uniform_values(d).into_iter().map(sign).collect();
    Space::of(&batch.data).tensor(values, [n, d])
}
