//! Images of which only some pixels vary.

use crate::net::Pixels;
use burn::tensor::{Int, Tensor};

/// Where the coordinates of a state stand in an image. Pixels that never vary are no coordinates:
/// an encoder sees them at their constant, and what a decoder says of them is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The shape of the image.
    pub pixels: Pixels,
    /// The places of the coordinates, ascending.
    pub varying: Vec<usize>,
    /// What stands at each place of a pixel that does not vary, in the coordinates' scale.
    pub background: Vec<f64>,
}

impl Frame {
    fn index(&self, order: &[usize], like: &Tensor<2>) -> Tensor<1, Int> {
        let order: Vec<i32> = order.iter().map(|k| *k as i32).collect();
        Tensor::from_ints(&order[..], &like.device())
    }

    /// Every pixel of the image.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, pixels]`.
    #[must_use]
    pub(super) fn whole(&self, x: Tensor<2>) -> Tensor<2> {
        let ([n, d], all) = (x.dims(), self.pixels.len());
        if d == all {
            return x;
        }
        // Column d + k is pixel k of the background.
        let mut order: Vec<usize> = (d..d + all).collect();
        self.varying.iter().enumerate().for_each(|(k, place)| order[*place] = k);
        let space = transport_core::Space::of(&x);
        let background = space.tensor::<2>(self.background.clone(), [1, all]).expand([n, all]);
        let index = self.index(&order, &x);
        Tensor::cat(vec![x, background], 1).select(1, index)
    }

    /// The pixels that vary.
    ///
    /// # Shapes
    /// `x`: `[n, pixels]`; returns `[n, d]`.
    #[must_use]
    pub(super) fn varying(&self, x: Tensor<2>) -> Tensor<2> {
        if self.varying.len() == self.pixels.len() {
            return x;
        }
        let index = self.index(&self.varying, &x);
        x.select(1, index)
    }
}
