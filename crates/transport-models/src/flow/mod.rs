//! Normalizing flows: invertible layers, composed, with the log-determinant of each.
//!
//! ```text
//! T = f_K ∘ … ∘ f_1,    log |det ∂T/∂z| = Σ_k log |det ∂f_k/∂z_{k−1}|
//! ```
//!
//! | file | layer |
//! |---|---|
//! | [`element`] | increasing functions of one variable: shift, affine, spline |
//! | [`coupling`] | one half moves the other (NICE, RealNVP, RQ-NSF (C)) |
//! | [`autoregressive`] | each coordinate is moved by those before it (MAF, RQ-NSF (AR)) |
//! | [`actnorm`], [`linear`] | scale and shift; `W = LU`; reversal |
//!
//! # References
//! Papamakarios, Nalisnick, Rezende, Mohamed & Lakshminarayanan (2021), "Normalizing flows for
//! probabilistic modeling and inference".

pub mod actnorm;
pub mod autoregressive;
pub mod coupling;
pub mod element;
pub mod linear;
mod plain;
pub mod spline;

pub use actnorm::ActNorm;
pub use autoregressive::Autoregressive;
pub use coupling::Coupling;
pub use element::Element;
pub use linear::LuLinear;

use crate::net::ConditionerConfig;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::law::Gaussian;
use transport_core::{Density, Invertible, Noise, PushForward, Space};

/// How a layer's networks read the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// [`Coupling`]: one half reads the other.
    Coupling,
    /// [`Autoregressive`]: a coordinate reads those before it.
    Autoregressive,
}

/// What a [`Flow`] is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowConfig {
    /// How the layers read.
    pub reading: Reading,
    /// How they transform.
    pub element: Element,
    /// How many of them.
    pub layers: usize,
    /// The network of each.
    pub net: ConditionerConfig,
}

/// One invertible layer.
#[derive(Module, Debug)]
pub enum Layer {
    /// See [`Coupling`].
    Coupling(Coupling),
    /// See [`Autoregressive`].
    Autoregressive(Autoregressive),
    /// See [`ActNorm`].
    ActNorm(ActNorm),
    /// See [`LuLinear`].
    Linear(LuLinear),
}

impl Layer {
    /// `f(z)` and `log |det ∂f/∂z|`.
    fn push(&self, z: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        match self {
            Self::Coupling(layer) => layer.push(z, c),
            Self::Autoregressive(layer) => layer.push(z, c),
            Self::ActNorm(layer) => layer.push(z),
            Self::Linear(layer) => layer.push(z),
        }
    }

    /// `f⁻¹(x)` and `log |det ∂f⁻¹/∂x|`.
    fn pull(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        match self {
            Self::Coupling(layer) => layer.pull(x, c),
            Self::Autoregressive(layer) => layer.pull(x, c),
            Self::ActNorm(layer) => layer.pull(x),
            Self::Linear(layer) => layer.pull(x),
        }
    }
}

/// A normalizing flow with a standard normal reference.
///
/// From reference to data, each block is: transform, linear, actnorm. A coupling's halves swap from
/// block to block; an autoregressive flow reverses the coordinates before each further block. In
/// one dimension there is nothing to read, and every flow is autoregressive.
#[derive(Module, Debug)]
pub struct Flow {
    layers: Vec<Layer>,
    #[module(skip)]
    dim: usize,
    /// Layers on whose reference's side the coordinates are reversed.
    #[module(skip)]
    reversed: Vec<usize>,
}

impl Flow {
    /// A flow on `dim` coordinates with `context` columns of context (0 for none).
    #[must_use]
    pub fn new(
        config: &FlowConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let FlowConfig { reading, element, net, .. } = config;
        let reversing = *reading == Reading::Autoregressive;
        let (mut layers, mut reversed) = (Vec::with_capacity(3 * config.layers), Vec::new());
        for k in 0..config.layers {
            let noise = noise.purpose("init").purpose(&format!("layer.{k}"));
            if reversing && k > 0 {
                reversed.push(layers.len());
            }
            layers.push(if reversing || dim == 1 {
                let layer = Autoregressive::new(*element, net, dim, context, &noise, space);
                Layer::Autoregressive(layer)
            } else {
                Layer::Coupling(Coupling::new(*element, k, net, dim, context, &noise, space))
            });
            layers.push(Layer::Linear(LuLinear::new(dim, space)));
            layers.push(Layer::ActNorm(ActNorm::new(dim, space)));
        }
        Self { layers, dim, reversed }
    }

    /// Whether the coordinates are reversed on the reference's side of layer `k`.
    fn reverses(&self, k: usize) -> bool {
        self.reversed.contains(&k)
    }

    /// The flow with each [`ActNorm`] started from what `x` is when it gets there.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, n ≥ 2; `context`: `[n, c]`.
    #[must_use]
    pub fn started(mut self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Self {
        let mut x = x;
        for k in (0..self.layers.len()).rev() {
            if let Layer::ActNorm(layer) = &self.layers[k] {
                self.layers[k] = Layer::ActNorm(layer.clone().started(&x));
            }
            x = self.layers[k].pull(x, context).0;
            if self.reverses(k) {
                x = linear::reversed(x).0;
            }
        }
        self
    }

    /// `T(z)` and `log |det ∂T/∂z|`.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n, d]` and `[n]`.
    #[must_use]
    pub fn push(&self, z: Tensor<2>, context: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        let mut log_det = z.clone().narrow(1, 0, 1).zeros_like().squeeze_dim(1);
        let mut x = z;
        for (k, layer) in self.layers.iter().enumerate() {
            if self.reverses(k) {
                x = linear::reversed(x).0;
            }
            let (next, log_step) = layer.push(x, context);
            (x, log_det) = (next, log_det + log_step);
        }
        (x, log_det)
    }

    /// `T⁻¹(x)` and `log |det ∂T⁻¹/∂x|`.
    ///
    /// # Shapes
    /// As [`Flow::push`].
    #[must_use]
    pub fn pull(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        let mut log_det = x.clone().narrow(1, 0, 1).zeros_like().squeeze_dim(1);
        let mut z = x;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let (next, log_step) = layer.pull(z, context);
            (z, log_det) = (next, log_det + log_step);
            if self.reverses(k) {
                z = linear::reversed(z).0;
            }
        }
        (z, log_det)
    }

    /// `log p(x | c) = log N(T⁻¹(x); 0, I) + log |det ∂T⁻¹/∂x|`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n]`.
    #[must_use]
    pub fn log_prob(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<1> {
        let (z, log_det) = self.pull(x, context);
        Gaussian::standard(self.dim).log_prob(z) + log_det
    }

    /// The map with the context bound: one row for all, or one for each point.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> GivenFlow<'_> {
        GivenFlow { flow: self, context }
    }
}

/// A [`Flow`] with its context bound.
#[derive(Clone, Debug)]
pub struct GivenFlow<'a> {
    flow: &'a Flow,
    context: Option<Tensor<2>>,
}

impl PushForward for GivenFlow<'_> {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        self.flow.push(z, self.context.as_ref()).0
    }
}

impl Invertible for GivenFlow<'_> {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        self.flow.pull(x, self.context.as_ref())
    }
}
