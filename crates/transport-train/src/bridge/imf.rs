//! The Schrödinger bridge by iterated Markovian fitting.

use super::alternate::{Alternating, Direction, ImfConfig, Scheme, Start};
use super::legs::Simulated;
use super::source::Source;
use crate::objective::{Batch, Objective};
use crate::optim::OptimConfig;
use crate::trainer::LoopConfig;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Space, Times};
use transport_models::bridge::Piecewise;

/// Bridge matching: the Markovian projection of a mixture of Brownian bridges.
///
/// ```text
/// t = s + L τ,   x_t = (1−τ) x₀ + τ x₁ + σ √(L τ(1−τ)) z
/// forward:  target (x₁ − x_t)/(L (1−τ)),  weight L²/(1 + σ² L τ/(1−τ))
/// backward: target (x₀ − x_t)/(L τ),      weight L²/(1 + σ² L (1−τ)/τ)
/// ```
///
/// on the interval `[s, s + L]` of the clock. The weight divides by the target's variance, which has
/// no bound at one end; the minimiser is the same. Rows of data are `[x₀, x₁, s, L]`.
///
/// # References
/// Peluchetti (2023); Shi, De Bortoli, Campbell & Doucet (2023), §3.
#[derive(Clone, Copy, Debug)]
pub struct BridgeMatching {
    direction: Direction,
    sigma: f64,
}

/// How near to its ends a bridge is looked at, as a share of its length.
const MARGIN: f64 = 1e-3;

/// Where a row's bridge is looked at.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// `τ`.
    share: f64,
    /// `s`.
    start: f64,
    /// `L`.
    length: f64,
}

impl BridgeMatching {
    /// The share of the interval that is left to the end that this direction goes to.
    fn left(&self, tau: f64) -> f64 {
        match self.direction {
            Direction::Forward => 1.0 - tau,
            Direction::Backward => tau,
        }
    }

    fn weight(&self, at: &Moment) -> f64 {
        let left = self.left(at.share);
        let variance = 1.0 + self.sigma * self.sigma * at.length * (1.0 - left) / left;
        at.length / variance.sqrt()
    }
}

impl Objective<Piecewise> for BridgeMatching {
    type Draw = (Tensor<2>, Vec<f64>);

    fn draw(&self, _model: &Piecewise, batch: &Batch) -> Self::Draw {
        let d = (batch.data.dims()[1] - 2) >> 1;
        let inside = Interval { start: MARGIN, end: 1.0 - MARGIN };
        (batch.noise.purpose("bridge").normal(d, &Space::of(&batch.data)), batch.times(inside))
    }

    fn loss(&self, model: &Piecewise, batch: &Batch, (z, times): Self::Draw) -> Tensor<1> {
        let (d, data) = (z.dims()[1], &batch.data);
        let intervals = to_host(data.clone().narrow(1, 2 * d, 2));
        let moment =
            |(tau, of): (&f64, &[f64])| Moment { share: *tau, start: of[0], length: of[1] };
        let moments: Vec<Moment> =
            times.iter().zip(intervals.chunks_exact(2)).map(moment).collect();
        let each = |f: &dyn Fn(&Moment) -> f64| -> Vec<f64> { moments.iter().map(f).collect() };
        let by = |x: Tensor<2>, f: &dyn Fn(&Moment) -> f64| x * Space::of(data).column(&each(f));

        let (x0, x1) = (data.clone().narrow(1, 0, d), data.clone().narrow(1, d, d));
        let spread = |m: &Moment| self.sigma * (m.length * m.share * (1.0 - m.share)).sqrt();
        let point =
            by(x0.clone(), &|m| 1.0 - m.share) + by(x1.clone(), &|m| m.share) + by(z, &spread);
        let end = match self.direction {
            Direction::Forward => x1,
            Direction::Backward => x0,
        };
        let target = by(end - point.clone(), &|m| (m.length * self.left(m.share)).recip());
        let clock = each(&|m| m.start + m.length * m.share);
        let error = by(model.eval(point, Times::Each(&clock)) - target, &|m| self.weight(m));
        let total = error.powi_scalar(2).sum_dim(1).sum_dim(0).reshape([1]);
        total.div_scalar((times.len() * d) as f64)
    }
}

impl Scheme for BridgeMatching {
    const WHOLE: bool = false;

    fn objective(direction: Direction, config: &ImfConfig) -> Self {
        Self { direction, sigma: config.sigma }
    }

    fn columns(d: usize) -> usize {
        2 * d + 2
    }

    fn rows(paths: &Simulated) -> Vec<f32> {
        let ends = [0, paths.times.len() - 1];
        let ends = if paths.times[0] < paths.times[ends[1]] { ends } else { [ends[1], 0] };
        let [start, end] = ends.map(|k| paths.times[k]);
        let [x0, x1] = ends.map(|k| paths.states[k].chunks_exact(paths.dim));
        let row = |(a, b): (&[f64], &[f64])| {
            let row = a.iter().chain(b).copied().chain([start, end - start]);
            row.map(|v| v as f32).collect::<Vec<_>>()
        };
        x0.zip(x1).flat_map(row).collect()
    }
}

/// Iterated Markovian fitting (DSBM-IMF).
///
/// ```text
/// Π⁰ = source ⊗ target
/// backward drift ← bridge matching on Πᵏ;   Πᵏ⁺¹ ← its ends, from rows of the target
/// forward drift  ← bridge matching on Πᵏ⁺¹; Πᵏ⁺² ← its ends, from rows of the source
/// ```
///
/// The fixed point is the Schrödinger bridge. From [`Start::Reference`] the iterates are those of
/// iterative proportional fitting instead (DSBM-IPF): every one is a bridge of its own ends, and the
/// ends become right.
///
/// # References
/// Shi, De Bortoli, Campbell & Doucet (2023), "Diffusion Schrödinger bridge matching", alg. 1,
/// and its section on the relation to IPF.
/// # Checked by
/// `tests/it/bridges.rs`, against the Gaussian bridge; `tests/it/proportional.rs`, iterate by iterate
pub type Imf = Alternating<BridgeMatching>;

impl Imf {
    /// Ready to fit the bridge from `source` to `target`, from independent ends. The steps are
    /// `fits · steps`, whatever `train` says.
    ///
    /// # Panics
    /// When the dimensions differ, a number of the settings is 0, or there is one fit.
    #[must_use]
    pub fn new(
        config: ImfConfig,
        source: Source,
        target: Source,
        train: LoopConfig,
        optim: OptimConfig,
        space: &Space,
    ) -> Self {
        Self::between(config, [source, target], Start::Independent, train, optim, space)
    }
}
