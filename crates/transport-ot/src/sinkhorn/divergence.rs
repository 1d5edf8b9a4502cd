//! The debiased Sinkhorn divergence.

use super::anderson::Anderson;
use super::dual::Dual;
use super::{EntropicPlan, Sinkhorn};
use crate::cost::{Cost, Euclidean, Side};
use crate::error::OtError;
use crate::solved::{Effort, Solution, Solved};
use crate::weights::balanced;

/// The Sinkhorn divergence between two measures, and the potentials of its three problems.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergence {
    /// `S_ε(a, b) ≥ 0`.
    pub value: f64,
    /// The plan between the two measures.
    pub plan: EntropicPlan,
    /// The potentials of each measure with itself, source first.
    pub own: [Vec<f64>; 2],
    /// The iterations of all three problems, and the largest of their errors.
    pub effort: Effort,
}

impl Solution for Divergence {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// The debiased Sinkhorn divergence for the squared distance.
///
/// ```text
/// S_ε(a, b) = OT_ε(a, b) − ½ OT_ε(a, a) − ½ OT_ε(b, b)
/// ```
///
/// Zero exactly for equal measures, convex in each, and it metrises weak convergence; it goes to
/// `W₂²` as ε → 0 and to half a squared maximum mean discrepancy as ε → ∞.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[m, d]`; `a`: `[n]`, `b`: `[m]`.
///
/// # Errors
/// As [`Sinkhorn::solve`] and [`Euclidean::squared`].
///
/// # References
/// Genevay, Peyré & Cuturi (2018); Feydy et al. (2019), "Interpolating between optimal transport
/// and MMD using Sinkhorn divergences".
pub fn divergence(
    solver: &Sinkhorn,
    [x, y]: [&[f64]; 2],
    d: usize,
    [a, b]: [&[f64]; 2],
) -> Result<Solved<Divergence>, OtError> {
    let plan = solver.solve(&Euclidean::squared(x, y, d)?, a, b)?.best_effort();
    let (f, source) = with_itself(solver, &Euclidean::squared(x, x, d)?, a)?;
    let (g, target) = with_itself(solver, &Euclidean::squared(y, y, d)?, b)?;
    let dot = |p: &[f64], w: &[f64]| p.iter().zip(w).map(|(p, w)| p * w).sum::<f64>();
    // OT_ε(a, a) = 2 ⟨a, f⟩ for its one potential.
    let value = plan.value - dot(&f, a) - dot(&g, b);
    let efforts = [plan.effort, source, target];
    let effort = Effort {
        iterations: efforts.iter().map(|e| e.iterations).sum(),
        error: Effort::worst(efforts.map(|e| e.error)),
        tolerance: solver.tolerance,
    };
    Ok(Solved::judge(Divergence { value, plan, own: [f, g], effort }))
}

/// The one potential of a measure with itself: `f ← ½ (f + softmin_ε(f + ε log a))`.
///
/// Averaging damps what would alternate; what is left is accelerated.
fn with_itself(
    solver: &Sinkhorn,
    cost: &dyn Cost,
    a: &[f64],
) -> Result<(Vec<f64>, Effort), OtError> {
    let mass = balanced(a, a, cost.shape())?;
    let pace = solver.pace(mass)?;
    let dual = Dual { cost, a, b: a, rho: [f64::INFINITY; 2] };
    let (mut f, mut iterations) = (vec![0.0; a.len()], 0);
    let mut history = Anderson::new(pace.memory, a);
    loop {
        let image = dual.soft_min(Side::Source, &f, pace.epsilon);
        iterations += 1;
        let violation =
            |(a, (f, s)): (&f64, (&f64, &f64))| a * (((f - s) / pace.epsilon).exp() - 1.0).abs();
        let error = a.iter().zip(f.iter().zip(&image)).map(violation).sum::<f64>() / mass;
        if error <= solver.tolerance || iterations >= pace.max_iterations {
            return Ok((f, Effort { iterations, error, tolerance: solver.tolerance }));
        }
        let middle: Vec<f64> = f.iter().zip(&image).map(|(f, s)| 0.5 * (f + s)).collect();
        f = history.guarded(error, &f, middle);
    }
}
