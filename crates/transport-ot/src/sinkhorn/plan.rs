//! An entropic plan, kept as its two potentials.

use super::dual::weighted;
use crate::cost::{ALONE, Cost, Side, exponentials};
use crate::solved::{Effort, Solution};
use rayon::prelude::*;

/// The plan of entropic transport, `[n, m]`, given by `n + m` numbers:
///
/// ```text
/// Pᵢⱼ = aᵢ bⱼ exp((fᵢ + gⱼ − cᵢⱼ)/ε)
/// ```
///
/// Rows are made when they are asked for, from the cost that the plan was solved with.
#[derive(Debug, Clone, PartialEq)]
pub struct EntropicPlan {
    /// The source's potential.
    pub f: Vec<f64>,
    /// The target's potential.
    pub g: Vec<f64>,
    /// The source's weights.
    pub a: Vec<f64>,
    /// The target's weights.
    pub b: Vec<f64>,
    /// The regularisation.
    pub epsilon: f64,
    /// The optimal value of the regularised problem; the solver says which.
    pub value: f64,
    /// `⟨P, C⟩`, the cost of the plan without regularisation.
    pub cost: f64,
    /// Iterations, and the error of the marginals.
    pub effort: Effort,
}

impl Solution for EntropicPlan {
    fn effort(&self) -> Effort {
        self.effort
    }
}

impl EntropicPlan {
    /// Reads every row of the plan once, in parallel: `read(i, row of P, row of C)`.
    ///
    /// # Panics
    /// When the cost is not one between as many points.
    pub fn map_rows<R: Send>(
        &self,
        cost: &dyn Cost,
        side: Side,
        read: impl Fn(usize, &[f64], &[f64]) -> R + Sync,
    ) -> Vec<R> {
        assert_eq!(cost.shape(), [self.f.len(), self.g.len()], "the cost that made the plan");
        let (own, own_weights, other, other_weights) = match side {
            Side::Source => (&self.f, &self.a, &self.g, &self.b),
            Side::Target => (&self.g, &self.b, &self.f, &self.a),
        };
        let h = weighted(other, other_weights, self.epsilon);
        let scratch = || [vec![0.0; h.len()], vec![0.0; h.len()]];
        let row = |[costs, row]: &mut [Vec<f64>; 2], i: usize| {
            cost.row(side, i, costs);
            row.copy_from_slice(costs);
            exponentials(own[i], &h, self.epsilon, row);
            // A point without weight sends nothing, however high its potential.
            let send =
                |p: &mut f64| *p = if own_weights[i] > 0.0 { *p * own_weights[i] } else { 0.0 };
            row.iter_mut().for_each(send);
            read(i, row, costs)
        };
        if own.len() * h.len() <= ALONE {
            let mut scratch = scratch();
            return (0..own.len()).map(|i| row(&mut scratch, i)).collect();
        }
        (0..own.len()).into_par_iter().map_init(scratch, row).collect()
    }

    /// All of the plan, row by row: `[n, m]`.
    #[must_use]
    pub fn dense(&self, cost: &dyn Cost) -> Vec<f64> {
        self.map_rows(cost, Side::Source, |_, row, _| row.to_vec()).concat()
    }

    /// The marginal of a side, summed from the plan: what its weights should be.
    #[must_use]
    pub fn marginal(&self, cost: &dyn Cost, side: Side) -> Vec<f64> {
        self.map_rows(cost, side, |_, row, _| row.iter().sum())
    }

    /// The conditional means of the other side's `points` (`[·, d]`): where each point of `side`
    /// goes on average.
    ///
    /// ```text
    /// T(xᵢ) = Σⱼ Pᵢⱼ yⱼ / Σⱼ Pᵢⱼ
    /// ```
    ///
    /// # Panics
    /// When there are not as many points as the other side has.
    #[must_use]
    pub fn barycentric(&self, cost: &dyn Cost, side: Side, points: &[f64], d: usize) -> Vec<f64> {
        assert_eq!(points.len(), cost.size(side.other()) * d, "points of the other side");
        let mean = |_: usize, row: &[f64], _: &[f64]| {
            let mut mean = vec![0.0; d];
            for (p, y) in row.iter().zip(points.chunks_exact(d)) {
                mean.iter_mut().zip(y).for_each(|(m, y)| *m += p * y);
            }
            let total = row.iter().sum::<f64>();
            mean.iter_mut().for_each(|m| *m /= total);
            mean
        };
        self.map_rows(cost, side, mean).concat()
    }

    /// `[Σ P, ⟨P, C⟩]` from the potentials.
    pub(crate) fn totals(&self, cost: &dyn Cost) -> [f64; 2] {
        cost.totals([&self.f, &self.g], [&self.a, &self.b], self.epsilon)
    }
}
