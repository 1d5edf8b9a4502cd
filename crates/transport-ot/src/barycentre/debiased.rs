//! The debiased entropic barycentre on points that stay.

use super::Measure;
use super::fixed::{FixedBarycentre, Pace, project};
use crate::cost::{Cost, Euclidean, Side};
use crate::error::OtError;
use crate::solved::Solved;

/// The barycentre for the Sinkhorn divergence on a support `[n, d]`.
///
/// ```text
/// min_a Σₖ wₖ S_ε(a, νₖ),   S_ε(a, ν) = OT_ε(a, ν) − ½ OT_ε(a, a) − ½ OT_ε(ν, ν)
/// log a = log δ + Σₖ wₖ log(Kᵀuₖ),   δ ← √(δ a / Kδ)
/// ```
///
/// The blur of [`super::fixed_support`] is gone: the barycentre of one measure is that measure, and of
/// Gaussians of one variance it has that variance.
///
/// # Errors
/// As [`super::fixed_support`].
///
/// # References
/// Janati, Cuturi & Gramfort (2020), "Debiased Sinkhorn barycenters", algorithm 1.
/// # Checked by
/// `tests/it/shapes.rs::a_debiased_barycentre_is_not_blurred`
pub fn debiased_support(
    support: &[f64],
    measures: &[Measure<'_>],
    weights: &[f64],
    d: usize,
    pace: &Pace,
) -> Result<Solved<FixedBarycentre>, OtError> {
    project(support, measures, weights, d, pace, Some(Own::new(support, d)?))
}

/// The support against itself: `a = δ ⊙ Kδ` at the end.
pub(super) struct Own {
    cost: Euclidean,
    log_delta: Vec<f64>,
}

impl Own {
    fn new(support: &[f64], d: usize) -> Result<Self, OtError> {
        let cost = Euclidean::squared(support, support, d)?;
        let log_delta = vec![0.0; cost.size(Side::Source)];
        Ok(Self { cost, log_delta })
    }

    /// Adds `log δ` to the logarithm of the weights, moves δ, and gives `‖δ ⊙ Kδ − a‖₁` from before,
    /// relative to the mass.
    pub(super) fn correct(&mut self, log_a: &mut [f64], epsilon: f64) -> f64 {
        log_a.iter_mut().zip(&self.log_delta).for_each(|(a, delta)| *a += delta);
        let h: Vec<f64> = self.log_delta.iter().map(|delta| epsilon * delta).collect();
        let mut image = vec![0.0; h.len()];
        self.cost.soft_min(Side::Source, &h, epsilon, &mut image);
        let (mut off, mut mass) = (0.0, 0.0);
        for ((delta, image), log_a) in self.log_delta.iter_mut().zip(image).zip(&*log_a) {
            let log_k_delta = -image / epsilon;
            off += ((*delta + log_k_delta).exp() - log_a.exp()).abs();
            mass += log_a.exp();
            *delta = 0.5 * (*delta + log_a - log_k_delta);
        }
        off / mass
    }
}
