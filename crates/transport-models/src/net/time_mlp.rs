//! A plain multi-layer perceptron that reads the time beside the point.

use super::Dense;
use super::activation::Activation;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::{Field, Jvp, Noise, Space, Times};
use transport_kernels::ops;

/// The sizes of a [`TimeMlp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeMlpConfig {
    /// Features of a hidden layer.
    pub width: usize,
    /// Hidden layers, at least 1.
    pub depth: usize,
}

/// ```text
/// h₁ = [x, t, c] W₁ + b₁,    hₖ₊₁ = f(hₖ) Wₖ₊₁ + bₖ₊₁,    v(x, t | c) = f(h_depth) V + b
/// ```
///
/// Without residuals and with the raw time as one more input: the network of the flow-matching
/// papers on the plane, so that results can be laid beside theirs. [`super::Mlp`] is the better
/// network elsewhere.
#[derive(Module, Debug)]
pub struct TimeMlp {
    layers: Vec<Dense>,
    #[module(skip)]
    activation: Activation,
}

impl TimeMlp {
    /// A network on `dim` coordinates, with `context` columns of context (0 for none); weights and
    /// biases start uniform on `±1/√inputs`.
    ///
    /// # Panics
    /// When a size is 0.
    #[must_use]
    pub fn new(
        config: &TimeMlpConfig,
        dim: usize,
        context: usize,
        activation: Activation,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let TimeMlpConfig { width, depth } = *config;
        assert!(dim > 0 && width > 0 && depth > 0, "a network without neurons");
        let layer = |k: usize| {
            let inputs = if k == 0 { dim + 1 + context } else { width };
            let outputs = if k == depth { dim } else { width };
            Dense::new(inputs, outputs, 1.0, &noise.purpose(&format!("layer.{k}")), space)
        };
        Self { layers: (0..=depth).map(layer).collect(), activation }
    }

    fn first(&self, x: Tensor<2>, t: Times<'_>, context: Option<&Tensor<2>>) -> Tensor<2> {
        let n = x.dims()[0];
        let column = t.column(&Space::of(&x), |t| t).expand([n, 1]);
        let mut inputs = vec![x, column];
        inputs.extend(context.cloned());
        self.layers[0].forward(Tensor::cat(inputs, 1))
    }

    /// `v(x, t | c)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]`; returns `[n, d]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, t: Times<'_>, context: Option<&Tensor<2>>) -> Tensor<2> {
        let through = |h, layer: &Dense| layer.after(self.activation, h);
        self.layers[1..].iter().fold(self.first(x, t, context), through)
    }
}

impl Field for TimeMlp {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.forward(x, t, None)
    }
}

impl Jvp for TimeMlp {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let still = u.clone().narrow(1, 0, 1).zeros_like();
        let mut dh = self.layers[0].tangent(Tensor::cat(vec![u, still], 1));
        let mut h = self.first(x, t, None);
        for layer in &self.layers[1..] {
            let (value, slope) = ops::activate_with_slope(self.activation, h);
            h = layer.forward(value);
            dh = layer.tangent_after(slope, dh, false);
        }
        (h, dh)
    }
}
