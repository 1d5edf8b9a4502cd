//! Unbalanced entropic transport: marginals are held by a divergence instead of exactly.
//!
//! ```text
//! min_P ⟨P, C⟩ + ε KL(P | a ⊗ b) + ρ₁ KL(P1 | a) + ρ₂ KL(Pᵀ1 | b)
//! KL(P | Q) = Σ P log(P/Q) − P + Q
//! ```
//!
//! The reference measure is `a ⊗ b` with the masses that `a` and `b` have: POT's
//! `sinkhorn_unbalanced` with its default `reg_type="kl"`.

use crate::cost::Cost;
use crate::error::OtError;
use crate::sinkhorn::dual::{Dual, State};
use crate::sinkhorn::{EntropicPlan, Sinkhorn};
use crate::solved::Solved;
use crate::weights::mass;

/// Unbalanced entropic transport.
///
/// At the optimum the marginals are `P1 = a e^{−f/ρ₁}` and `Pᵀ1 = b e^{−g/ρ₂}`: mass that is far
/// from everything is not transported. `ρ = ∞` holds a marginal exactly.
///
/// # Example
/// ```
/// use transport_ot::{Sinkhorn, Unbalanced, cost::Matrix};
/// // The example of POT's documentation of `sinkhorn_knopp_unbalanced`.
/// let cost = Matrix::new(vec![0.0, 1.0, 1.0, 0.0], [2, 2]).unwrap();
/// let solver = Unbalanced { sinkhorn: Sinkhorn::new(1.0), rho: [1.0, 1.0] };
/// let plan = solver.solve(&cost, &[0.5; 2], &[0.5; 2]).unwrap().converged().unwrap();
/// assert!((plan.dense(&cost)[0] - 0.322_053_6).abs() < 1e-7);
/// ```
///
/// # References
/// Chizat, Peyré, Schmitzer & Vialard (2018), "Scaling algorithms for unbalanced transport problems".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unbalanced {
    /// ε and how to iterate. The tolerance is for `‖Pᵀ1 − b e^{−g/ρ₂}‖₁`, relative to the mass of `b`.
    pub sinkhorn: Sinkhorn,
    /// How strongly the source's and the target's marginals are held; positive or infinite.
    pub rho: [f64; 2],
}

impl Unbalanced {
    /// The optimal plan; its `value` is that of the whole problem.
    ///
    /// # Errors
    /// Weights of the wrong number, negative or all zero, settings out of range; masses that
    /// differ where both marginals are held exactly.
    pub fn solve(
        &self,
        cost: &dyn Cost,
        a: &[f64],
        b: &[f64],
    ) -> Result<Solved<EntropicPlan>, OtError> {
        for (name, value) in [("the source's rho", self.rho[0]), ("the target's rho", self.rho[1])]
        {
            if value.is_nan() || value <= 0.0 {
                return Err(OtError::Parameter { name, value, allowed: "positive or infinite" });
            }
        }
        if self.rho.iter().all(|r| r.is_infinite()) {
            return self.sinkhorn.solve(cost, a, b);
        }
        let [n, m] = cost.shape();
        let masses = [mass(a, n, "source")?, mass(b, m, "target")?];
        let pace = self.sinkhorn.pace(masses[1])?;
        let State { f, g, mut effort } = Dual { cost, a, b, rho: self.rho }.solve(&pace, None);
        (effort.error, effort.tolerance) = (effort.error / masses[1], self.sinkhorn.tolerance);
        let (a, b, epsilon) = (a.to_vec(), b.to_vec(), self.sinkhorn.epsilon);
        let mut plan = EntropicPlan { f, g, a, b, epsilon, value: 0.0, cost: 0.0, effort };
        let [total, transported] = plan.totals(cost);
        plan.value = held(&plan.f, &plan.a, self.rho[0]) + held(&plan.g, &plan.b, self.rho[1])
            - epsilon * (total - masses[0] * masses[1]);
        plan.cost = transported;
        Ok(Solved::judge(plan))
    }
}

/// `−ρ Σ w (e^{−p/ρ} − 1)`, and its limit `Σ w p`.
fn held(potential: &[f64], weights: &[f64], rho: f64) -> f64 {
    let term = |p: f64| if rho.is_infinite() { p } else { -rho * (-p / rho).exp_m1() };
    potential.iter().zip(weights).map(|(p, w)| w * term(*p)).sum()
}
