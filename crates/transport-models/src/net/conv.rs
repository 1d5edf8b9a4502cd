//! The convolution layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use transport_core::{Noise, Space};

/// `K ∗ x + b`: a square kernel of side `k`, a stride, and a border of zeros.
///
/// ```text
/// y[o, i, j] = b[o] + Σ_{c, p, q} K[o, c, p, q] x[c, s i + p − border, s j + q − border]
/// ```
///
/// The side of the result is `⌊(side + 2 border − k)/s⌋ + 1`.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    border: usize,
}

/// The kernel of a [`Conv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its side.
    pub side: usize,
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub border: usize,
}

impl Kernel {
    /// An odd side that keeps the size of the image.
    #[must_use]
    pub fn same(side: usize) -> Self {
        Self { side, stride: 1, border: side >> 1 }
    }

    /// One pixel at a time.
    #[must_use]
    pub fn pointwise() -> Self {
        Self::same(1)
    }
}

impl Conv {
    /// Weights and biases uniform on `±gain/√(inputs k²)`; `gain = 0` starts the layer at zero.
    #[must_use]
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: Kernel,
        gain: f64,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let fan = inputs * kernel.side * kernel.side;
        let bound = gain / (fan.max(1) as f64).sqrt();
        let uniform = |purpose: &str, columns: usize| -> Vec<f64> {
            let values = noise.purpose(purpose).resized(outputs).uniform_values(columns);
            values.into_iter().map(|u| bound * (2.0 * u - 1.0)).collect()
        };
        let shape = [outputs, inputs, kernel.side, kernel.side];
        Self {
            weight: Param::from_tensor(space.tensor(uniform("weight", fan), shape)),
            bias: Param::from_tensor(space.tensor(uniform("bias", 1), [outputs])),
            stride: kernel.stride,
            border: kernel.border,
        }
    }

    /// `K ∗ x + b`.
    ///
    /// # Shapes
    /// `x`: `[n, inputs, h, w]`; returns `[n, outputs, h', w']`.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv2d(x, self.weight.val(), Some(self.bias.val()), self.options())
    }

    /// `K ∗ u`, the derivative along `u`.
    ///
    /// # Shapes
    /// As [`Conv::forward`].
    #[must_use]
    pub fn tangent(&self, u: Tensor<4>) -> Tensor<4> {
        conv2d(u, self.weight.val(), None, self.options())
    }

    /// The shape of what comes of planes of shape `[channels, height, width]`.
    #[must_use]
    pub fn planes_after(&self, [_, height, width]: [usize; 3]) -> [usize; 3] {
        let [outputs, _, side, _] = self.weight.val().dims();
        let after = |pixels: usize| (pixels + 2 * self.border - side).div_euclid(self.stride) + 1;
        [outputs, after(height), after(width)]
    }

    /// `Kᵀ ∗ u`: the adjoint of [`Conv::tangent`] on images of `height × width`.
    ///
    /// A stride leaves the last rows and columns of some images unread; the transpose puts them
    /// back as its output padding.
    ///
    /// # Shapes
    /// `u`: `[n, outputs, h', w']`; returns `[n, inputs, height, width]`.
    #[must_use]
    pub fn adjoint(&self, u: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
        let ([_, _, rows, columns], side) = (u.dims(), self.weight.val().dims()[2]);
        let (stride, border) = (self.stride, self.border);
        let unread =
            |pixels: usize, places: usize| pixels + 2 * border - side - (places - 1) * stride;
        let padding_out = [unread(height, rows), unread(width, columns)];
        let options = ConvTransposeOptions::new([stride; 2], [border; 2], padding_out, [1; 2], 1);
        conv_transpose2d(u, self.weight.val(), None, options)
    }

    fn options(&self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.border; 2], [1; 2], 1)
    }
}
