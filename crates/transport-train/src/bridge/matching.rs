//! Regression on the velocity of conditional paths, alone or with the score beside it.

use super::conditional::Draw;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::Times;
use transport_kernels::ops;
use transport_models::bridge::FlowAndScore;
use transport_models::net::TimeMlp;

/// A law of conditional paths, to be drawn from a batch at a time.
pub trait Paths: Send + Sync {
    /// One point of one path for each row of the batch.
    fn draws(&self, batch: &Batch) -> Draw;
}

/// Flow matching on the paths `P`.
///
/// ```text
/// L = E ‖ v_θ(x_t, t) − u_t ‖² / d
/// ```
///
/// # References
/// Lipman et al. (2023); Tong et al. (2024), "Improving and generalizing flow-based generative
/// models with minibatch optimal transport".
/// # Checked by
/// `tests/it/bridges.rs`
#[derive(Clone, Copy, Debug)]
pub struct VelocityMatching<P>(pub P);

impl<P: Paths> Objective<TimeMlp> for VelocityMatching<P> {
    type Draw = Draw;

    /// Couplings take as long as a step of a small network, or longer.
    const AHEAD: bool = true;

    fn draw(&self, _model: &TimeMlp, batch: &Batch) -> Draw {
        self.0.draws(batch)
    }

    fn loss(&self, model: &TimeMlp, _batch: &Batch, draw: Draw) -> Tensor<1> {
        let t = Times::Each(&draw.times);
        let output = model.forward(draw.point, t, draw.context.as_ref());
        ops::mean_square_error(output, draw.velocity)
    }
}

/// Score and flow matching on the paths `P`, whose spread must be above 0.
///
/// ```text
/// L = E ‖ v_θ − u_t ‖²/d + E ‖ λ g_θ + z ‖²/d,    λ = 2 s(t)/σ²,   g = ½ σ² ∇ log q_t
/// ```
///
/// # References
/// Tong et al. (2024), "Simulation-free Schrödinger bridges via score and flow matching".
/// # Checked by
/// `tests/it/bridges.rs`
#[derive(Clone, Copy, Debug)]
pub struct FlowAndScoreMatching<P>(pub P);

impl<P: Paths> Objective<FlowAndScore> for FlowAndScoreMatching<P> {
    type Draw = Draw;

    /// Couplings take as long as a step of a small network, or longer.
    const AHEAD: bool = true;

    fn draw(&self, _model: &FlowAndScore, batch: &Batch) -> Draw {
        self.0.draws(batch)
    }

    fn loss(&self, model: &FlowAndScore, _batch: &Batch, draw: Draw) -> Tensor<1> {
        let (velocity, correction) = model.both(draw.point, Times::Each(&draw.times));
        let half = 0.5 * model.sigma() * model.sigma();
        let scaled = Times::Each(&draw.spread).scale(correction, |s| s / half);
        ops::mean_square_error(velocity, draw.velocity)
            + ops::mean_square_error(scaled, draw.noise.neg())
    }
}
