//! Couplings of two batches: which rows to pair when a velocity is learned from pairs.
//!
//! ```text
//! (x₀, x₁) ~ q₀ ⊗ q₁,   or from the optimal plan of the two batches, or from the entropic one
//! ```
//!
//! # References
//! Tong et al. (2024), "Improving and generalizing flow-based generative models with minibatch
//! optimal transport"; Pooladian et al. (2023), "Multisample flow matching".

use crate::cost::{Cost, Euclidean, Real, Side};
use crate::error::OtError;
use crate::exact::{assignment, exact};
use crate::sinkhorn::Sinkhorn;
use crate::weights::uniform;
use transport_core::Noise;

/// How two batches are paired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coupling {
    /// Row `i` with row `i mod m`: independent when the batches are.
    Independent,
    /// The optimal plan for the squared distance; a permutation when the batches are of one size.
    Exact,
    /// The entropic plan for the squared distance.
    Sinkhorn {
        /// Its regularisation. A bridge of variance σ² over unit time has `epsilon = 2σ²` for this
        /// cost.
        epsilon: f64,
    },
}

/// The violation of the marginals up to which an entropic plan is sampled.
const TOLERANCE: f64 = 1e-3;

impl Coupling {
    /// For each row of `x`: `[n, d]` the row of `y`: `[m, d]` that it is paired with.
    ///
    /// Where a row's mass is split, its partner is drawn from the plan's row, row `i` by sample `i`
    /// of the noise: the result depends neither on threads nor on anything but the two batches and
    /// the noise.
    ///
    /// # Errors
    /// As [`Euclidean::squared`], and [`OtError::NotConverged`] of [`Coupling::Sinkhorn`].
    ///
    /// # Example
    /// ```
    /// use transport_core::Noise;
    /// use transport_ot::Coupling;
    /// let (x, y) = ([0.0f32, 1.0, 2.0], [2.1f32, 0.1, 1.1]);
    /// let pairs = Coupling::Exact.pairs(&x, &y, 1, &Noise::new(0, 3)).unwrap();
    /// assert_eq!(pairs, [1, 2, 0]);
    /// ```
    pub fn pairs<T: Real>(
        &self,
        x: &[T],
        y: &[T],
        d: usize,
        noise: &Noise,
    ) -> Result<Vec<usize>, OtError> {
        let cost = Euclidean::squared(x, y, d)?;
        let [n, m] = cost.shape();
        let noise = noise.purpose("coupling").resized(n);
        match *self {
            Self::Independent => Ok((0..n).map(|i| i % m).collect()),
            Self::Exact if n == m => Ok(assignment(&cost)?.targets),
            Self::Exact => {
                let plan = exact(&cost, &uniform(n), &uniform(m))?;
                let mut rows = vec![Vec::new(); n];
                plan.entries.iter().for_each(|e| rows[e.source].push((e.target, e.mass)));
                Ok(rows
                    .iter()
                    .enumerate()
                    .map(|(i, row)| draw(|| row.iter().copied(), &noise, i))
                    .collect())
            }
            Self::Sinkhorn { epsilon } => {
                let solver = Sinkhorn::new(epsilon).tolerance(TOLERANCE);
                let plan = solver.solve(&cost, &uniform(n), &uniform(m))?.converged()?;
                Ok(plan.map_rows(&cost, Side::Source, |i, row, _| {
                    draw(|| row.iter().copied().enumerate(), &noise, i)
                }))
            }
        }
    }
}

/// A column drawn in proportion to its mass; `row` gives them with their masses, as often as asked.
fn draw<I: Iterator<Item = (usize, f64)>>(row: impl Fn() -> I, noise: &Noise, i: usize) -> usize {
    let total: f64 = row().map(|(_, mass)| mass).sum();
    let mut left = noise.stream(i).uniform() * total;
    let drawn = row().find(|(_, mass)| {
        left -= mass;
        left < 0.0
    });
    // Rounding: the last column that has mass.
    let last = || row().filter(|(_, mass)| *mass > 0.0).last();
    drawn.or_else(last).map_or(0, |(j, _)| j)
}
