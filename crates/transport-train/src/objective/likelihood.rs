//! Maximum likelihood.

use super::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::{Noise, Space};
use transport_models::Flow;
use transport_models::flow::LogDet;

/// The cross-entropy of the data under the model, per coordinate.
///
/// ```text
/// L = −E log p_θ(x + u | c) / d,    u ~ U(−w/2, w/2)ᵈ
/// ```
///
/// It differs from KL(p_data ‖ p_θ) by the entropy of the data, which no model changes; the
/// divergence itself is infinite for an empirical law. `w` is the spacing of data that take
/// discrete values, such as pixels (uniform dequantisation, centred so that it has no bias), and 0
/// for continuous data.
///
/// # References
/// Uria, Murray & Larochelle (2013); Theis, van den Oord & Bethge (2016).
/// # Checked by
/// `tests/it/objectives.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MaximumLikelihood {
    /// The spacing `w` of discrete values, in the model's space.
    pub spacing: f64,
}

impl MaximumLikelihood {
    /// `x + u`: the data as the density sees them.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, `n` the samples of `noise`.
    #[must_use]
    pub fn dequantised(&self, x: Tensor<2>, noise: &Noise) -> Tensor<2> {
        if self.spacing == 0.0 {
            return x;
        }
        let uniform = noise.purpose("dequantise").uniform_values(x.dims()[1]);
        let centred = uniform.into_iter().map(|u| self.spacing * (u - 0.5)).collect();
        let shifts = Space::of(&x).tensor(centred, x.dims());
        x + shifts
    }
}

impl Objective<Flow> for MaximumLikelihood {
    type Draw = Tensor<2>;

    fn draw(&self, _model: &Flow, batch: &Batch) -> Self::Draw {
        self.dequantised(batch.data.clone(), &batch.noise)
    }

    fn loss(&self, model: &Flow, batch: &Batch, data: Self::Draw) -> Tensor<1> {
        let [n, d] = batch.data.dims();
        let noise = batch.noise.purpose("log-det");
        let how = LogDet::Estimate(&noise);
        let log_prob = model.log_prob_by(data, batch.context.as_ref(), how);
        log_prob.sum_dim(0).div_scalar(-((n * d) as f64))
    }
}
