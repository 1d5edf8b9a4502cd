//! Sums of drifts and noises, made in one pass.

use super::increment::Scaled;
use super::{Increment, Span};
use crate::dynamics::Diffusion;
use burn::tensor::Tensor;
use transport_kernels::combination::{Factor, combine};

/// `Σ wᵢ kᵢ`, not yet added up. What is a number for all rows (a step, a scalar `b`) goes into the
/// weights; what is not is multiplied first.
#[derive(Debug, Default)]
pub(super) struct Terms {
    weights: Vec<f64>,
    terms: Vec<Tensor<2>>,
}

impl Terms {
    /// `+ c k`.
    pub(super) fn plus(mut self, c: f64, k: Tensor<2>) -> Self {
        self.weights.push(c);
        self.terms.push(k);
        self
    }

    /// `+ c h a`.
    pub(super) fn drift(self, span: Span<'_>, c: f64, a: Tensor<2>) -> Self {
        match span {
            Span::Same { h, .. } => self.plus(c * h, a),
            Span::Each { .. } => self.plus(c, span.times_h(a, 1.0)),
        }
    }

    /// `+ c v`.
    pub(super) fn multiple(self, c: f64, v: &Scaled) -> Self {
        self.plus(c * v.factor, v.values.clone())
    }

    /// `+ c b w`.
    pub(super) fn noise(self, b: &Diffusion, c: f64, w: &Scaled) -> Self {
        match b {
            Diffusion::Scalar(b) => self.multiple(c * b, w),
            b => self.plus(c * w.factor, b.clone().apply(w.values.clone())),
        }
    }

    /// `+ b₀ ΔW + (b₁ − b₀)(½ ΔW − H)`: what a `b(t)` that is straight over the step makes of a
    /// path.
    pub(super) fn straight(self, b: [&Diffusion; 2], path: &Increment) -> Self {
        let (w, h) = (path.w(), path.h());
        match b {
            [Diffusion::Scalar(b0), Diffusion::Scalar(b1)] if b0 == b1 => self.multiple(*b0, w),
            [Diffusion::Scalar(b0), Diffusion::Scalar(b1)] => {
                self.multiple(0.5 * (b0 + b1), w).multiple(b0 - b1, h)
            }
            [b0, b1] => {
                self.noise(b0, 0.5, w).noise(b1, 0.5, w).noise(b0, 1.0, h).noise(b1, -1.0, h)
            }
        }
    }

    /// The sum, added onto `x`.
    ///
    /// # Shapes
    /// `x` and each term: `[n, d]`.
    pub(super) fn onto(self, x: &Tensor<2>) -> Tensor<2> {
        combine(Some(x), Factor::Same(1.0), &self.weights, &self.terms)
    }

    /// The sum.
    pub(super) fn sum(self) -> Tensor<2> {
        combine(None, Factor::Same(1.0), &self.weights, &self.terms)
    }
}
