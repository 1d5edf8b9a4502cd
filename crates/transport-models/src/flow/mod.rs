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
//! | [`autoregressive`] | each coordinate is moved by those before it (MAF, RQ-NSF (AR), IAF) |
//! | [`residual`] | the identity plus a contraction |
//! | [`actnorm`], [`linear`] | scale and shift; `W = LU`; reversal |
//! | [`permutation`], [`angles`] | a fixed order of the coordinates; states as angles |
//! | `continuous` | the flow of a learned velocity ([`ContinuousFlow`]) |
//! | [`image`] | flows of images at several scales (Glow, RealNVP) |
//!
//! [`reference`](mod@reference) holds what is pushed forward, [`config`] what can be composed.
//!
//! # References
//! Papamakarios, Nalisnick, Rezende, Mohamed & Lakshminarayanan (2021), "Normalizing flows for
//! probabilistic modeling and inference".

pub mod actnorm;
pub mod angles;
pub mod autoregressive;
mod circular;
pub mod config;
mod continuous;
pub mod coupling;
pub mod element;
mod given;
pub mod image;
mod layer;
pub mod linear;
pub mod permutation;
mod plain;
pub mod power_series;
pub mod reference;
pub mod residual;
pub mod spline;

pub use actnorm::ActNorm;
pub use angles::Angles;
pub use autoregressive::Autoregressive;
pub use config::{FlowConfig, FlowError, Reading};
pub use continuous::{ContinuousFlow, NegativeLogLikelihood, Penalties, Velocity};
pub use coupling::Coupling;
pub use element::Element;
pub use given::{Estimated, GivenFlow};
pub use layer::Layer;
pub use linear::LuLinear;
pub use permutation::Permutation;
pub use reference::{Base, Drawn, Reference};
pub use residual::{LogDet, Residual};

use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Noise, Space};

/// A normalizing flow.
///
/// From reference to data, a block is
///
/// | reference | block |
/// |---|---|
/// | on everything | transform, linear, actnorm |
/// | on everything, residual | transform, actnorm |
/// | on the splines' box | transform, and after every other one a random permutation |
///
/// A coupling's halves swap from block to block; an autoregressive flow reverses the coordinates
/// before each further block. Angles are brought to the states' units last.
#[derive(Module, Debug)]
pub struct Flow {
    layers: Vec<Layer>,
    base: Base,
    #[module(skip)]
    dim: usize,
    /// Layers on whose reference's side the coordinates are reversed.
    #[module(skip)]
    reversed: Vec<usize>,
}

/// A point that a bounded law cannot have made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outside {
    /// The row.
    pub row: usize,
    /// The coordinate.
    pub column: usize,
    /// Its value.
    pub value: f64,
    /// The interval that the law lives on there.
    pub interval: (f64, f64),
}

/// Rounding of states that are data in other units.
const ROUNDING: f64 = 1e-5;

impl Flow {
    /// A flow on `dim` coordinates with `context` columns of context (0 for none).
    ///
    /// # Errors
    /// [`FlowError`] when the configuration is not an invertible map of `dim` coordinates.
    pub fn new(
        config: &FlowConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, FlowError> {
        config.check(dim)?;
        let noise = noise.purpose("init");
        let base = Base::new(config, dim, &noise, space);
        let bounded = base.half_width().is_some();
        let reverses = matches!(config.reading, Reading::Autoregressive | Reading::Inverse);
        let (mut layers, mut reversed) = (Vec::with_capacity(3 * config.layers), Vec::new());
        for k in 0..config.layers {
            let noise = noise.purpose(&format!("layer.{k}"));
            // A random order could undo the reversal: they take turns.
            if reverses && k > 0 && (k % 2 == 1 || !bounded) {
                reversed.push(layers.len());
            }
            layers.push(Layer::transform(config, k, dim, context, &noise, space));
            if !bounded {
                if config.reading != Reading::Residual {
                    layers.push(Layer::Linear(LuLinear::new(dim, space)));
                }
                layers.push(Layer::ActNorm(ActNorm::new(dim, space)));
            } else if k % 2 == 1 && k + 1 < config.layers {
                layers.push(Layer::Permutation(Permutation::random(dim, &noise, space)));
            }
        }
        if matches!(config.element, Element::Circular { .. }) {
            layers.push(Layer::Angles(Angles::new(dim, space)));
        }
        Ok(Self { layers, base, dim, reversed })
    }

    /// The reference.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The layers, from reference to data.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Whether the coordinates are reversed on the reference's side of layer `k`.
    fn reverses(&self, k: usize) -> bool {
        self.reversed.contains(&k)
    }

    /// The flow whose states `x` are the angles `x s + m`; a flow without angles stays as it is.
    ///
    /// # Panics
    /// When there is not one scale and one shift for each coordinate.
    #[must_use]
    pub fn of_angles(mut self, scale: &[f64], shift: &[f64], space: &Space) -> Self {
        assert_eq!(scale.len(), self.dim, "a scale for each coordinate");
        if let Some(Layer::Angles(layer)) = self.layers.last_mut() {
            *layer = Angles::scaled(scale, shift, space);
        }
        self
    }

    /// Whether its states are angles.
    #[must_use]
    pub fn has_angles(&self) -> bool {
        matches!(self.layers.last(), Some(Layer::Angles(_)))
    }

    /// The first point that the flow's law cannot have made: a flow of a bounded reference lives on
    /// a box, and its density is 0 outside.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn outside(&self, x: &Tensor<2>) -> Option<Outside> {
        let half = self.base.half_width()?;
        let support = match self.layers.last() {
            Some(Layer::Angles(layer)) => layer.support(),
            _ => vec![(-half, half); self.dim],
        };
        let find = |(k, value): (usize, f64)| {
            let (row, column) = (k.div_euclid(self.dim), k % self.dim);
            let (a, b) = support[column];
            let (low, high) = (a.min(b), a.max(b));
            let slack = ROUNDING * (high - low);
            let holds = (low - slack..=high + slack).contains(&value);
            (!holds).then_some(Outside { row, column, value, interval: (low, high) })
        };
        to_host(x.clone()).into_iter().enumerate().find_map(find)
    }

    /// The flow with each [`ActNorm`] started from what `x` is when it gets there.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, n ≥ 2; `context`: `[n, c]`.
    #[must_use]
    pub fn started(mut self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Self {
        // The determinants on the way are not looked at: the cheap ones will do.
        let noise = Noise::new(0, x.dims()[0]);
        let mut x = x;
        for k in (0..self.layers.len()).rev() {
            if let Layer::ActNorm(layer) = &self.layers[k] {
                self.layers[k] = Layer::ActNorm(layer.clone().started(&x));
            }
            x = self.layers[k].pull(x, context, LogDet::Estimate(&noise)).0;
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
        self.pull_by(x, context, LogDet::Exact)
    }

    fn pull_by(
        &self,
        x: Tensor<2>,
        context: Option<&Tensor<2>>,
        how: LogDet<'_>,
    ) -> (Tensor<2>, Tensor<1>) {
        let mut log_det = x.clone().narrow(1, 0, 1).zeros_like().squeeze_dim(1);
        let mut z = x;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let noise = how.noise().map(|noise| noise.purpose(&format!("layer.{k}")));
            let (next, log_step) = layer.pull(z, context, how.with(noise.as_ref()));
            (z, log_det) = (next, log_det + log_step);
            if self.reverses(k) {
                z = linear::reversed(z).0;
            }
        }
        (z, log_det)
    }

    /// `log p(x | c) = log p₀(T⁻¹(x)) + log |det ∂T⁻¹/∂x|`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n]`.
    #[must_use]
    pub fn log_prob(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<1> {
        self.log_prob_by(x, context, LogDet::Exact)
    }

    /// [`Flow::log_prob`], with an unbiased estimate of the log-determinants that are dear: those
    /// of residual layers. What a training step evaluates.
    ///
    /// # Shapes
    /// As [`Flow::log_prob`]; a noise in `how` names the rows.
    #[must_use]
    pub fn log_prob_by(
        &self,
        x: Tensor<2>,
        context: Option<&Tensor<2>>,
        how: LogDet<'_>,
    ) -> Tensor<1> {
        let (z, log_det) = self.pull_by(x, context, how);
        self.base.log_prob(z) + log_det
    }

    /// Points of the flow's law and their log-density, as functions of its parameters.
    ///
    /// # Shapes
    /// `context`: `[n, c]` or `[1, c]`, `n` the samples of `noise`; returns `[n, d]` and `[n]`.
    #[must_use]
    pub fn draw(&self, noise: &Noise, context: Option<&Tensor<2>>, space: &Space) -> Sampled {
        let Drawn { z, log_weight } = self.base.draw(&noise.purpose("reference"), space);
        let log_base = self.base.log_prob(z.clone());
        let (x, log_det) = self.push(z, context);
        Sampled { x, log_prob: log_base - log_det, log_weight }
    }

    /// Points of the flow's law.
    ///
    /// # Shapes
    /// As [`Flow::draw`].
    #[must_use]
    pub fn sample(&self, noise: &Noise, context: Option<&Tensor<2>>, space: &Space) -> Tensor<2> {
        self.push(self.base.draw(&noise.purpose("reference"), space).z, context).0
    }

    /// The map with the context bound: one row for all, or one for each point.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> GivenFlow<'_> {
        GivenFlow { flow: self, context }
    }
}

/// Points of a flow's law, as functions of its parameters.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// The points, `[n, d]`.
    pub x: Tensor<2>,
    /// Their log-density, `[n]`.
    pub log_prob: Tensor<1>,
    /// As [`Drawn::log_weight`].
    pub log_weight: Option<Tensor<1>>,
}
