//! The losses of a stochastic interpolant.

use super::conditional::Draw;
use super::matching::Paths;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::Times;
use transport_kernels::ops;
use transport_models::bridge::Interpolated;

/// Regression on the velocity and the noise of the paths `P`, whose spread is the model's blur.
///
/// ```text
/// L = ½ Σ_± E ‖ b_θ(x_t^±, t) − (∂_t I ± γ′ z) ‖²/d  +  ½ Σ_± E ‖ η_θ(x_t^±, t) ∓ z ‖²/d
/// x_t^± = I(t, x₀, x₁) ± γ(t) z
/// ```
///
/// Both signs of a draw together: `γ′` has no bound at the ends of a root, but the part of the
/// gradient that it multiplies is a difference between two nearby points.
///
/// # References
/// Albergo, Boffi & Vanden-Eijnden (2023), §2, and its section on antithetic sampling.
/// # Checked by
/// `tests/it/interpolants.rs`
#[derive(Clone, Copy, Debug)]
pub struct InterpolantMatching<P>(pub P);

impl<P: Paths> Objective<Interpolated> for InterpolantMatching<P> {
    type Draw = Draw;

    /// Couplings take as long as a step of a small network, or longer.
    const AHEAD: bool = true;

    fn draw(&self, _model: &Interpolated, batch: &Batch) -> Draw {
        self.0.draws(batch)
    }

    fn loss(&self, model: &Interpolated, _batch: &Batch, draw: Draw) -> Tensor<1> {
        let signs = [draw.antithetic(), draw];
        let both = |pick: fn(&Draw) -> &Tensor<2>| {
            Tensor::cat(signs.iter().map(|draw| pick(draw).clone()).collect(), 0)
        };
        let times = signs[0].times.repeat(2);
        let (velocity, noise) = model.both(both(|d| &d.point), Times::Each(&times));
        ops::mean_square_error(velocity, both(|d| &d.velocity))
            + ops::mean_square_error(noise, both(|d| &d.noise))
    }
}
