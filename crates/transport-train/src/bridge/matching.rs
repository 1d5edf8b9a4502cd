//! Regression on the velocity of conditional paths.

use super::conditional::{Conditional, Draw};
use super::pairing::Pairing;
use super::source::Source;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Space, Times};
use transport_kernels::ops;
use transport_models::bridge::FlowAndScore;
use transport_models::net::TimeMlp;

/// Flow matching between a source and the data, with a coupling inside each batch.
///
/// ```text
/// L = E ‖ v_θ(x_t, t) − u_t ‖² / d
/// ```
///
/// | coupling | path | name |
/// |---|---|---|
/// | independent | straight | I-CFM |
/// | independent, Gaussian source | `Lipman` | FM |
/// | exact | straight | OT-CFM |
/// | Sinkhorn, `ε = σ²` for `½|x − y|²` | Brownian | SB-CFM |
/// | independent | trigonometric | stochastic interpolants, VP |
///
/// # References
/// Lipman et al. (2023); Tong et al. (2024), "Improving and generalizing flow-based generative
/// models with minibatch optimal transport".
/// # Checked by
/// `tests/it/bridges.rs`
#[derive(Clone, Debug)]
pub struct CoupledMatching {
    /// The ends of the paths.
    pub ends: Ends,
    /// The way between them.
    pub path: Conditional,
}

/// Where the pairs `(x₀, x₁)` come from.
#[derive(Clone, Debug)]
pub enum Ends {
    /// Starts are drawn and paired with the batch of data.
    Drawn {
        /// The law at `t = 0`.
        source: Source,
        /// Who goes with whom.
        pairing: Pairing,
    },
    /// Each row of the data is a pair `[x₀, x₁]`: reflow, or pairs from elsewhere.
    Given,
}

impl Ends {
    /// `x₀` and `x₁`.
    fn of(&self, batch: &Batch) -> (Tensor<2>, Tensor<2>) {
        let [n, d] = batch.data.dims();
        let Self::Drawn { source, pairing } = self else {
            let half = d >> 1;
            let end = |k: usize| batch.data.clone().narrow(1, k * half, half);
            return (end(0), end(1));
        };
        let space = Space::of(&batch.data);
        let starts = source.draws(&batch.noise.purpose("source"));
        if *pairing == Pairing::Independent {
            return (space.tensor(starts, [n, d]), batch.data.clone());
        }
        let ends = to_host(batch.data.clone());
        let context = batch.context.clone().map(to_host);
        let draws = batch.noise.purpose("pairing");
        let pairs = pairing.pairs(&starts, &ends, context.as_deref(), d, &draws);
        let gather = |values: &[f64], rows: Vec<usize>| {
            let row = |r: usize| values[r * d..(r + 1) * d].iter().copied();
            space.tensor(rows.into_iter().flat_map(row).collect(), [n, d])
        };
        let (from, to) = pairs.into_iter().unzip();
        (gather(&starts, from), gather(&ends, to))
    }
}

impl CoupledMatching {
    /// A point of each pair's path at a time of its own.
    #[must_use]
    pub fn draws(&self, batch: &Batch) -> Draw {
        let (x0, x1) = self.ends.of(batch);
        let noise = batch.noise.purpose("blur").normal(x0.dims()[1], &Space::of(&x0));
        self.path.draw(x0, x1, noise, batch.times(Interval::UNIT))
    }
}

impl Objective<TimeMlp> for CoupledMatching {
    type Draw = Draw;

    fn draw(&self, _model: &TimeMlp, batch: &Batch) -> Draw {
        self.draws(batch)
    }

    fn loss(&self, model: &TimeMlp, _batch: &Batch, draw: Draw) -> Tensor<1> {
        let output = model.eval(draw.point, Times::Each(&draw.times));
        ops::mean_square_error(output, draw.velocity)
    }
}

/// Score and flow matching: [`CoupledMatching`] with the score beside the velocity.
///
/// ```text
/// L = E ‖ v_θ − u_t ‖²/d + E ‖ λ g_θ + z ‖²/d,    λ = 2 s(t)/σ²,   g = ½ σ² ∇ log q_t
/// ```
///
/// # References
/// Tong et al. (2024), "Simulation-free Schrödinger bridges via score and flow matching".
/// # Checked by
/// `tests/it/bridges.rs`
#[derive(Clone, Debug)]
pub struct FlowAndScoreMatching(pub CoupledMatching);

impl Objective<FlowAndScore> for FlowAndScoreMatching {
    type Draw = Draw;

    fn draw(&self, _model: &FlowAndScore, batch: &Batch) -> Draw {
        self.0.draws(batch)
    }

    fn loss(&self, model: &FlowAndScore, _batch: &Batch, draw: Draw) -> Tensor<1> {
        let t = Times::Each(&draw.times);
        let (velocity, correction) = model.both(draw.point, t);
        let half = 0.5 * model.sigma() * model.sigma();
        let scaled = t.scale(correction, |t| self.0.path.spread(t) / half);
        ops::mean_square_error(velocity, draw.velocity)
            + ops::mean_square_error(scaled, draw.noise.neg())
    }
}
