//! Who goes with whom inside a batch.

use transport_core::Noise;
use transport_ot::cost::Euclidean;
use transport_ot::weights::uniform;
use transport_ot::{Side, Sinkhorn, assignment};

/// A coupling between the starts and the ends of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pairing {
    /// Each start with any end.
    Independent,
    /// Optimal transport for the squared distance: the assignment.
    Exact,
    /// Optimal transport for the squared distance plus `weight` times the squared distance of the
    /// contexts, so that ends keep the law of their context as `weight` grows (C²OT).
    Conditional {
        /// The weight of the context.
        weight: f64,
    },
    /// Draws from the entropic plan for the squared distance and this `ε`.
    Sinkhorn {
        /// The regularisation; `2 σ²` for the bridge of reference variance `σ²`.
        epsilon: f64,
    },
}

impl Pairing {
    /// The pairs (row of `starts`, row of `ends`), as many as rows.
    ///
    /// The contexts that starts are given under [`Pairing::Conditional`] are those of the ends in
    /// another order, drawn anew for each batch: independent of the start, with the right law.
    ///
    /// # Shapes
    /// `starts`, `ends`: `[n, d]` row-major; `contexts`: `[n, c]`, of the ends.
    ///
    /// # Panics
    /// When the sizes disagree.
    #[must_use]
    pub fn pairs(
        &self,
        starts: &[f64],
        ends: &[f64],
        contexts: Option<&[f64]>,
        d: usize,
        noise: &Noise,
    ) -> Vec<(usize, usize)> {
        assert_eq!(starts.len(), ends.len(), "as many starts as ends");
        let n = starts.len().div_euclid(d.max(1));
        match (self, contexts) {
            (Self::Independent, _) => (0..n).map(|i| (i, i)).collect(),
            (Self::Exact, _) | (Self::Conditional { .. }, None) => assigned(starts, ends, d),
            (Self::Conditional { weight }, Some(contexts)) => {
                let c = contexts.len().div_euclid(n.max(1));
                let other = chosen(contexts, &noise.shared().permutation(n), c);
                let beside = |x: &[f64], contexts: &[f64]| -> Vec<f64> {
                    let rows = x.chunks_exact(d).zip(contexts.chunks_exact(c));
                    let scaled = |v: &f64| weight.sqrt() * v;
                    rows.flat_map(|(x, c)| x.iter().copied().chain(c.iter().map(scaled))).collect()
                };
                assigned(&beside(starts, &other), &beside(ends, contexts), d + c)
            }
            (Self::Sinkhorn { epsilon }, _) => entropic(starts, ends, d, *epsilon, noise),
        }
    }
}

/// The rows at `index` of `[n, d]` values.
pub(super) fn chosen(values: &[f64], index: &[usize], d: usize) -> Vec<f64> {
    index.iter().flat_map(|r| values[r * d..(r + 1) * d].iter().copied()).collect()
}

/// The optimal assignment; the order of the batch where a point is not finite, which the loss then
/// reports.
fn assigned(starts: &[f64], ends: &[f64], d: usize) -> Vec<(usize, usize)> {
    let solved = Euclidean::squared(starts, ends, d).and_then(|cost| assignment(&cost));
    match solved {
        Ok(solved) => solved.targets.into_iter().enumerate().collect(),
        Err(_) => (0..starts.len().div_euclid(d)).map(|i| (i, i)).collect(),
    }
}

/// Iterations and tolerance that a batch's plan is worth: its draws are noisier.
const ITERATIONS: usize = 1000;
const TOLERANCE: f64 = 1e-3;

/// For each start one draw of its row of the entropic plan.
fn entropic(
    starts: &[f64],
    ends: &[f64],
    d: usize,
    epsilon: f64,
    noise: &Noise,
) -> Vec<(usize, usize)> {
    let n = starts.len().div_euclid(d);
    let draws = noise.resized(n);
    let drawn = || {
        let cost = Euclidean::squared(starts, ends, d)?;
        let solver = Sinkhorn::new(epsilon).tolerance(TOLERANCE).max_iterations(ITERATIONS);
        let plan = solver.solve(&cost, &uniform(n), &uniform(n))?.best_effort();
        let draw = |i: usize, row: &[f64], _: &[f64]| {
            let mut rest = draws.stream(i).uniform() * row.iter().sum::<f64>();
            let chosen = row.iter().position(|p| {
                rest -= p;
                rest < 0.0
            });
            (i, chosen.unwrap_or(n - 1))
        };
        Ok::<_, transport_ot::OtError>(plan.map_rows(&cost, Side::Source, draw))
    };
    drawn().unwrap_or_else(|_| (0..n).map(|i| (i, i)).collect())
}
