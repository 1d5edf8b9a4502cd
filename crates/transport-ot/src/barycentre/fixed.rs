//! The entropic barycentre on points that stay.

use super::debiased::Own;
use super::{Measure, normalised, shares};
use crate::cost::{Cost, Euclidean, Side};
use crate::error::OtError;
use crate::sinkhorn::dual::weighted;
use crate::solved::{Effort, Solution, Solved};
use crate::weights::positive;

/// Weights of a barycentre.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedBarycentre {
    /// The weights of the support's points; they sum to one.
    pub weights: Vec<f64>,
    /// Iterations, and the largest violation `‖Pₖ1 − a‖₁` of the barycentre's marginal.
    pub effort: Effort,
}

impl Solution for FixedBarycentre {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// How to iterate towards a barycentre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The regularisation, in units of the squared distance.
    pub epsilon: f64,
    /// The violation of the marginal at which to stop.
    pub tolerance: f64,
    /// The most iterations.
    pub max_iterations: usize,
}

/// The entropic barycentre on a support `[n, d]`, by iterative Bregman projections in the log domain.
///
/// ```text
/// min_a Σₖ wₖ OT_ε(a, νₖ):    log a = Σₖ wₖ log(Pₖ1),  each Pₖ rescaled to the marginals a and νₖ
/// ```
///
/// with the entropy of the plans taken relative to the counting measure on the support, as in the
/// reference; it is blurred by about √ε.
///
/// # Errors
/// As [`Euclidean::squared`]; weights and parameters out of range.
///
/// # References
/// Benamou et al. (2015), "Iterative Bregman projections for regularized transportation problems".
pub fn fixed_support(
    support: &[f64],
    measures: &[Measure<'_>],
    weights: &[f64],
    d: usize,
    pace: &Pace,
) -> Result<Solved<FixedBarycentre>, OtError> {
    project(support, measures, weights, d, pace, None)
}

/// The projections; with a self term, those of the debiased barycentre.
pub(super) fn project(
    support: &[f64],
    measures: &[Measure<'_>],
    weights: &[f64],
    d: usize,
    pace: &Pace,
    mut own: Option<Own>,
) -> Result<Solved<FixedBarycentre>, OtError> {
    let shares = shares(measures, weights, d)?;
    positive("epsilon", pace.epsilon)?;
    positive("the tolerance", pace.tolerance)?;
    positive("the number of iterations", pace.max_iterations as f64)?;
    let mut plans: Vec<Plan> =
        measures.iter().map(|m| Plan::new(support, m, d)).collect::<Result<_, _>>()?;
    let mut iterations = 0;
    loop {
        plans.iter_mut().for_each(|plan| plan.onto_measure(pace.epsilon));
        let mut log_a = geometric_mean(&plans, &shares, pace.epsilon);
        let unsettled = own.as_mut().map(|own| own.correct(&mut log_a, pace.epsilon));
        let errors = plans.iter().map(|p| p.violation(&log_a, pace.epsilon));
        let error = Effort::worst(errors.chain(unsettled));
        iterations += 1;
        if error <= pace.tolerance || iterations >= pace.max_iterations {
            let raw: Vec<f64> = log_a.iter().map(|l| l.exp()).collect();
            let Pace { tolerance, .. } = *pace;
            let effort = Effort { iterations, error, tolerance };
            return Ok(Solved::judge(FixedBarycentre { weights: normalised(&raw), effort }));
        }
        plans.iter_mut().for_each(|plan| plan.onto_mean(&log_a, pace.epsilon));
    }
}

/// A plan `exp((fᵢ + gⱼ − cᵢⱼ)/ε) bⱼ` between the support and a measure.
struct Plan {
    cost: Euclidean,
    b: Vec<f64>,
    f: Vec<f64>,
    /// `softmin(g + ε log b)` on the support: the row sums are `e^{(f − s)/ε}`.
    s: Vec<f64>,
}

impl Plan {
    fn new(support: &[f64], measure: &Measure<'_>, d: usize) -> Result<Self, OtError> {
        let cost = Euclidean::squared(support, measure.points, d)?;
        let n = cost.size(Side::Source);
        Ok(Self { cost, b: normalised(measure.weights), f: vec![0.0; n], s: vec![0.0; n] })
    }

    fn onto_measure(&mut self, epsilon: f64) {
        let mut g = vec![0.0; self.b.len()];
        self.cost.soft_min(Side::Target, &self.f, epsilon, &mut g);
        self.cost.soft_min(Side::Source, &weighted(&g, &self.b, epsilon), epsilon, &mut self.s);
    }

    fn onto_mean(&mut self, log_a: &[f64], epsilon: f64) {
        self.f
            .iter_mut()
            .zip(log_a.iter().zip(&self.s))
            .for_each(|(f, (l, s))| *f = epsilon * l + s);
    }

    fn violation(&self, log_a: &[f64], epsilon: f64) -> f64 {
        let row = |(f, s): (&f64, &f64)| ((f - s) / epsilon).exp();
        self.f.iter().zip(&self.s).map(row).zip(log_a).map(|(r, l)| (r - l.exp()).abs()).sum()
    }
}

/// `Σₖ wₖ log(Pₖ1)`, less the mean potential `Σₖ wₖ fₖ/ε`, which is 0 without a self term.
fn geometric_mean(plans: &[Plan], shares: &[f64], epsilon: f64) -> Vec<f64> {
    let mut log = vec![0.0; plans[0].f.len()];
    for (plan, share) in plans.iter().zip(shares) {
        log.iter_mut().zip(&plan.s).for_each(|(log, s)| *log -= share * s / epsilon);
    }
    log
}
