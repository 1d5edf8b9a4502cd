//! Networks that others trained at the timesteps of a table.

use crate::net::{DdpmCnn, Pixels, UNet};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::field::implied_noise;
use transport_core::schedule::Discrete;
use transport_core::{Denoiser, Field, Prediction, Schedule, ScoredField, Times};

/// A network of images.
#[derive(Clone, Debug)]
pub enum ImageNet {
    /// Blocks of wide kernels.
    Cnn(Box<DdpmCnn>),
    /// A U-Net.
    UNet(Box<UNet>),
}

impl ImageNet {
    fn forward(&self, x: Tensor<4>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<4> {
        match self {
            Self::Cnn(net) => net.forward(x, t),
            Self::UNet(net) => net.forward(x, t, context),
        }
    }
}

/// How a network trained at timesteps is read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// What its output means.
    pub prediction: Prediction,
    /// What the network calls the first step of the table, `k = 0`.
    pub offset: f64,
    /// What one step is worth on the network's clock: 1 when it reads the number of the step.
    pub unit: f64,
    /// Diffusion samplers hold what is denoised between `−clip` and `clip`, where it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

/// A network that predicts something of `x_k = √ᾱ_k x₁ + √(1 − ᾱ_k) x₀` at the steps `k` of a
/// table, read at every time of the transport clock:
///
/// ```text
/// output(x, t) = net(x, unit · (k(t) + offset)),     k(t) = T (1 − t) − 1
/// ```
///
/// Between two steps the network is asked about a step that is no whole number, which its sinusoidal
/// features allow.
///
/// # Checked by
/// `transport-train`'s `tests/it/import.rs`
#[derive(Clone, Debug)]
pub struct Tabled {
    /// The network.
    pub net: ImageNet,
    /// How a state is an image.
    pub pixels: Pixels,
    /// The table.
    pub table: Discrete,
    /// How the network is read.
    pub reading: Reading,
}

impl Tabled {
    /// The network's output, in the basis of [`Reading::prediction`].
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n, d]`.
    #[must_use]
    pub fn output(&self, x: Tensor<2>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<2> {
        let Reading { offset, unit, .. } = self.reading;
        let clock = |t: f64| unit * (self.table.timestep(t) + offset);
        let planes = self.pixels.planes(x);
        let image = match t {
            Times::Same(t) => self.net.forward(planes, Times::Same(clock(t)), context),
            Times::Each(times) => {
                let times: Vec<f64> = times.iter().map(|t| clock(*t)).collect();
                self.net.forward(planes, Times::Each(&times), context)
            }
        };
        self.pixels.rows(image)
    }

    /// The dynamics with the context bound: one row for all, or one for each state.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> GivenTabled<'_> {
        GivenTabled { model: self, context }
    }
}

/// A [`Tabled`] with its context bound, which is what a solver integrates.
#[derive(Clone, Debug)]
pub struct GivenTabled<'a> {
    model: &'a Tabled,
    context: Option<Tensor<2>>,
}

impl GivenTabled<'_> {
    fn output(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.model.output(x, t, self.context.clone())
    }

    fn convert(&self, to: Prediction, given: Tensor<2>, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.model.reading.prediction.convert(to, given, x, t, &self.model.table)
    }

    fn pair(&self, to: [Prediction; 2], x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let output = self.output(x.clone(), t);
        let first = self.convert(to[0], output.clone(), x.clone(), t);
        (first, self.convert(to[1], output, x, t))
    }
}

impl Field for GivenTabled<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let output = self.output(x.clone(), t);
        self.convert(Prediction::Velocity, output, x, t)
    }
}

impl Denoiser for GivenTabled<'_> {
    fn schedule(&self) -> &dyn Schedule {
        &self.model.table
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let output = self.output(x.clone(), t);
        let data = self.convert(Prediction::Data, output, x, t);
        match self.model.reading.clip {
            Some(clip) => data.clamp(-clip, clip),
            None => data,
        }
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        if self.model.reading.clip.is_none() {
            return self.pair([Prediction::Data, Prediction::Noise], x, t);
        }
        let data = self.data(x.clone(), t);
        (data.clone(), implied_noise(&self.model.table, x, data, t))
    }
}

impl ScoredField for GivenTabled<'_> {
    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        _sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        self.pair([Prediction::Velocity, Prediction::Noise], x, t)
    }

    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        self.pair([Prediction::Velocity, Prediction::Score], x, t)
    }
}
