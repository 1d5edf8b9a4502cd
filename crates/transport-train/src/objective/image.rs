//! Maximum likelihood of images.

use super::{Batch, Objective};
use burn::tensor::Tensor;
use std::f64::consts::LN_2;
use transport_core::Space;
use transport_models::flow::image::ImageLaw;

/// What an image costs under the model, in bits per dimension.
///
/// ```text
/// L = −E [ log p_θ(v + u | c) − log q_θ(u | v, c) ] / (d log 2),    u ~ q_θ(· | v, c)
/// ```
///
/// For pixels of whole numbers it bounds the code length of the levels from above; uniform q has
/// `log q = 0`. Pixels of an interval have no u.
///
/// # References
/// Theis, van den Oord & Bethge (2016); Ho, Chen, Srinivas, Duan & Abbeel (2019), "Flow++".
/// # Checked by
/// `tests/it/images.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageLikelihood;

impl Objective<ImageLaw> for ImageLikelihood {
    type Draw = Option<Tensor<2>>;

    fn draw(&self, model: &ImageLaw, batch: &Batch) -> Self::Draw {
        model.draw(&batch.noise, &Space::of(&batch.data))
    }

    fn loss(&self, model: &ImageLaw, batch: &Batch, draw: Self::Draw) -> Tensor<1> {
        let [n, d] = batch.data.dims();
        let log_mass = model.log_mass(batch.data.clone(), draw, batch.context.as_ref());
        log_mass.sum_dim(0).div_scalar(-((n * d) as f64) * LN_2)
    }
}
