//! The dense layer.

use super::Dual;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::{Noise, Space};
use transport_kernels::{Activation, Mask, ops};

/// `x W + b`, `W` of shape `[inputs, outputs]`.
#[derive(Module, Debug)]
pub struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Dense {
    /// Weights and biases uniform on `±gain/√inputs`; `gain = 0` starts the layer at zero.
    ///
    /// # References
    /// LeCun et al. (1998), "Efficient BackProp", §4.6, with the bias treated alike.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize, gain: f64, noise: &Noise, space: &Space) -> Self {
        let bound = gain / (inputs.max(1) as f64).sqrt();
        let uniform = |purpose: &str, rows: usize| -> Vec<f64> {
            let values = noise.purpose(purpose).resized(rows).uniform_values(outputs);
            values.into_iter().map(|u| bound * (2.0 * u - 1.0)).collect()
        };
        Self {
            weight: Param::from_tensor(space.tensor(uniform("weight", inputs), [inputs, outputs])),
            bias: Param::from_tensor(space.tensor(uniform("bias", 1), [outputs])),
        }
    }

    /// The layer with its weights and biases times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            weight: self.weight.map(|w| w.mul_scalar(factor)),
            bias: self.bias.map(|b| b.mul_scalar(factor)),
        }
    }

    /// `x W + b`.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`; returns `[n, outputs]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.masked(None, x, None, false)
    }

    /// `f(x) (W ⊙ M) + b`, with `x` added on the way around: the connections where the mask is 0 do
    /// not exist. Without `f` or a mask, as if they were not written.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`; `mask`: `[inputs, outputs]`; returns `[n, outputs]`.
    #[must_use]
    pub fn masked(
        &self,
        f: Option<Activation>,
        x: Tensor<2>,
        mask: Option<&Mask>,
        around: bool,
    ) -> Tensor<2> {
        ops::masked_layer(f, x, self.weight.val(), self.bias.val(), mask, around)
    }

    /// `base + x W + b`.
    ///
    /// # Shapes
    /// `base`: `[n, outputs]` or `[1, outputs]`; `x`: `[n, inputs]`; returns `[n, outputs]`.
    #[must_use]
    pub fn onto(&self, base: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
        ops::onto(base, x, self.weight.val(), self.bias.val())
    }

    /// `f(x) W + b`.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`; returns `[n, outputs]`.
    #[must_use]
    pub fn after(&self, f: Activation, x: Tensor<2>) -> Tensor<2> {
        ops::layer(f, x, self.weight.val(), self.bias.val(), false)
    }

    /// `x + f(x) W + b`.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`, as many as outputs; returns the same.
    #[must_use]
    pub fn around(&self, f: Activation, x: Tensor<2>) -> Tensor<2> {
        ops::layer(f, x, self.weight.val(), self.bias.val(), true)
    }

    /// `u W`, the derivative along `u`.
    ///
    /// # Shapes
    /// `u`: `[n, inputs]`; returns `[n, outputs]`.
    #[must_use]
    pub fn tangent(&self, u: Tensor<2>) -> Tensor<2> {
        u.matmul(self.weight.val())
    }

    /// `x W + b` and its derivative.
    ///
    /// # Shapes
    /// As [`Dense::forward`].
    #[must_use]
    pub fn dual(&self, x: Dual<2>) -> Dual<2> {
        x.affine(|x| self.forward(x), |u| self.tangent(u))
    }

    /// `(slope ⊙ u) W`, the derivative of [`Dense::after`]; `u` too with the way around. Several
    /// directions at the same points stand block after block.
    ///
    /// # Shapes
    /// `u`: `[b n, inputs]`, `slope`: `[n, inputs]`; returns `[b n, outputs]`.
    #[must_use]
    pub fn tangent_after(&self, slope: Tensor<2>, u: Tensor<2>, around: bool) -> Tensor<2> {
        ops::tangent(u, slope, self.weight.val(), around)
    }

    /// `b`, `[outputs]`.
    #[must_use]
    pub fn bias(&self) -> Tensor<1> {
        self.bias.val()
    }

    /// `W`, `[inputs, outputs]`: the derivatives along the unit directions.
    #[must_use]
    pub fn jacobian(&self) -> Tensor<2> {
        self.weight.val()
    }
}
