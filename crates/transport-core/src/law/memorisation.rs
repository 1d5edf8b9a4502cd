//! Memorisation: how near a denoiser is to the optimum of its loss on its own training rows. How many
//! of its samples are copies of them, `transport_ot::discrepancy::neighbour_ratios` tells.

use super::{Empirical, OracleFlow, PointLaw};
use crate::device::{Space, to_host};
use crate::field::Denoiser;
use crate::interpolant::Interpolant;
use crate::noise::Noise;
use crate::time::Times;
use burn::tensor::Tensor;

/// A denoising loss on training rows, at one time, split at its optimum.
///
/// ```text
/// E‖ε_θ(x_t) − x₀‖²/d = E‖ε*(x_t) − x₀‖²/d + E‖ε_θ(x_t) − ε*(x_t)‖²/d
///                          optimum               excess
/// ```
///
/// with `ε*` the posterior mean of the noise under `p̂ ∗ N`, the law of the rows noised: whatever
/// the head and the weighting, no network does better on these rows than `ε*`, and one that reaches
/// it can only give them back. Where σ is below the spacing of the rows the optimum tends to 0,
/// while a model that knows the law behind them keeps an excess.
///
/// # References
/// Karras et al. (2022), app. B.3 (the ideal denoiser); Gu et al. (2023), "On memorization in
/// diffusion models".
/// # Checked by
/// `tests/it/memorisation.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExcessLoss {
    /// The time.
    pub t: f64,
    /// The least loss that any denoiser has on the rows.
    pub optimum: f64,
    /// The loss above it.
    pub excess: f64,
}

impl ExcessLoss {
    /// `optimum/(optimum + excess)`: 1 for the denoiser that has learned the rows by heart.
    #[must_use]
    pub fn memorised(&self) -> f64 {
        // Where the rows are told apart without error both may be 0.
        if self.excess == 0.0 { 1.0 } else { self.optimum / (self.optimum + self.excess) }
    }
}

/// The excess loss of a denoiser at each of `times`, by one noised row for each sample of `noise`.
///
/// # Panics
/// When σ is 0 at one of the times.
#[must_use]
pub fn excess_loss(
    model: &dyn Denoiser,
    rows: &Empirical,
    times: &[f64],
    noise: &Noise,
    space: &Space,
) -> Vec<ExcessLoss> {
    let (schedule, d) = (model.schedule(), PointLaw::dim(rows));
    let mean = |x: Tensor<2>| {
        let values = to_host(x);
        values.iter().sum::<f64>() / values.len() as f64
    };
    let at = |t: f64| {
        assert!(schedule.at(t).sigma > 0.0, "the excess loss at t = {t}, where nothing is noised");
        let x0 = noise.purpose("reference").normal(d, space);
        let x1 = space.tensor(rows.draws(&noise.purpose("rows")), [noise.len(), d]);
        let time = Times::Same(t);
        let x = Interpolant { schedule }.point(x0.clone(), x1, time);
        let best = OracleFlow { law: rows.clone(), schedule }.posterior(x.clone(), time).1;
        let own = model.posterior(x, time).1;
        let optimum = mean((best.clone() - x0).powi_scalar(2));
        ExcessLoss { t, optimum, excess: mean((own - best).powi_scalar(2)) }
    };
    times.iter().map(|t| at(*t)).collect()
}
