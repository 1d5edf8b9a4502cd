//! The convolution layer.

use super::Dual;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::{Noise, Space};
pub use transport_kernels::convolution::Kernel;
use transport_kernels::convolution::{convolve, transpose};

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
    kernel: Kernel,
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
            kernel,
        }
    }

    /// `K ∗ x + b`.
    ///
    /// # Shapes
    /// `x`: `[n, inputs, h, w]`; returns `[n, outputs, h', w']`.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        convolve(x, self.weight.val(), self.bias.val(), self.kernel)
    }

    /// `K ∗ u`, the derivative along `u`.
    ///
    /// # Shapes
    /// As [`Conv::forward`].
    #[must_use]
    pub fn tangent(&self, u: Tensor<4>) -> Tensor<4> {
        convolve(u, self.weight.val(), self.bias.val().zeros_like(), self.kernel)
    }

    /// `K ∗ x + b` and its derivative.
    ///
    /// # Shapes
    /// As [`Conv::forward`].
    #[must_use]
    pub fn dual(&self, x: Dual<4>) -> Dual<4> {
        x.affine(|x| self.forward(x), |u| self.tangent(u))
    }

    /// The shape of what comes of planes of shape `[channels, height, width]`.
    #[must_use]
    pub fn planes_after(&self, [_, height, width]: [usize; 3]) -> [usize; 3] {
        let [height, width] = [height, width].map(|pixels| self.kernel.places(pixels));
        [self.weight.val().dims()[0], height, width]
    }

    /// `Kᵀ ∗ u`: the adjoint of [`Conv::tangent`] on images of `height × width`.
    ///
    /// # Shapes
    /// `u`: `[n, outputs, h', w']`; returns `[n, inputs, height, width]` for a size of them.
    #[must_use]
    pub fn adjoint(&self, u: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        transpose(u, self.weight.val(), size, self.kernel)
    }
}
