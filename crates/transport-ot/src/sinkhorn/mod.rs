//! Entropic transport by Sinkhorn's iteration, in the log domain.
//!
//! ```text
//! OT_ε(a, b) = min_P ⟨P, C⟩ + ε KL(P | a ⊗ b),   P1 = a, Pᵀ1 = b
//!            = max_{f,g} ⟨a, f⟩ + ⟨b, g⟩ − ε ⟨a ⊗ b, e^{(f ⊕ g − C)/ε} − 1⟩
//! KL(P | Q) = Σ P log(P/Q) − P + Q
//! ```
//!
//! Potentials, not scalings, are iterated, so that no ε underflows; ε is annealed from the cost's
//! scale; the iteration is accelerated. The cost is read row by row: points take `O((n + m) d)`
//! memory, whatever their number.

pub(crate) mod anderson;
mod coarse;
mod divergence;
pub(crate) mod dual;
mod map;
mod plan;
mod stored;
mod vectors;

pub use divergence::{Divergence, divergence};
pub use map::EntropicMap;
pub use plan::EntropicPlan;

use crate::cost::Cost;
use crate::error::OtError;
use crate::solved::Solved;
use crate::weights::{balanced, positive};
use dual::{Dual, Pace};
use rayon::prelude::*;

/// The settings of Sinkhorn's iteration.
///
/// # Example
/// ```
/// use transport_ot::{Sinkhorn, cost::Euclidean, weights::uniform};
/// let cost = Euclidean::squared(&[0.0, 1.0], &[0.0, 1.0], 1).unwrap();
/// let (a, b) = (uniform(2), uniform(2));
/// let plan = Sinkhorn::new(0.1).solve(&cost, &a, &b).unwrap().converged().unwrap();
/// // By symmetry P₁₂/P₁₁ = e^{−1/ε}.
/// let p = plan.dense(&cost);
/// assert!((p[1] / p[0] - (-10f64).exp()).abs() < 1e-12);
/// ```
///
/// # References
/// Cuturi (2013); Schmitzer (2019), "Stabilized sparse scaling algorithms"; Feydy (2020), thesis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sinkhorn {
    /// The regularisation ε > 0, in units of the cost.
    pub epsilon: f64,
    /// The violation of the marginals (L1, relative to the mass) at which to stop.
    pub tolerance: f64,
    /// The most iterations, all stages together; each updates both potentials.
    pub max_iterations: usize,
    /// Past iterates that the acceleration looks at; 0 is the plain iteration.
    pub memory: usize,
    /// Whether ε starts at the cost's scale and is halved until it is `epsilon`, or for many points
    /// the iteration at those of a part of them.
    pub anneal: bool,
}

/// A balanced problem among many.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// The cost.
    pub cost: &'a dyn Cost,
    /// The source's weights.
    pub a: &'a [f64],
    /// The target's weights.
    pub b: &'a [f64],
}

impl std::fmt::Debug for Problem<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Problem").field(&self.cost.shape()).finish()
    }
}

impl Sinkhorn {
    /// Tolerance 10⁻⁹, at most 10,000 iterations, a memory of 20, annealed.
    #[must_use]
    pub fn new(epsilon: f64) -> Self {
        Self { epsilon, tolerance: 1e-9, max_iterations: 10_000, memory: 20, anneal: true }
    }

    /// The same with another tolerance.
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The same with another limit.
    #[must_use]
    pub fn max_iterations(self, max_iterations: usize) -> Self {
        Self { max_iterations, ..self }
    }

    /// The optimal plan; its `value` is `OT_ε`, its error `‖Pᵀ1 − b‖₁ / mass` (P1 = a holds to
    /// rounding).
    ///
    /// # Errors
    /// Weights of the wrong number, negative, all zero or of unequal mass; ε, tolerance or limit
    /// out of range.
    pub fn solve(
        &self,
        cost: &dyn Cost,
        a: &[f64],
        b: &[f64],
    ) -> Result<Solved<EntropicPlan>, OtError> {
        self.run(cost, a, b, None)
    }

    /// [`Sinkhorn::solve`] from a target potential that is near the solution, without annealing.
    ///
    /// # Errors
    /// As [`Sinkhorn::solve`], and [`OtError::Size`] for the potential.
    pub fn solve_from(
        &self,
        cost: &dyn Cost,
        a: &[f64],
        b: &[f64],
        g: Vec<f64>,
    ) -> Result<Solved<EntropicPlan>, OtError> {
        if g.len() != b.len() {
            let what = "the target potential";
            return Err(OtError::Size { what, expected: b.len(), found: g.len() });
        }
        Self { anneal: false, ..*self }.run(cost, a, b, Some(g))
    }

    /// [`Sinkhorn::solve`] for many problems, which are dealt out to the threads; each result is
    /// what it would be alone.
    ///
    /// # Errors
    /// Of each problem its own.
    ///
    /// # Example
    /// ```
    /// use transport_ot::{Problem, Sinkhorn, cost::Euclidean, weights::uniform};
    /// let (cost, w) = (Euclidean::squared(&[0.0, 1.0], &[2.0, 3.0], 1).unwrap(), uniform(2));
    /// let problem = Problem { cost: &cost, a: &w, b: &w };
    /// let plans = Sinkhorn::new(0.1).solve_all(&[problem; 3]);
    /// assert!(plans.into_iter().all(|plan| plan.unwrap().is_converged()));
    /// ```
    pub fn solve_all(
        &self,
        problems: &[Problem<'_>],
    ) -> Vec<Result<Solved<EntropicPlan>, OtError>> {
        problems.par_iter().map(|p| self.solve(p.cost, p.a, p.b)).collect()
    }

    fn run(
        &self,
        cost: &dyn Cost,
        a: &[f64],
        b: &[f64],
        start: Option<Vec<f64>>,
    ) -> Result<Solved<EntropicPlan>, OtError> {
        let mass = balanced(a, b, cost.shape())?;
        let pace = self.pace(mass)?;
        let dual = Dual { cost, a, b, rho: [f64::INFINITY; 2] };
        let dual::State { f, g, mut effort } = dual.solve(&pace, start);
        (effort.error, effort.tolerance) = (effort.error / mass, self.tolerance);
        let dot = |p: &[f64], w: &[f64]| p.iter().zip(w).map(|(p, w)| p * w).sum::<f64>();
        // The last term of the dual, ΣP − Σa Σb, is 0 between measures of mass 1.
        let value = dot(&f, a) + dot(&g, b) - self.epsilon * (mass - mass * mass);
        let (a, b, epsilon) = (a.to_vec(), b.to_vec(), self.epsilon);
        let mut plan = EntropicPlan { f, g, a, b, epsilon, value, cost: 0.0, effort };
        [_, plan.cost] = plan.totals(cost);
        Ok(Solved::judge(plan))
    }

    /// The settings, checked, for a problem of this mass.
    pub(crate) fn pace(&self, mass: f64) -> Result<Pace, OtError> {
        positive("epsilon", self.epsilon)?;
        positive("the tolerance", self.tolerance)?;
        positive("the number of iterations", self.max_iterations as f64)?;
        Ok(Pace {
            epsilon: self.epsilon,
            tolerance: self.tolerance * mass,
            max_iterations: self.max_iterations,
            memory: self.memory,
            anneal: self.anneal,
        })
    }
}
