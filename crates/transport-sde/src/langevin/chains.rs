//! What a sampler has drawn.

use super::Tuning;
use crate::diagnostics::Summary;

/// Draws of several chains, with how they came about.
#[derive(Clone, PartialEq)]
pub struct Chains {
    pub(super) chains: usize,
    pub(super) dim: usize,
    pub(super) draws: Vec<f64>,
    pub(super) acceptance: Vec<f64>,
    pub(super) divergences: Vec<usize>,
    pub(super) judged: usize,
    pub(super) evals: usize,
    pub(super) tuning: Tuning,
    pub(super) last: Vec<f64>,
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut said = f.debug_struct("Chains");
        said.field("chains", &self.chains).field("dim", &self.dim).field("draws", &self.len());
        said.field("tuning", &self.tuning).finish_non_exhaustive()
    }
}

impl Chains {
    pub(super) fn empty(chains: usize, dim: usize, tuning: Tuning) -> Self {
        let (acceptance, divergences) = (vec![0.0; chains], vec![0; chains]);
        let (draws, last, judged, evals) = (vec![], vec![], 0, 0);
        Self { chains, dim, draws, acceptance, divergences, judged, evals, tuning, last }
    }

    /// The number of chains.
    #[must_use]
    pub fn chains(&self) -> usize {
        self.chains
    }

    /// The number of quantities.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The number of draws of each chain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.draws.len().checked_div(self.chains * self.dim).unwrap_or(0)
    }

    /// Whether nothing was drawn.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.draws.is_empty()
    }

    /// All draws, `[draws, chains, dim]` row-major: row `i · chains + c` is draw `i` of chain `c`.
    #[must_use]
    pub fn draws(&self) -> &[f64] {
        &self.draws
    }

    /// The chains of quantity `j`.
    ///
    /// # Panics
    /// When there is no quantity `j`.
    #[must_use]
    pub fn series(&self, j: usize) -> Vec<Vec<f64>> {
        assert!(j < self.dim, "quantity {j} of {}", self.dim);
        let (stride, dim) = (self.chains * self.dim, self.dim);
        let chain = |c: usize| self.draws.iter().skip(c * dim + j).step_by(stride).copied();
        (0..self.chains).map(|c| chain(c).collect()).collect()
    }

    /// The diagnostics of each quantity.
    #[must_use]
    pub fn summaries(&self) -> Vec<Summary> {
        (0..self.dim).map(|j| Summary::of(&self.series(j))).collect()
    }

    /// The same chains of other quantities: `f` takes the draws as rows `[rows, dim]` and gives as
    /// many rows of any width, for instance [`super::Constrained::constrain`] on a tensor of them.
    ///
    /// # Panics
    /// When the number of rows changes.
    #[must_use]
    pub fn mapped(&self, f: impl FnOnce(&[f64]) -> Vec<f64>) -> Self {
        let (rows, draws) = (self.len() * self.chains, f(&self.draws));
        assert!(draws.len().is_multiple_of(rows.max(1)), "{} values in {rows} rows", draws.len());
        let dim = draws.len().checked_div(rows).unwrap_or(self.dim);
        Self { dim, draws, ..self.clone() }
    }

    /// The mean acceptance probability of each chain after warm-up; empty where proposals are not
    /// judged.
    #[must_use]
    pub fn acceptance(&self) -> Vec<f64> {
        if self.judged == 0 {
            return vec![];
        }
        self.acceptance.iter().map(|a| a / self.judged as f64).collect()
    }

    /// The mean acceptance over chains; NaN where proposals are not judged.
    #[must_use]
    pub fn mean_acceptance(&self) -> f64 {
        let each = self.acceptance();
        each.iter().sum::<f64>() / each.len() as f64
    }

    /// Divergent proposals of each chain after warm-up.
    #[must_use]
    pub fn divergences(&self) -> &[usize] {
        &self.divergences
    }

    /// Evaluations of the target for each chain, warm-up included, the search for a step aside.
    #[must_use]
    pub fn evals(&self) -> usize {
        self.evals
    }

    /// The tuning that the draws were made with.
    #[must_use]
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The sampler's own last positions, `[chains, d]` row-major, from which another run can start.
    #[must_use]
    pub fn last(&self) -> &[f64] {
        &self.last
    }
}
