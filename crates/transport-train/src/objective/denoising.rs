//! Denoising score matching.

use super::{Batch, Objective, pair, weighted_square_error};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Prediction, Schedule, Space, Times};
use transport_models::Dynamics;

/// Regression on the score of the noising kernel, weighted by its variance.
///
/// ```text
/// L = E σ(t)² ‖ s_θ(x_t, t) − ∇ log q(x_t | x₁) ‖² / d = E ‖ ε_θ(x_t, t) − x₀ ‖² / d
/// x_t = α(t) x₁ + σ(t) x₀,   x₀ ~ N(0, I),   ∇ log q(x_t | x₁) = −x₀ / σ
/// ```
///
/// Written in the noise `ε = −σ s`, where it has one scale at all times. A network that predicts
/// something else is compared in its own basis.
///
/// # References
/// Vincent (2011); Song et al. (2021), eq. (7) with λ = σ².
/// # Checked by
/// `tests/it/objectives.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenoisingScoreMatching;

impl Objective<Dynamics> for DenoisingScoreMatching {
    type Draw = (Tensor<2>, Vec<f64>);

    fn draw(&self, model: &Dynamics, batch: &Batch) -> Self::Draw {
        pair(model, batch)
    }

    fn loss(&self, model: &Dynamics, batch: &Batch, (x0, times): Self::Draw) -> Tensor<1> {
        let schedule = model.schedule();
        let t = Times::Each(&times);
        let x = Interpolant { schedule }.point(x0.clone(), batch.data.clone(), t);
        let target = Prediction::Noise.convert(model.prediction(), x0, x.clone(), t, &schedule);
        // A score target is −x₀/σ: weight σ² brings it back to the noise's scale.
        let weight = (model.prediction() == Prediction::Score)
            .then(|| t.column(&Space::of(&x), |t| schedule.at(t).sigma.powi(2)));
        weighted_square_error(model.output(x, t, batch.context.clone()), target, weight)
    }
}
