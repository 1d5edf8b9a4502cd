//! Increasing functions of one variable, whose parameters a network gives.

use super::circular;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_kernels::composed::monotone::elements;
use transport_kernels::{Monotone, Way};

/// An increasing map `ℝ → ℝ` applied to each coordinate with parameters of its own.
///
/// | | `z = f⁻¹(x; θ)`, from data to reference | parameters |
/// |---|---|---|
/// | additive | `x + θ₁` | 1 |
/// | affine | `x exp(a) + θ₂`, `a = θ₁/(1 + abs(θ₁)/ln 100)` | 2 |
/// | spline | a rational-quadratic spline on `[−B, B]`, the identity outside | `3K − 1` |
/// | circular | a rational-quadratic spline on the circle `[−π, π)` | `3K + 1` |
///
/// θ = 0 is the identity. The way that likelihoods take is the explicit one; the other solves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Element {
    /// A shift (NICE).
    Additive,
    /// A scale and a shift (RealNVP, MAF). The scale stays within 10^±2, so that no layer can
    /// overflow.
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

    /// The map from data to reference, where it has a kernel.
    pub(super) fn monotone(self) -> Option<Monotone> {
        match self {
            Self::Additive => Some(Monotone::Shift),
            Self::Affine => Some(Monotone::Affine),
            Self::Spline { bins } => Some(Monotone::Spline { bins }),
            Self::Circular { .. } => None,
        }
    }

    /// What the outputs of a plain network start from: splines from the identity, affine maps a
    /// little away from it.
    pub(super) fn plain_gain(self) -> f64 {
        if matches!(self, Self::Affine) { 1.0 } else { 0.0 }
    }

    /// `f(z; θ)` and `log f′(z; θ)`.
    ///
    /// # Shapes
    /// `z`: `[n, m]`; `theta`: `[n, m, p]` or `[1, m, p]`; returns two `[n, m]`.
    #[must_use]
    pub fn push(self, z: Tensor<2>, theta: Tensor<3>) -> (Tensor<2>, Tensor<2>) {
        match self {
            Self::Additive => elements(Monotone::Shift, Way::Back, z, theta),
            Self::Affine => elements(Monotone::Affine, Way::Back, z, theta),
            Self::Spline { bins } => elements(Monotone::Spline { bins }, Way::Back, z, theta),
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
            Self::Additive => elements(Monotone::Shift, Way::Along, x, theta),
            Self::Affine => elements(Monotone::Affine, Way::Along, x, theta),
            Self::Spline { bins } => elements(Monotone::Spline { bins }, Way::Along, x, theta),
            Self::Circular { bins } => circular::pull(x, theta, bins),
        }
    }
}
