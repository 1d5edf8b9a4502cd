//! The light bridge's loss.

use super::source::Source;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::Space;
use transport_models::bridge::LightBridge;

/// `E_x log c(x) − E_y log v(y)`: see [`LightBridge`].
///
/// # References
/// Korotin, Gushchin & Burnaev (2024), eq. 9.
/// # Checked by
/// `tests/it/bridges.rs`
#[derive(Clone, Debug)]
pub struct LightLoss {
    /// The law at `t = 0`.
    pub source: Source,
}

impl Objective<LightBridge> for LightLoss {
    type Draw = Tensor<2>;

    fn draw(&self, _model: &LightBridge, batch: &Batch) -> Tensor<2> {
        let starts = self.source.draws(&batch.noise.purpose("source"));
        Space::of(&batch.data).tensor(starts, batch.data.dims())
    }

    fn loss(&self, model: &LightBridge, batch: &Batch, starts: Tensor<2>) -> Tensor<1> {
        let n = batch.data.dims()[0];
        let gap = model.log_normaliser(starts) - model.log_potential(batch.data.clone());
        gap.sum_dim(0).reshape([1]).div_scalar(n as f64)
    }
}
