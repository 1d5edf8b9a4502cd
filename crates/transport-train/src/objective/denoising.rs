//! Denoising score matching.

use super::{Batch, Objective, TimeLaw, Weighting, pair, row_mean, weighted_square_error};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Space, Times};
use transport_models::Dynamics;

/// Regression on what the noising kernel says of each pair, whatever the network predicts.
///
/// ```text
/// L = E w(t) ‖ h_θ(x_t, t) − (p x₁ + q x₀) ‖² / d,     x_t = α(t) x₁ + σ(t) x₀,  x₀ ~ N(0, I)
/// ```
///
/// with `(p, q)` the coordinates of the network's [`transport_core::Head`]: in the noise this is
///
/// ```text
/// L = E σ(t)² ‖ s_θ(x_t, t) − ∇ log q(x_t | x₁) ‖² / d = E ‖ ε_θ(x_t, t) − x₀ ‖² / d
/// ```
///
/// for every head up to the weight ([`Weighting`]), since `∇ log q(x_t | x₁) = −x₀/σ`. Its
/// minimiser is the score of `q_t`; with levels in a geometric sequence it is the loss of a
/// noise-conditional score network. The learned weighting is
///
/// ```text
/// L = E [ e^{−u(t)} ‖ h_θ − h ‖²/d + u(t) ],     at its minimum e^{u(t)} = E[‖h_θ − h‖²/d | t]
/// ```
///
/// # References
/// Vincent (2011); Song & Ermon (2019); Song et al. (2021), eq. (7) with λ = σ²; Karras et al.
/// (2022, 2024).
/// # Checked by
/// `tests/it/objectives.rs`, `tests/it/scores.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DenoisingScoreMatching {
    /// The law of the times.
    pub times: TimeLaw,
    /// The weight of each.
    pub weighting: Weighting,
}

impl Objective<Dynamics> for DenoisingScoreMatching {
    type Draw = (Tensor<2>, Vec<f64>);

    fn draw(&self, model: &Dynamics, batch: &Batch) -> Self::Draw {
        pair(self.times, model, batch)
    }

    fn loss(&self, model: &Dynamics, batch: &Batch, (x0, times): Self::Draw) -> Tensor<1> {
        let (schedule, head) = (model.schedule(), model.head());
        let t = Times::Each(&times);
        let x = Interpolant { schedule }.point(x0.clone(), batch.data.clone(), t);
        let (space, d) = (Space::of(&x), x.dims()[1]);
        let target = head.target(x0, batch.data.clone(), t, schedule);
        let weight = self.weighting.column(head, schedule, self.times, t, &space);
        let output = model.output_dropping(x, t, batch.context.clone(), &batch.noise);
        if self.weighting != Weighting::Learned {
            return weighted_square_error(output, target, weight);
        }
        // The model is built with its uncertainty where the weighting asks for it.
        #[allow(clippy::expect_used)]
        let u = model.log_variance(t, &space).expect("a model that learns its uncertainty");
        let mut error = (output - target).powi_scalar(2).sum_dim(1).div_scalar(d as f64);
        if let Some(weight) = weight {
            error = error * weight;
        }
        row_mean(error * u.clone().neg().exp() + u, None)
    }
}
