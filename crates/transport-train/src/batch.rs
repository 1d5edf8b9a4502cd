//! Batches: which rows a step sees, as a function of the step alone.

use std::ops::Range;
use transport_core::Noise;

/// Training rows in the model's space, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The states, `[n, dim]` row-major.
    pub states: Vec<f32>,
    /// Columns of a state.
    pub dim: usize,
    /// The encoded contexts, `[n, context_dim]` row-major; empty when there is none.
    pub contexts: Vec<f32>,
    /// Columns of a context, 0 for none.
    pub context_dim: usize,
}

impl Rows {
    /// Rows of `dim` columns without contexts, rounded to f32.
    #[must_use]
    pub fn plain(values: impl IntoIterator<Item = f64>, dim: usize) -> Self {
        let states = values.into_iter().map(|v| v as f32).collect();
        Self { states, dim, contexts: Vec::new(), context_dim: 0 }
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len() / self.dim
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

/// Walks through permutations of the rows, one after another, in batches.
///
/// Sample `k = step · batch + i` is row `π_e(k mod n)` of epoch `e = k / n`; the permutation of an
/// epoch depends on the seed and the epoch only, so that any step can be visited at once.
#[derive(Clone, Debug)]
pub struct Batches {
    n: usize,
    batch: usize,
    noise: Noise,
    epoch: Option<(u64, Vec<usize>)>,
}

impl Batches {
    /// Batches of `batch` rows out of `n`.
    ///
    /// # Panics
    /// When there are no rows or the batch is empty.
    #[must_use]
    pub fn new(n: usize, batch: usize, noise: &Noise) -> Self {
        assert!(n > 0 && batch > 0, "batches of {batch} out of {n} rows");
        Self { n, batch, noise: noise.purpose("shuffle"), epoch: None }
    }

    /// The rows of step `step`.
    #[must_use]
    pub fn rows(&mut self, step: u64) -> Vec<usize> {
        let first = step * self.batch as u64;
        let n = self.n as u64;
        (first..first + self.batch as u64).map(|k| self.order(k / n)[(k % n) as usize]).collect()
    }

    fn order(&mut self, epoch: u64) -> &[usize] {
        if self.epoch.as_ref().is_none_or(|(e, _)| *e != epoch) {
            self.epoch = Some((epoch, self.noise.at_step(epoch).permutation(self.n)));
        }
        self.epoch.as_ref().map_or(&[], |(_, order)| order)
    }
}

/// Splits `n` rows into `shards` consecutive ranges whose sizes differ by at most one; fewer when
/// there are fewer rows.
#[must_use]
pub fn shards(n: usize, shards: usize) -> Vec<Range<usize>> {
    let count = shards.clamp(1, n.max(1));
    (0..count).map(|k| k * n / count..(k + 1) * n / count).collect()
}
