//! Conditional flow matching.

use super::{Batch, Objective, TimeLaw, pair, weighted_square_error};
use burn::tensor::Tensor;
use transport_core::interpolant::Interpolant;
use transport_core::{Prediction, Times};
use transport_models::Dynamics;

/// Regression on the velocity of straight (or curved) lines between independent pairs.
///
/// ```text
/// L = E ‖ v_θ(x_t, t) − ∂ₜ I_t ‖² / d,    I_t = α(t) x₁ + σ(t) x₀,  x₀ ~ N(0, I),  t ~ U
/// ```
///
/// Its minimiser is the marginal velocity `E[∂ₜ I_t | I_t = x]`, which carries the reference to
/// the data.
///
/// # References
/// Lipman et al. (2023), "Flow matching for generative modeling"; Tong et al. (2024), I-CFM.
/// # Checked by
/// `tests/it/objectives.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowMatching;

impl Objective<Dynamics> for FlowMatching {
    type Draw = (Tensor<2>, Vec<f64>);

    fn draw(&self, model: &Dynamics, batch: &Batch) -> Self::Draw {
        pair(TimeLaw::Uniform, model, batch)
    }

    fn loss(&self, model: &Dynamics, batch: &Batch, (x0, times): Self::Draw) -> Tensor<1> {
        debug_assert_eq!(model.head(), Prediction::Velocity.into());
        let interpolant = Interpolant { schedule: model.schedule() };
        let t = Times::Each(&times);
        let x = interpolant.point(x0.clone(), batch.data.clone(), t);
        let target = interpolant.velocity(x0, batch.data.clone(), t);
        let output = model.output_dropping(x, t, batch.context.clone(), &batch.noise);
        weighted_square_error(output, target, None)
    }
}
