//! The light bridge's losses.

use super::conditional::Draw;
use super::matching::Paths;
use super::source::Source;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::{Space, Times};
use transport_kernels::ops;
use transport_models::bridge::LightBridge;

/// `E_x log c(x) − E_y log v(y)`: see [`LightBridge`].
///
/// # References
/// Korotin, Gushchin & Burnaev (2024), eq. 9.
/// # Checked by
/// `tests/it/bridges.rs`
#[derive(Clone, Debug)]
pub struct LightLoss {
    /// The law at `t = 0`.
    pub source: Source,
}

impl Objective<LightBridge> for LightLoss {
    type Draw = Tensor<2>;

    fn draw(&self, _model: &LightBridge, batch: &Batch) -> Tensor<2> {
        let starts = self.source.draws(&batch.noise.purpose("source"));
        Space::of(&batch.data).tensor(starts, batch.data.dims())
    }

    fn loss(&self, model: &LightBridge, batch: &Batch, starts: Tensor<2>) -> Tensor<1> {
        let n = batch.data.dims()[0];
        let gap = model.log_normaliser(starts) - model.log_potential(batch.data.clone());
        gap.sum_dim(0).reshape([1]).div_scalar(n as f64)
    }
}

/// Optimal bridge matching: the drift of the light bridge against those of Brownian bridges.
///
/// ```text
/// L = E ‖ f_θ(x_t, t) − (x₁ − x_t)/(1−t) ‖²,    (x₀, x₁) ~ any coupling of the ends
/// L/(2ε) = KL(bridge ‖ model) + const
/// ```
///
/// Over drifts of bridges alone, which [`LightBridge`] makes by construction, the minimiser is the
/// Schrödinger bridge whatever the coupling, in one fit. The constant is infinite (the noise of the
/// target is `ε t/(1−t)`), differences are not: `L/(2ε)` and [`LightLoss`] have the same ones. The
/// paths must be Brownian of variance `ε`, with no weight on the times.
///
/// # References
/// Gushchin, Kholkin, Burnaev & Korotin (2024), "Light and optimal Schrödinger bridge matching", §3.
/// # Checked by
/// `tests/it/light_matching.rs`
#[derive(Clone, Copy, Debug)]
pub struct LightMatching<P>(pub P);

impl<P: Paths> Objective<LightBridge> for LightMatching<P> {
    type Draw = Draw;

    /// Couplings take as long as a step of a small network, or longer.
    const AHEAD: bool = true;

    fn draw(&self, _model: &LightBridge, batch: &Batch) -> Draw {
        self.0.draws(batch)
    }

    fn loss(&self, model: &LightBridge, _batch: &Batch, draw: Draw) -> Tensor<1> {
        let drift = model.drift(draw.point, Times::Each(&draw.times));
        // (x₁ − x_t)/(1−t) = u_t − ½ ε z/s: the velocity and half the variance of the score.
        let score = Times::Each(&draw.spread).scale(draw.noise, |s| -s.recip());
        let target = draw.velocity + score.mul_scalar(0.5 * model.epsilon());
        ops::mean_square_error(drift, target)
    }
}
