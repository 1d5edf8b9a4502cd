//! Images of half and of double the size.

use super::config::{Resampling, UNetConfig};
use super::residual::{Change, ResidualBlock, Told};
use crate::net::{Conv, Dual, Kernel};
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use transport_core::{Noise, Space};

/// The means of 2 × 2 pixels.
pub(super) fn halved(x: Tensor<4>) -> Tensor<4> {
    avg_pool2d(x, AvgPoolOptions::new([2; 2]))
}

/// Each pixel four times, cut to `size`.
pub(super) fn doubled(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let spread = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
    let whole = spread.reshape([n, c, 2 * h, 2 * w]);
    if [2 * h, 2 * w] == [height, width] {
        return whole;
    }
    whole.narrow(2, 0, height).narrow(3, 0, width)
}

/// A step down or up between two sizes of images: a convolution, or a residual block.
#[derive(Module, Debug)]
pub struct Resampler {
    conv: Option<Conv>,
    residual: Option<ResidualBlock>,
    #[module(skip)]
    change: Change,
    #[module(skip)]
    padding: usize,
}

impl Resampler {
    /// A step for `planes` planes; `change` says which way.
    #[must_use]
    pub fn new(
        config: &UNetConfig,
        resampling: Resampling,
        planes: usize,
        change: Change,
        name: &str,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let padding = config.downsample_padding;
        let kernel = match change {
            Change::Halve => Kernel { side: 3, stride: 2, border: padding },
            _ => Kernel::same(3),
        };
        let noise_here = noise.purpose(name);
        let conv = || Conv::new(planes, planes, kernel, 1.0, &noise_here, space);
        let block = || ResidualBlock::new(config, [planes; 2], change, name, noise, space);
        let residual = resampling == Resampling::Residual;
        Self { conv: (!residual).then(conv), residual: residual.then(block), change, padding }
    }

    /// Images of half the size, or of `size` pixels on the way up.
    ///
    /// # Shapes
    /// `x`: `[n, c, h, w]`; returns `[n, c, h', w']`.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, told: &Told<'_>, size: [usize; 2]) -> Dual<4> {
        match (&self.residual, &self.conv) {
            (Some(block), _) => block.forward(x, told, size),
            (None, Some(conv)) if self.change == Change::Double => {
                conv.dual(x.linear(|x| doubled(x, size)))
            }
            (None, Some(conv)) if self.padding == 0 => conv.dual(x.linear(padded)),
            (None, Some(conv)) => conv.dual(x),
            (None, None) => x,
        }
    }
}

/// A row of zeros below and a column of zeros to the right.
fn padded(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let zeros = |shape: [usize; 4]| Tensor::zeros(shape, (&x.device(), x.dtype()));
    let below = zeros([n, c, 1, w]);
    let right = zeros([n, c, h + 1, 1]);
    Tensor::cat(vec![Tensor::cat(vec![x.clone(), below], 2), right], 3)
}
