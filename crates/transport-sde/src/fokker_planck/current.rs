//! The probability current and its velocity.

use super::difference::{along, derivative};
use super::moving::MovingLaw;
use crate::dynamics::{Diffusion, Sde};
use burn::tensor::Tensor;
use transport_core::{Field, Times};

/// `b bᵀ w`, row by row.
fn apply_sigma(b: Diffusion, w: Tensor<2>) -> Tensor<2> {
    match b {
        Diffusion::Matrix(b) => {
            let across = b.clone().transpose().matmul(w.unsqueeze_dim(2));
            b.matmul(across).squeeze_dim(2)
        }
        other => other.clone().apply(other.apply(w)),
    }
}

/// `(∇·Σ)ᵢ = Σⱼ ∂ⱼ Σᵢⱼ`, by eighth-order differences in f64; exactly zero for scalar noise, which
/// does not depend on x.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, d]`.
#[must_use]
pub fn div_sigma(sde: &dyn Sde, x: &Tensor<2>, t: Times<'_>) -> Tensor<2> {
    let mut total = x.zeros_like();
    if matches!(sde.diffusion(x, t), Diffusion::Scalar(_)) {
        return total;
    }
    for j in 0..x.dims()[1] {
        let unit = along(&x.zeros_like(), j, 1.0);
        let column = |h: f64| apply_sigma(sde.diffusion(&along(x, j, h), t), unit.clone());
        total = total + derivative(column);
    }
    total
}

/// The velocity `v = j/q` of the probability current of an SDE, given the score of its law.
///
/// ```text
/// v(x, t) = a − ½ ∇·Σ − ½ Σ s(x, t)
/// ```
///
/// on the SDE's clock: the field of its probability flow, and Nelson's current velocity. The score
/// is any field: [`super::ScoreOf`] an exact law, or [`super::LearnedScore`].
///
/// # References
/// Song et al. (2021), app. D.1; Nelson (1967), §13.
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs`
#[derive(Clone, Copy)]
pub struct CurrentVelocity<'a, F> {
    /// The dynamics.
    pub sde: &'a dyn Sde,
    /// `∇ log q_t`.
    pub score: F,
}

impl<F: std::fmt::Debug> std::fmt::Debug for CurrentVelocity<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CurrentVelocity").field("score", &self.score).finish_non_exhaustive()
    }
}

impl<F: Field> Field for CurrentVelocity<'_, F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let score = self.score.eval(x.clone(), t);
        mean_force(self.sde, x.clone(), t) - half_sigma(self.sde, &x, t, score)
    }
}

/// `F = a − ½ ∇·Σ`: the velocity that the noise's own gradient does not explain.
pub(super) fn mean_force(sde: &dyn Sde, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
    let correction = div_sigma(sde, &x, t).mul_scalar(0.5);
    sde.drift(x, t) - correction
}

/// `½ Σ w`.
fn half_sigma(sde: &dyn Sde, x: &Tensor<2>, t: Times<'_>, w: Tensor<2>) -> Tensor<2> {
    apply_sigma(sde.diffusion(x, t), w).mul_scalar(0.5)
}

/// The probability current `j = a q − ½ ∇·(Σ q) = q v`.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, d]`.
#[must_use]
pub fn current(law: &dyn MovingLaw, sde: &dyn Sde, x: Tensor<2>, t: f64) -> Tensor<2> {
    let density = law.log_prob(x.clone(), t).exp().unsqueeze_dim::<2>(1);
    let velocity = CurrentVelocity { sde, score: super::ScoreOf(law) };
    velocity.eval(x, Times::Same(t)) * density
}
