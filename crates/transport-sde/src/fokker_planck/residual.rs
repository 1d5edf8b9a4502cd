//! What is left of the equation, point by point.

use super::current::current;
use super::difference::{along, derivative};
use super::moving::MovingLaw;
use crate::dynamics::Sde;
use burn::tensor::Tensor;
use transport_core::{Field, Jvp, Times};

/// `∂ₜq + ∇·j`: zero where the law is that of the SDE.
///
/// The time derivative is of the density alone and the current is made of drift, noise and score,
/// so an error in any of them shows. Both derivatives are eighth-order differences: f64, and `t` at
/// least 1/64 inside the law's clock.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n]`.
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs`
#[must_use]
pub fn density_residual(law: &dyn MovingLaw, sde: &dyn Sde, x: &Tensor<2>, t: f64) -> Tensor<1> {
    let mut total = derivative(|h| law.log_prob(x.clone(), t + h).exp());
    for i in 0..x.dims()[1] {
        let component = |h: f64| current(law, sde, along(x, i, h), t).narrow(1, i, 1);
        total = total + derivative(component).squeeze_dim(1);
    }
    total
}

/// `∂ₜ log q + ∇·v + v·∇ log q`, the continuity equation divided by `q`: zero where the velocity
/// carries the law.
///
/// The divergence is the field's own; wrap a field without one in [`super::Differenced`].
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n]`.
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs`
#[must_use]
pub fn continuity_residual(
    law: &dyn MovingLaw,
    velocity: &impl Jvp,
    x: &Tensor<2>,
    t: f64,
) -> Tensor<1> {
    let change = derivative(|h| law.log_prob(x.clone(), t + h));
    change + transport_rate(velocity, law.score(x.clone(), t), x, t)
}

/// `∇·v + v·s`: the rate at which a velocity thins the density out, per unit of density.
fn transport_rate(velocity: &impl Jvp, score: Tensor<2>, x: &Tensor<2>, t: f64) -> Tensor<1> {
    let (value, divergence) = velocity.divergence(x.clone(), Times::Same(t));
    divergence + (value * score).sum_dim(1).squeeze_dim(1)
}

/// `∂ₜs + ∇(∇·v + v·s)`, the gradient of the continuity equation: zero where a velocity and a score
/// belong to one law, with no density at hand. What a learned pair is tested by. Differences of
/// differences: each nesting costs about three digits of the sixteen.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, d]`.
/// # References
/// Lai et al. (2023), "FP-Diffusion: improving score-based diffusion models by enforcing the
/// underlying score Fokker–Planck equation".
/// # Checked by
/// `tests/it/fokker_planck_residuals.rs`
#[must_use]
pub fn score_residual(velocity: &impl Jvp, score: &dyn Field, x: &Tensor<2>, t: f64) -> Tensor<2> {
    let change = derivative(|h| score.eval(x.clone(), Times::Same(t + h)));
    let slope = |i: usize| {
        derivative(|h| {
            let near = along(x, i, h);
            let score = score.eval(near.clone(), Times::Same(t));
            transport_rate(velocity, score, &near, t).unsqueeze_dim::<2>(1)
        })
    };
    change + Tensor::cat((0..x.dims()[1]).map(slope).collect(), 1)
}
