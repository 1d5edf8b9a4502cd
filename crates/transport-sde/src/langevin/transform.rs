//! Transforms of `ℝᵏ` onto constrained parameters.

use super::TransformError;
use burn::tensor::{
    Tensor,
    activation::{sigmoid, softmax},
};

/// A map from free coordinates `u` onto a block of constrained parameters `x`.
///
/// ```text
/// Real       x = u                               log|J| = 0
/// Above(a)   x = a + eᵘ                          log|J| = u
/// Below(b)   x = b − eᵘ                          log|J| = u
/// Between    x = a + (b − a) σ(u)                log|J| = log(b − a) + log σ(u) + log σ(−u)
/// Ordered    x₁ = u₁, xₖ = xₖ₋₁ + e^{uₖ}         log|J| = Σ_{k ≥ 2} uₖ
/// Simplex    x = softmax(u, 0), K values         log|J| = Σ log xₖ
/// ```
///
/// On a simplex the density is taken with respect to the first `K − 1` values.
///
/// # References
/// Carpenter et al. (2017), "Stan", §reference manual, constraint transforms; Aitchison (1986) for
/// the additive log-ratio on the simplex.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Transform {
    /// A block of unconstrained parameters.
    Real(usize),
    /// One parameter above a bound; `Above(0.0)` is a positive one.
    Above(f64),
    /// One parameter below a bound.
    Below(f64),
    /// One parameter inside an interval.
    Between(f64, f64),
    /// A block of increasing parameters.
    Ordered(usize),
    /// A block of positive parameters that sum to 1, with one free coordinate fewer.
    Simplex(usize),
}

impl Transform {
    /// One positive parameter.
    pub const POSITIVE: Self = Self::Above(0.0);

    /// The number of parameters.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Real(k) | Self::Ordered(k) | Self::Simplex(k) => *k,
            Self::Above(_) | Self::Below(_) | Self::Between(..) => 1,
        }
    }

    /// The number of free coordinates.
    #[must_use]
    pub fn free(&self) -> usize {
        match self {
            Self::Simplex(k) => k - 1,
            _ => self.width(),
        }
    }

    pub(super) fn check(&self, index: usize) -> Result<(), TransformError> {
        let (low, high) = match *self {
            Self::Above(a) => (a, f64::MAX),
            Self::Below(b) => (f64::MIN, b),
            Self::Between(a, b) => (a, b),
            _ => (0.0, 1.0),
        };
        if !(low < high && low.is_finite() && high.is_finite()) {
            return Err(TransformError::Bounds { low, high });
        }
        let least = if matches!(self, Self::Simplex(_) | Self::Ordered(_)) { 2 } else { 1 };
        let width = self.width();
        if width < least { Err(TransformError::Width { index, width, least }) } else { Ok(()) }
    }

    /// `x(u)` and `log|J(u)|`.
    ///
    /// # Shapes
    /// `u`: `[n, free]`; returns `[n, width]` and `[n, 1]`.
    #[must_use]
    pub fn forward(&self, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        match *self {
            Self::Real(_) => (u.clone(), u.narrow(1, 0, 1).zeros_like()),
            Self::Above(a) => (u.clone().exp().add_scalar(a), u),
            Self::Below(b) => (u.clone().exp().neg().add_scalar(b), u),
            Self::Between(a, b) => {
                // log σ(u) + log σ(−u) = −|u| − 2 log(1 + e^{−|u|}), without overflow.
                let size = u.clone().abs();
                let spread = size.clone().neg().exp().log1p().mul_scalar(2.0);
                (
                    sigmoid(u).mul_scalar(b - a).add_scalar(a),
                    (size + spread).neg().add_scalar((b - a).ln()),
                )
            }
            Self::Ordered(k) => {
                let steps = u.clone().narrow(1, 1, k - 1);
                let jumps = Tensor::cat(vec![u.narrow(1, 0, 1), steps.clone().exp()], 1);
                (jumps.cumsum(1), steps.sum_dim(1))
            }
            Self::Simplex(_) => {
                let x = softmax(with_zero(u), 1);
                (x.clone(), x.log().sum_dim(1))
            }
        }
    }

    /// `Jᵀ g + ∇ log|J|`: a gradient in `x`, carried to `u`.
    ///
    /// # Shapes
    /// `u`: `[n, free]`, `x`, `g`: `[n, width]`; returns `[n, free]`.
    #[must_use]
    pub fn pull_back(&self, u: Tensor<2>, x: Tensor<2>, g: Tensor<2>) -> Tensor<2> {
        match *self {
            Self::Real(_) => g,
            Self::Above(_) => (g * u.exp()).add_scalar(1.0),
            Self::Below(_) => (g * u.exp()).neg().add_scalar(1.0),
            Self::Between(a, b) => {
                let p = sigmoid(u);
                let slope = p.clone() * p.clone().neg().add_scalar(1.0);
                g * slope.mul_scalar(b - a) + p.mul_scalar(-2.0).add_scalar(1.0)
            }
            Self::Ordered(k) => {
                // ∂x_j/∂u_k = e^{u_k} for j ≥ k ≥ 2: sums of g from the end.
                let sums = g.flip([1]).cumsum(1).flip([1]);
                let first = sums.clone().narrow(1, 0, 1);
                let rest = sums.narrow(1, 1, k - 1) * u.narrow(1, 1, k - 1).exp();
                Tensor::cat(vec![first, rest.add_scalar(1.0)], 1)
            }
            Self::Simplex(k) => {
                let average = (x.clone() * g.clone()).sum_dim(1);
                let whole = x.clone() * (g - average) - x.mul_scalar(k as f64);
                whole.narrow(1, 0, k - 1).add_scalar(1.0)
            }
        }
    }

    /// `u(x)`, of parameters inside their constraints.
    ///
    /// # Shapes
    /// `x`: `[n, width]`; returns `[n, free]`.
    #[must_use]
    pub fn inverse(&self, x: Tensor<2>) -> Tensor<2> {
        match *self {
            Self::Real(_) => x,
            Self::Above(a) => x.sub_scalar(a).log(),
            Self::Below(b) => x.neg().add_scalar(b).log(),
            Self::Between(a, b) => x.clone().sub_scalar(a).log() - x.neg().add_scalar(b).log(),
            Self::Ordered(k) => {
                let jumps = x.clone().narrow(1, 1, k - 1) - x.clone().narrow(1, 0, k - 1);
                Tensor::cat(vec![x.narrow(1, 0, 1), jumps.log()], 1)
            }
            Self::Simplex(k) => {
                let logs = x.log();
                logs.clone().narrow(1, 0, k - 1) - logs.narrow(1, k - 1, 1)
            }
        }
    }
}

fn with_zero(u: Tensor<2>) -> Tensor<2> {
    let zero = u.clone().narrow(1, 0, 1).zeros_like();
    Tensor::cat(vec![u, zero], 1)
}
