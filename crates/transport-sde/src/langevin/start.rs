//! Where chains start.

use super::{Transition, Tuning};
use burn::tensor::{Bool, Tensor, TensorData};
use transport_core::{Noise, Space};

/// Standard normal positions times `spread`, each chain's drawn anew, up to `tries` times, until
/// its density and score are finite.
///
/// Chains that never find such a place keep their last one, and [`super::sample`] says which.
///
/// # Shapes
/// Returns `[noise.len(), d]`.
#[must_use]
pub fn find_start(
    transition: &dyn Transition,
    d: usize,
    spread: f64,
    tries: u64,
    noise: &Noise,
    space: &Space,
) -> Tensor<2> {
    let noise = noise.purpose("start");
    let draw = |k: u64| noise.at_step(k).normal(d, space).mul_scalar(spread);
    let mut x = draw(0);
    for k in 1..tries {
        let bad = super::sampler::unusable(&transition.begin(x.clone(), &noise), noise.len());
        if !bad.contains(&true) {
            break;
        }
        let mask = TensorData::new(bad, [noise.len(), 1]);
        let mask = Tensor::<2, Bool>::from_bool(mask, &space.device).expand([noise.len(), d]);
        x = x.mask_where(mask, draw(k));
    }
    x
}

impl Tuning {
    /// The step, checked.
    pub(super) fn check(&self) -> Result<(), super::PlanError> {
        let value = self.step;
        if value > 0.0 && value.is_finite() {
            Ok(())
        } else {
            Err(super::PlanError::Step { value })
        }
    }
}
