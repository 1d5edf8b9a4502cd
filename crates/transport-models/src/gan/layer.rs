//! One linear layer of a network on rows: dense, or a convolution of planes.

use super::batch_norm::{BatchNorm, Moments};
use super::spectral::{Operator, Spectral};
use crate::net::{Conv, Dense, Kernel};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// `A x + b` on rows; a convolution reads a row as planes.
#[derive(Module, Debug)]
pub enum Linear {
    /// Every output sees every input.
    Dense(Dense),
    /// A convolution.
    Conv(Planar),
}

/// A [`Conv`] on rows `[n, channels · height · width]`.
#[derive(Module, Debug)]
pub struct Planar {
    conv: Conv,
    #[module(skip)]
    inputs: [usize; 3],
}

impl Planar {
    /// A convolution of planes of shape `inputs` = `[channels, height, width]`.
    #[must_use]
    pub fn new(
        inputs: [usize; 3],
        outputs: usize,
        kernel: Kernel,
        gain: f64,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        Self { conv: Conv::new(inputs[0], outputs, kernel, gain, noise, space), inputs }
    }

    fn planes(&self, x: Tensor<2>) -> Tensor<4> {
        let ([n, _], [channels, height, width]) = (x.dims(), self.inputs);
        x.reshape([n, channels, height, width])
    }

    /// `K ∗ x + b`.
    ///
    /// # Shapes
    /// `x`: `[n, channels · height · width]`; returns `[n, outputs · height' · width']`.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.conv.forward(self.planes(x)).flatten(1, 3)
    }

    /// The inputs' shape, `[channels, height, width]`.
    #[must_use]
    pub fn inputs(&self) -> [usize; 3] {
        self.inputs
    }

    /// The outputs' shape, `[channels, height, width]`.
    #[must_use]
    pub fn outputs(&self) -> [usize; 3] {
        self.conv.planes_after(self.inputs)
    }
}

impl Operator for Planar {
    fn apply(&self, v: Tensor<2>) -> Tensor<2> {
        self.conv.tangent(self.planes(v)).flatten(1, 3)
    }

    fn adjoint(&self, u: Tensor<2>) -> Tensor<2> {
        let (n, [channels, height, width]) = (u.dims()[0], self.outputs());
        let planes = u.reshape([n, channels, height, width]);
        self.conv.adjoint(planes, [self.inputs[1], self.inputs[2]]).flatten(1, 3)
    }
}

impl Operator for Dense {
    fn apply(&self, v: Tensor<2>) -> Tensor<2> {
        self.tangent(v)
    }

    fn adjoint(&self, u: Tensor<2>) -> Tensor<2> {
        u.matmul(self.jacobian().transpose())
    }
}

impl Operator for Linear {
    fn apply(&self, v: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(map) => map.apply(v),
            Self::Conv(map) => map.apply(v),
        }
    }

    fn adjoint(&self, u: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(map) => map.adjoint(u),
            Self::Conv(map) => map.adjoint(u),
        }
    }
}

impl Linear {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(map) => map.forward(x),
            Self::Conv(map) => map.forward(x),
        }
    }
}

/// What keeps a layer's outputs in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalisation {
    /// Nothing.
    None,
    /// The operator is divided by its norm, see [`Spectral`].
    Spectral,
    /// The outputs are standardised over the batch, see [`BatchNorm`].
    Batch,
}

/// A [`Linear`] map, normalised or not: `A x/σ + b`, or `A x + b` standardised.
#[derive(Module, Debug)]
pub struct Layer {
    map: Linear,
    spectral: Option<Spectral>,
    norm: Option<BatchNorm>,
}

impl Layer {
    /// A dense layer.
    #[must_use]
    pub fn dense(
        [inputs, outputs]: [usize; 2],
        gain: f64,
        normalisation: Normalisation,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let map = Linear::Dense(Dense::new(inputs, outputs, gain, noise, space));
        Self::around(map, inputs, outputs, normalisation, noise, space)
    }

    /// A convolution.
    #[must_use]
    pub fn planar(map: Planar, normalisation: Normalisation, noise: &Noise, space: &Space) -> Self {
        let (inputs, channels) = (map.inputs.iter().product(), map.outputs()[0]);
        Self::around(Linear::Conv(map), inputs, channels, normalisation, noise, space)
    }

    fn around(
        map: Linear,
        inputs: usize,
        channels: usize,
        normalisation: Normalisation,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let spectral = (normalisation == Normalisation::Spectral)
            .then(|| Spectral::new(&map, inputs, noise, space));
        let norm = (normalisation == Normalisation::Batch).then(|| BatchNorm::new(channels, space));
        Self { map, spectral, norm }
    }

    /// One power iteration further.
    #[must_use]
    pub fn iterated(self) -> Self {
        let spectral = self.spectral.map(|s| s.iterated(&self.map));
        Self { spectral, ..self }
    }

    /// The operator's norm as the layer sees it: `‖A‖` from below, or nothing without it.
    #[must_use]
    pub fn norm(&self) -> Option<Tensor<2>> {
        self.spectral.as_ref().map(|s| s.norm(&self.map))
    }

    /// `x/σ`: the operator is linear, so that dividing what it reads divides it.
    fn divided(&self, x: Tensor<2>) -> Tensor<2> {
        match self.norm() {
            Some(norm) => x / norm,
            None => x,
        }
    }

    /// `A x/σ + b`, before any standardising.
    #[must_use]
    pub fn linear(&self, x: Tensor<2>) -> Tensor<2> {
        self.map.forward(self.divided(x))
    }

    /// The outputs standardised over the batch, if that is how the layer is normalised.
    #[must_use]
    pub fn standardised(&self, x: Tensor<2>) -> Tensor<2> {
        match &self.norm {
            Some(norm) => norm.forward(x, Moments::Batch),
            None => x,
        }
    }

    /// `Aᵀ g/σ`: gradients from outputs to inputs.
    ///
    /// # Panics
    /// When the layer is standardised over the batch: a row of its output then has a gradient in
    /// every row of its input.
    #[must_use]
    pub fn pull_back(&self, g: Tensor<2>) -> Tensor<2> {
        assert!(self.norm.is_none(), "a batch norm has no gradient row by row");
        self.map.adjoint(self.divided(g))
    }
}
