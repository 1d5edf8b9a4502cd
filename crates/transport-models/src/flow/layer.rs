//! One invertible layer, whichever it is.

use super::{
    ActNorm, Angles, Autoregressive, Coupling, FlowConfig, LogDet, LuLinear, Permutation, Reading,
    Residual,
};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// One invertible layer.
#[derive(Module, Debug)]
pub enum Layer {
    /// See [`Coupling`].
    Coupling(Coupling),
    /// See [`Autoregressive`].
    Autoregressive(Autoregressive),
    /// The inverse of an [`Autoregressive`] layer: one evaluation of the network from reference to
    /// data, `d` of them back (IAF).
    ///
    /// ```text
    /// x_i = f⁻¹(z_i; θ_i(z_{<i}, c))
    /// ```
    ///
    /// # References
    /// Kingma, Salimans, Jozefowicz, Chen, Sutskever & Welling (2016), "Improving variational
    /// inference with inverse autoregressive flow".
    Inverse(Autoregressive),
    /// See [`Residual`].
    Residual(Residual),
    /// See [`ActNorm`].
    ActNorm(ActNorm),
    /// See [`LuLinear`].
    Linear(LuLinear),
    /// See [`Permutation`].
    Permutation(Permutation),
    /// See [`Angles`].
    Angles(Angles),
}

impl Layer {
    /// The transform of block `k`.
    pub(super) fn transform(
        config: &FlowConfig,
        k: usize,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let FlowConfig { reading, element, net, .. } = config;
        let in_order = || Autoregressive::new(*element, net, dim, context, noise, space);
        match reading {
            Reading::Coupling => {
                Self::Coupling(Coupling::new(*element, k, net, dim, context, noise, space))
            }
            Reading::Autoregressive => Self::Autoregressive(in_order()),
            Reading::Inverse => Self::Inverse(in_order()),
            Reading::Residual => Self::Residual(Residual::new(net, dim, context, noise, space)),
        }
    }

    /// `f(z)` and `log |det ∂f/∂z|`.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; `c`: `[n, c]` or `[1, c]`; returns `[n, d]` and `[n]`.
    #[must_use]
    pub fn push(&self, z: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        match self {
            Self::Coupling(layer) => layer.push(z, c),
            Self::Autoregressive(layer) => layer.push(z, c),
            Self::Inverse(layer) => layer.pull(z, c),
            Self::Residual(layer) => layer.push(z, c),
            Self::ActNorm(layer) => layer.push(z),
            Self::Linear(layer) => layer.push(z),
            Self::Permutation(layer) => layer.push(z),
            Self::Angles(layer) => layer.push(z),
        }
    }

    /// `f⁻¹(x)` and `log |det ∂f⁻¹/∂x|`.
    ///
    /// # Shapes
    /// As [`Layer::push`].
    #[must_use]
    pub fn pull(
        &self,
        x: Tensor<2>,
        c: Option<&Tensor<2>>,
        how: LogDet<'_>,
    ) -> (Tensor<2>, Tensor<1>) {
        match self {
            Self::Coupling(layer) => layer.pull(x, c),
            Self::Autoregressive(layer) => layer.pull(x, c),
            Self::Inverse(layer) => layer.push(x, c),
            Self::Residual(layer) => layer.pull(x, c, how),
            Self::ActNorm(layer) => layer.pull(x),
            Self::Linear(layer) => layer.pull(x),
            Self::Permutation(layer) => layer.pull(x),
            Self::Angles(layer) => layer.pull(x),
        }
    }
}
