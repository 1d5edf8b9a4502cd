//! Increasing functions of one variable, whose parameters a network gives.

use super::{circular, spline};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// An increasing map `ℝ → ℝ` applied to each coordinate with parameters of its own.
///
/// | | `x = f(z; θ)` | parameters |
/// |---|---|---|
/// | additive | `z + θ₁` | 1 |
/// | affine | `z exp(s) + θ₂`, `s = 3 tanh(θ₁/3)` | 2 |
/// | spline | a rational-quadratic spline on `[−B, B]`, the identity outside | `3K − 1` |
/// | circular | a rational-quadratic spline on the circle `[−π, π)` | `3K + 1` |
///
/// θ = 0 is the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Element {
    /// A shift (NICE).
    Additive,
    /// A scale and a shift (RealNVP, MAF). The logarithm of the scale stays within ±3, so that no
    /// layer can overflow.
    Affine,
    /// Monotone rational-quadratic, with `bins` pieces.
    Spline {
        /// The number of pieces `K`.
        bins: usize,
    },
    /// Monotone rational-quadratic on the circle.
    Circular {
        /// The number of pieces `K`.
        bins: usize,
    },
}

/// The largest logarithm of an affine scale.
const LOG_SCALE: f64 = 3.0;

impl Element {
    /// Parameters for each coordinate.
    #[must_use]
    pub fn parameters(self) -> usize {
        match self {
            Self::Additive => 1,
            Self::Affine => 2,
            Self::Spline { bins } => 3 * bins - 1,
            Self::Circular { bins } => circular::parameters(bins),
        }
    }

    /// What a network reads of each coordinate: an angle by its cosine and its sine.
    #[must_use]
    pub fn features(self) -> usize {
        if matches!(self, Self::Circular { .. }) { 2 } else { 1 }
    }

    /// What a network reads of `x`.
    ///
    /// # Shapes
    /// `x`: `[n, m]`; returns `[n, m · features]`, those of a coordinate side by side.
    #[must_use]
    pub fn read(self, x: Tensor<2>) -> Tensor<2> {
        if matches!(self, Self::Circular { .. }) { circular::features(x) } else { x }
    }

    /// `f(z; θ)` and `log f′(z; θ)`.
    ///
    /// # Shapes
    /// `z`: `[n, m]`; `theta`: `[n, m, p]` or `[1, m, p]`; returns two `[n, m]`.
    #[must_use]
    pub fn push(self, z: Tensor<2>, theta: Tensor<3>) -> (Tensor<2>, Tensor<2>) {
        match self {
            Self::Additive => {
                let log_slope = z.zeros_like();
                (z + column(&theta, 0), log_slope)
            }
            Self::Affine => {
                let log_scale = log_scale(&theta);
                let like = z.zeros_like();
                (z * log_scale.clone().exp() + column(&theta, 1), like + log_scale)
            }
            Self::Spline { bins } => spline::push(z, theta, bins),
            Self::Circular { bins } => circular::push(z, theta, bins),
        }
    }

    /// `f⁻¹(x; θ)` and `log (f⁻¹)′(x; θ)`.
    ///
    /// # Shapes
    /// As [`Element::push`].
    #[must_use]
    pub fn pull(self, x: Tensor<2>, theta: Tensor<3>) -> (Tensor<2>, Tensor<2>) {
        match self {
            Self::Additive => {
                let log_slope = x.zeros_like();
                (x - column(&theta, 0), log_slope)
            }
            Self::Affine => {
                let log_scale = log_scale(&theta).neg();
                let like = x.zeros_like();
                ((x - column(&theta, 1)) * log_scale.clone().exp(), like + log_scale)
            }
            Self::Spline { bins } => spline::pull(x, theta, bins),
            Self::Circular { bins } => circular::pull(x, theta, bins),
        }
    }
}

/// Parameter `k` of each coordinate, `[n, m]`.
fn column(theta: &Tensor<3>, k: usize) -> Tensor<2> {
    theta.clone().narrow(2, k, 1).squeeze_dim(2)
}

fn log_scale(theta: &Tensor<3>) -> Tensor<2> {
    column(theta, 0).div_scalar(LOG_SCALE).tanh().mul_scalar(LOG_SCALE)
}
