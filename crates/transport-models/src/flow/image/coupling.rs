//! Couplings of images.

use super::net::{PixelNet, PixelNetConfig};
use crate::flow::Element;
use crate::net::Pixels;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// Which values of an image stay while the others move; the number's parity swaps the two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// The pixels `(i, j)` with `i + j` of this parity stay.
    Checkerboard(usize),
    /// The first half of the channels stays, or the second.
    Channels(usize),
}

/// The part of an image that stays says how the other part is transformed.
///
/// ```text
/// x_A = z_A,   x_B = f(z_B; θ(z_A, c)),     log|det| = Σ_{i∈B} log f′(z_i; θ_i)
/// ```
///
/// θ is a [`PixelNet`]. Values beside the image, which no part of the map changes, may be read too.
///
/// # References
/// Dinh, Sohl-Dickstein & Bengio (2017), §3.4.
/// # Checked by
/// `tests/it/images.rs`
#[derive(Module, Debug)]
pub struct ImageCoupling {
    net: PixelNet,
    #[module(skip)]
    element: Element,
    #[module(skip)]
    mask: Mask,
    #[module(skip)]
    shape: Pixels,
}

impl ImageCoupling {
    /// A coupling on images of this shape that reads `beside` more channels and `context` columns.
    ///
    /// # Panics
    /// When one channel should be halved, or one pixel should be a checkerboard.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "what it does, what it is built of, and where")]
    pub fn new(
        element: Element,
        mask: Mask,
        net: &PixelNetConfig,
        shape: Pixels,
        beside: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let (kept, moved) = match mask {
            Mask::Checkerboard(_) => {
                assert!(shape.height * shape.width >= 2, "a checkerboard needs two pixels");
                (shape.channels, shape.channels)
            }
            Mask::Channels(parity) => {
                assert!(shape.channels >= 2, "one channel cannot be halved");
                halves(shape.channels, parity).1
            }
        };
        let seen = Pixels { channels: kept + beside, ..shape };
        let net = PixelNet::new(net, seen, moved * element.parameters(), context, noise, space);
        Self { net, element, mask, shape }
    }

    /// `f(z)` and `log |det ∂f/∂z|`.
    ///
    /// # Shapes
    /// `z`: `[n, h, w, c]`; `beside`: `[n, h, w, b]`; `context`: `[n, k]` or `[1, k]`.
    #[must_use]
    pub fn push(
        &self,
        z: Tensor<4>,
        beside: Option<&Tensor<4>>,
        context: Option<&Tensor<2>>,
    ) -> (Tensor<4>, Tensor<1>) {
        self.transform(z, beside, context, |z, theta| self.element.push(z, theta))
    }

    /// `f⁻¹(x)` and `log |det ∂f⁻¹/∂x|`.
    ///
    /// # Shapes
    /// As [`ImageCoupling::push`].
    #[must_use]
    pub fn pull(
        &self,
        x: Tensor<4>,
        beside: Option<&Tensor<4>>,
        context: Option<&Tensor<2>>,
    ) -> (Tensor<4>, Tensor<1>) {
        self.transform(x, beside, context, |x, theta| self.element.pull(x, theta))
    }

    fn transform(
        &self,
        x: Tensor<4>,
        beside: Option<&Tensor<4>>,
        context: Option<&Tensor<2>>,
        f: impl Fn(Tensor<2>, Tensor<3>) -> (Tensor<2>, Tensor<2>),
    ) -> (Tensor<4>, Tensor<1>) {
        // Each value of `moved`, transformed as the network says when it sees `kept`.
        let value = |kept: Tensor<4>, moved: Tensor<4>| {
            let [n, h, w, c] = moved.dims();
            let seen = match beside {
                Some(beside) => Tensor::cat(vec![kept, beside.clone()], 3),
                None => kept,
            };
            let theta = self.net.forward(seen, context);
            let theta = theta.reshape([n, h * w * c, self.element.parameters()]);
            let (value, log_slope) = f(moved.reshape([n, h * w * c]), theta);
            (value.reshape([n, h, w, c]), log_slope)
        };
        match self.mask {
            Mask::Channels(parity) => {
                let (first, (kept, moved)) = halves(x.dims()[3], parity);
                let (low, high) =
                    (x.clone().narrow(3, 0, first), x.narrow(3, first, kept + moved - first));
                let (stays, moves) =
                    if parity.is_multiple_of(2) { (low, high) } else { (high, low) };
                let (new, log_slope) = value(stays.clone(), moves);
                let parts =
                    if parity.is_multiple_of(2) { vec![stays, new] } else { vec![new, stays] };
                (Tensor::cat(parts, 3), log_slope.sum_dim(1).squeeze_dim(1))
            }
            Mask::Checkerboard(parity) => {
                let (stays, moves) = self.boards(parity, &Space::of(&x));
                let kept = x.clone() * stays;
                let (new, log_slope) = value(kept.clone(), x);
                let [n, h, w, c] = new.dims();
                let log_slope = log_slope.reshape([n, h, w, c]) * moves.clone();
                let log_det = log_slope.reshape([n, h * w * c]).sum_dim(1).squeeze_dim(1);
                (kept + new * moves, log_det)
            }
        }
    }

    /// 1 where a pixel stays, and 1 where it moves, `[1, h, w, 1]`.
    fn boards(&self, parity: usize, space: &Space) -> (Tensor<4>, Tensor<4>) {
        let Pixels { height, width, .. } = self.shape;
        let stays = |k: usize| f64::from(u8::from((k / width + k % width) % 2 == parity % 2));
        let values: Vec<f64> = (0..height * width).map(stays).collect();
        let moves = values.iter().map(|v| 1.0 - v).collect();
        let shape = [1, height, width, 1];
        (space.tensor(values, shape), space.tensor(moves, shape))
    }
}

/// Where `channels` are cut, and how many of them stay and move.
fn halves(channels: usize, parity: usize) -> (usize, (usize, usize)) {
    let second = channels / 2;
    let first = channels - second;
    (first, if parity.is_multiple_of(2) { (first, second) } else { (second, first) })
}
