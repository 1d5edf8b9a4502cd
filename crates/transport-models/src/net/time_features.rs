//! What a network is told of the time.

use super::{Dense, Dual, Embedding};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use transport_core::{Noise, Space, Times};

/// Features of a time.
///
/// ```text
/// geometric    the sines and cosines of Embedding: for clocks about [0, 1], and for ¼ ln σ
/// positional   sin ω_k τ, cos ω_k τ,     τ = steps · t,  ω_k = 10000^{−k/(K − shift)},  k = 0 … K − 1
/// Fourier      sin 2π w_k τ, cos 2π w_k τ,   τ = t or ln t,  w_k ~ N(0, scale²), drawn once
/// ```
///
/// # References
/// Vaswani et al. (2017), §3.5; Tancik et al. (2020), "Fourier features let networks learn high
/// frequency functions in low dimensional domains"; Song et al. (2021), appendix H, with ln t.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeFeatures {
    /// [`Embedding`].
    Geometric,
    /// Transformers' encoding of positions.
    Positional {
        /// What one unit of the clock is worth: 1 for a time that counts steps.
        steps: f64,
        /// Whether cosines come first.
        cosines_first: bool,
        /// Taken off the number of frequencies in the exponent.
        shift: f64,
    },
    /// Random frequencies, kept with the weights.
    Fourier {
        /// The standard deviation of a frequency.
        scale: f64,
        /// Whether it is the logarithm of the time that turns.
        log: bool,
        /// Whether cosines come first.
        cosines_first: bool,
    },
}

const LONGEST: f64 = 10_000.0;

impl TimeFeatures {
    /// The number of features that a network of this base width is given.
    #[must_use]
    pub fn count(self, base: usize) -> usize {
        match self {
            Self::Geometric => 2 * (base >> 1),
            Self::Positional { .. } => base,
            Self::Fourier { .. } => 2 * base,
        }
    }
}

/// [`TimeFeatures`] for a network of some base width, with the frequencies that were drawn.
#[derive(Module, Debug)]
pub struct TimeProjection {
    weight: Option<Param<Tensor<1>>>,
    #[module(skip)]
    features: TimeFeatures,
    #[module(skip)]
    base: usize,
}

impl TimeProjection {
    /// The features of a network of width `base`.
    #[must_use]
    pub fn new(features: TimeFeatures, base: usize, noise: &Noise, space: &Space) -> Self {
        let draw = |scale: f64| {
            let values = noise.purpose("frequencies").resized(1).normal_values(base);
            let values = values.into_iter().map(|w| scale * w).collect();
            Param::from_tensor(space.tensor(values, [base]))
        };
        let weight = match features {
            TimeFeatures::Fourier { scale, .. } => Some(draw(scale)),
            _ => None,
        };
        Self { weight, features, base }
    }

    /// `φ(t)`, `[1, features]` for one time and `[n, features]` for one per row.
    #[must_use]
    pub fn forward(&self, t: Times<'_>, space: &Space) -> Tensor<2> {
        match (self.features, &self.weight) {
            (TimeFeatures::Positional { steps, cosines_first, shift }, _) => {
                let half = self.base >> 1;
                let rate = |k: usize| LONGEST.powf(-(k as f64) / (half as f64 - shift));
                let phases = |t: &f64| (0..half).map(|k| steps * t * rate(k)).collect::<Vec<_>>();
                let times = listed(&t);
                let phases = times.iter().flat_map(phases).collect();
                let pad = self.base - 2 * half;
                turned(phases, [times.len(), half], cosines_first, pad, space)
            }
            (TimeFeatures::Fourier { log, cosines_first, .. }, Some(weight)) => {
                let rates = transport_core::device::to_host(weight.val().inner());
                let turns = |t: &f64| TAU * if log { t.ln() } else { *t };
                let phases = |t: &f64| rates.iter().map(|w| w * turns(t)).collect::<Vec<_>>();
                let times = listed(&t);
                let phases = times.iter().flat_map(phases).collect();
                turned(phases, [times.len(), self.base], cosines_first, 0, space)
            }
            _ => Embedding { frequencies: self.base >> 1 }.forward(t, space),
        }
    }
}

fn listed<'a>(t: &'a Times<'_>) -> &'a [f64] {
    match t {
        Times::Same(t) => std::slice::from_ref(t),
        Times::Each(times) => times,
    }
}

/// The sines and the cosines of phases, row by row, then `pad` zeros: phases in f64.
fn turned(
    phases: Vec<f64>,
    [rows, columns]: [usize; 2],
    cosines_first: bool,
    pad: usize,
    space: &Space,
) -> Tensor<2> {
    let mut values = Vec::with_capacity(rows * (2 * columns + pad));
    for row in phases.chunks_exact(columns) {
        let (sin, cos) = (row.iter().map(|p| p.sin()), row.iter().map(|p| p.cos()));
        if cosines_first {
            values.extend(cos.chain(sin));
        } else {
            values.extend(sin.chain(cos));
        }
        values.extend(std::iter::repeat_n(0.0, pad));
    }
    space.tensor(values, [rows, 2 * columns + pad])
}

/// Features of the time, through two layers.
///
/// ```text
/// e = silu(φ W₁ + b₁) W₂ + b₂
/// ```
#[derive(Module, Debug)]
pub struct TimeEmbedding {
    linear_1: Dense,
    linear_2: Dense,
}

impl TimeEmbedding {
    /// From `inputs` features to `outputs`.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize, noise: &Noise, space: &Space) -> Self {
        Self {
            linear_1: Dense::new(inputs, outputs, 1.0, &noise.purpose("linear_1"), space),
            linear_2: Dense::new(outputs, outputs, 1.0, &noise.purpose("linear_2"), space),
        }
    }

    /// `e`.
    ///
    /// # Shapes
    /// `features`: `[n, inputs]`; returns `[n, outputs]`.
    #[must_use]
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let first = Dual::from(self.linear_1.forward(features));
        self.linear_2.forward(first.silu().value)
    }

    /// Whether gradients of the weights are tracked.
    #[must_use]
    pub fn tracked(&self) -> bool {
        self.linear_1.jacobian().device().is_autodiff()
    }
}
