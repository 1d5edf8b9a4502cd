//! Resampling: intervals and tests for statistics of two weighted samples.

use rayon::prelude::*;
use transport_core::Noise;

/// Replicates that are evaluated together.
pub const LANES: usize = 8;

/// A weight for each row in each of [`LANES`] replicates.
pub type Weights = [f64; LANES];

/// A statistic of two weighted samples: what a bootstrap draws again.
///
/// Weights are counts: how often a row stands in the replicate. With every count 1 it is the
/// statistic itself. Pairs of copies of one row are no pairs.
pub trait Statistic: Sync {
    /// The numbers of rows, `(n, m)`.
    fn rows(&self) -> (usize, usize);

    /// The statistic of each replicate.
    ///
    /// # Shapes
    /// `x`: a weight for each of `n` rows, `y`: for each of `m`.
    fn at(&self, x: &[Weights], y: &[Weights]) -> [f64; LANES];

    /// The statistic of the samples as they are.
    fn value(&self) -> f64 {
        let (n, m) = self.rows();
        self.at(&vec![[1.0; LANES]; n], &vec![[1.0; LANES]; m])[0]
    }
}

/// A number with its standard error and an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The statistic.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Which rows are drawn again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redraw {
    /// Both samples.
    Both,
    /// The first; the second is what the statement is conditional on.
    First,
    /// The second.
    Second,
}

/// A statistic with its centred bootstrap interval.
///
/// ```text
/// [ θ + q_{0.025}(θ* − θ̄*),  θ + q_{0.975}(θ* − θ̄*) ],    error = std(θ*)
/// ```
///
/// θ* the statistic of rows drawn with replacement, independently in the samples. Centred on the
/// mean of the replicates, because drawing with replacement repeats rows and moves distances of
/// sorted or nearest points up: the interval says how far θ would move with other samples of the
/// same sizes. Where both samples have one law, a U-statistic is degenerate and its bootstrap too
/// wide (Arcones & Giné 1992): a test belongs to [`super::mmd_test`].
///
/// # Panics
/// With fewer than 2 replicates.
///
/// # References
/// Efron & Tibshirani (1993), "An introduction to the bootstrap".
/// # Checked by
/// `tests/it/resampling.rs`
#[must_use]
pub fn bootstrap(
    statistic: &dyn Statistic,
    redraw: Redraw,
    replicates: usize,
    noise: &Noise,
) -> Estimate {
    assert!(replicates >= 2, "{replicates} replicates");
    let (n, m) = statistic.rows();
    let counts = |noise: &Noise, rows: usize, drawn: bool, first: usize| {
        let mut weights = vec![[f64::from(u8::from(!drawn)); LANES]; rows];
        for lane in (0..LANES).filter(|_| drawn) {
            let mut stream = noise.resized(first + LANES).stream(first + lane);
            (0..rows).for_each(|_| weights[stream.below(rows)][lane] += 1.0);
        }
        weights
    };
    let (left, right) = (noise.purpose("bootstrap-x"), noise.purpose("bootstrap-y"));
    let block = |k: usize| {
        let x = counts(&left, n, redraw != Redraw::Second, k * LANES);
        let y = counts(&right, m, redraw != Redraw::First, k * LANES);
        statistic.at(&x, &y)
    };
    let blocks: Vec<[f64; LANES]> =
        (0..replicates.div_ceil(LANES)).into_par_iter().map(block).collect();
    centred(statistic.value(), &blocks.as_flattened()[..replicates])
}

/// The 95 % interval of replicates, moved to where the value is.
fn centred(value: f64, replicates: &[f64]) -> Estimate {
    let n = replicates.len() as f64;
    let mean = replicates.iter().sum::<f64>() / n;
    let square = |v: &f64| (v - mean) * (v - mean);
    let error = (replicates.iter().map(square).sum::<f64>() / (n - 1.0)).sqrt();
    let mut sorted = replicates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) =
        (value + quantile(&sorted, 0.025) - mean, value + quantile(&sorted, 0.975) - mean);
    Estimate { value, error, low: low.min(value), high: high.max(value) }
}

/// The `p`-quantile of sorted values, linear between them.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The weighted mean of a number that each row of the first sample has.
#[derive(Clone, Debug)]
pub struct Mean(pub Vec<f64>);

impl Statistic for Mean {
    fn rows(&self) -> (usize, usize) {
        (self.0.len(), 0)
    }

    fn at(&self, x: &[Weights], _y: &[Weights]) -> [f64; LANES] {
        let mut sums = [[0.0; LANES]; 2];
        for (value, weight) in self.0.iter().zip(x) {
            for k in 0..LANES {
                sums[0][k] += weight[k] * value;
                sums[1][k] += weight[k];
            }
        }
        std::array::from_fn(|k| sums[0][k] / sums[1][k])
    }
}
