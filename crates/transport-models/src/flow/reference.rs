//! The laws that a flow pushes forward.

use super::spline::BOUND;
use super::{Element, FlowConfig};
use burn::module::{Module, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};
use transport_core::law::Gaussian;
use transport_core::{Density, Noise, Space};

/// The reference of a flow.
///
/// | | law | support |
/// |---|---|---|
/// | gaussian | `N(0, I)` | everything |
/// | uniform | uniform on the box that the splines act on: `[−5, 5]ᵈ`, angles `[−π, π)ᵈ` | the box |
/// | mixture | `K` equal round Gaussians `N(m_k, I)`, `m_k ~ N(0, 4 I)` drawn once | everything |
/// | learned | `K` diagonal Gaussians, weights, means and scales trained with the flow | everything |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// `N(0, I)`.
    #[default]
    Gaussian,
    /// Uniform on the splines' box: the flow's law is bounded.
    Uniform,
    /// A fixed mixture of round Gaussians.
    Mixture {
        /// The number of components `K`.
        components: usize,
    },
    /// A trained mixture of diagonal Gaussians; one component is a diagonal Gaussian.
    Learned {
        /// The number of components `K`.
        components: usize,
    },
}

impl Reference {
    /// Components of a mixture.
    pub(super) fn components(self) -> Option<usize> {
        match self {
            Self::Gaussian | Self::Uniform => None,
            Self::Mixture { components } | Self::Learned { components } => Some(components),
        }
    }
}

/// A [`Reference`] in `d` dimensions.
///
/// # Checked by
/// `tests/it/references.rs`
#[derive(Module, Debug)]
pub struct Base {
    mixture: Option<Blend>,
    #[module(skip)]
    kind: Reference,
    #[module(skip)]
    half: f64,
    #[module(skip)]
    dim: usize,
}

/// Points of the reference.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The points, `[n, d]`; functions of a learned reference's means and scales.
    pub z: Tensor<2>,
    /// `log w_k` of the component that each point comes from, `[n]`, where it is learned: the part
    /// of the law that a point is no smooth function of.
    pub log_weight: Option<Tensor<1>>,
}

impl Base {
    pub(super) fn new(config: &FlowConfig, dim: usize, noise: &Noise, space: &Space) -> Self {
        let kind = config.reference;
        let learned = matches!(kind, Reference::Learned { .. });
        let blend = |k: usize| Blend::new(k, dim, learned, &noise.purpose("reference"), space);
        let circle = matches!(config.element, Element::Circular { .. });
        let half = if circle { PI } else { BOUND };
        Self { mixture: kind.components().map(blend), kind, half, dim }
    }

    /// The half-width of the box outside which there is nothing.
    #[must_use]
    pub fn half_width(&self) -> Option<f64> {
        (self.kind == Reference::Uniform).then_some(self.half)
    }

    /// `log p₀(z)`.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; returns `[n]`.
    #[must_use]
    pub fn log_prob(&self, z: Tensor<2>) -> Tensor<1> {
        match &self.mixture {
            Some(mixture) => mixture.log_prob(z),
            None if self.kind == Reference::Uniform => self.uniform(z),
            None => Gaussian::standard(self.dim).log_prob(z),
        }
    }

    /// `−d log 2B` in the box, up to the rounding of the splines at its edge; `−∞` outside.
    fn uniform(&self, z: Tensor<2>) -> Tensor<1> {
        let slack = if z.dtype() == DType::F64 { 1e-12 } else { 1e-5 };
        let outside = z.clone().abs().max_dim(1).greater_elem(self.half * (1.0 + slack));
        let inside = z.narrow(1, 0, 1).zeros_like();
        let level = -(self.dim as f64) * (2.0 * self.half).ln();
        inside.add_scalar(level).mask_fill(outside, f64::NEG_INFINITY).squeeze_dim(1)
    }

    /// One point for each sample that `noise` names.
    #[must_use]
    pub fn draw(&self, noise: &Noise, space: &Space) -> Drawn {
        match &self.mixture {
            Some(mixture) => mixture.draw(noise, space),
            None if self.kind == Reference::Uniform => {
                let at = |u: f64| self.half * (2.0 * u - 1.0);
                let values = noise.uniform_values(self.dim).into_iter().map(at).collect();
                Drawn { z: space.tensor(values, [noise.len(), self.dim]), log_weight: None }
            }
            None => Drawn { z: noise.normal(self.dim, space), log_weight: None },
        }
    }
}

/// `p₀(z) = Σ_k w_k N(z; m_k, diag s_k²)`, `w = softmax(ℓ)`.
#[derive(Module, Debug)]
struct Blend {
    logits: Param<Tensor<1>>,
    means: Param<Tensor<2>>,
    log_stds: Param<Tensor<2>>,
    #[module(skip)]
    learned: bool,
}

impl Blend {
    /// Means of spread 2, which leaves the components apart; a learned one starts at `N(0, I)` when
    /// it is alone and at spread 1 otherwise.
    fn new(k: usize, d: usize, learned: bool, noise: &Noise, space: &Space) -> Self {
        let spread = match (learned, k) {
            (false, _) => 2.0,
            (true, 1) => 0.0,
            (true, _) => 1.0,
        };
        let means = noise.purpose("means").resized(k).normal_values(d);
        let means = means.into_iter().map(|m| spread * m).collect();
        Self {
            logits: Param::from_tensor(space.tensor(vec![0.0; k], [k])),
            means: Param::from_tensor(space.tensor(means, [k, d])),
            log_stds: Param::from_tensor(space.tensor(vec![0.0; k * d], [k, d])),
            learned,
        }
    }

    /// `log w` `[1, k]`, `m` and `log s` `[k, d]`: constants unless they are learned.
    fn parameters(&self) -> (Tensor<2>, Tensor<2>, Tensor<2>) {
        let log_w = log_softmax(self.logits.val().unsqueeze_dim::<2>(0), 1);
        let all = (log_w, self.means.val(), self.log_stds.val());
        if self.learned { all } else { (all.0.detach(), all.1.detach(), all.2.detach()) }
    }

    fn log_prob(&self, z: Tensor<2>) -> Tensor<1> {
        let (log_w, means, log_stds) = self.parameters();
        let ([n, d], k) = (z.dims(), means.dims()[0]);
        let gaps = z.reshape([n, 1, d]) - means.reshape([1, k, d]);
        let scaled = gaps * log_stds.clone().neg().exp().reshape([1, k, d]);
        let square = scaled.powi_scalar(2).sum_dim(2).reshape([n, k]).mul_scalar(-0.5);
        let log_det = log_stds.sum_dim(1).reshape([1, k]);
        let joint = square - log_det + log_w;
        let top = joint.clone().max_dim(1).detach();
        let sum = (joint - top.clone()).exp().sum_dim(1).log() + top;
        sum.sub_scalar(0.5 * d as f64 * TAU.ln()).squeeze_dim(1)
    }

    fn draw(&self, noise: &Noise, space: &Space) -> Drawn {
        let (log_w, means, log_stds) = self.parameters();
        let d = means.dims()[1];
        let chosen = self.choose(&log_w, noise);
        let rows = super::coupling::index(&chosen, &means);
        let z = noise.normal(d, space) * log_stds.select(0, rows.clone()).exp()
            + means.select(0, rows.clone());
        let log_weight = log_w.squeeze_dim::<1>(0).select(0, rows);
        Drawn { z, log_weight: self.learned.then_some(log_weight) }
    }

    /// A component for each sample.
    fn choose(&self, log_w: &Tensor<2>, noise: &Noise) -> Vec<usize> {
        let weights = transport_core::device::to_host(log_w.clone().detach().exp());
        let component = |mut u: f64| {
            let found = weights.iter().position(|w| {
                u -= w;
                u < 0.0
            });
            found.unwrap_or(weights.len() - 1)
        };
        noise.purpose("component").uniform_values(1).into_iter().map(component).collect()
    }
}
