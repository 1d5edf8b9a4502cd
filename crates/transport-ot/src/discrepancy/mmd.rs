//! The maximum mean discrepancy with a Gaussian kernel, and its permutation test.

use super::pairwise::{Columns, Pairs};
use super::resample::{LANES, Statistic, Weights};
use rayon::prelude::*;
use transport_core::Noise;

/// The squared maximum mean discrepancy, as an unbiased estimate.
///
/// ```text
/// MMD² = E k(X, X′) + E k(Y, Y′) − 2 E k(X, Y),    k(x, y) = exp(−|x − y|²/2h²)
/// ```
///
/// with the means over distinct pairs, so that a value may be slightly negative. The bandwidth `h`
/// is given; [`median_distance`] is the usual rule.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major, n, m ≥ 2. Time `O((n + m)² d)`, memory `O((n + m)²)`.
///
/// # Panics
/// When a sample has fewer than two rows or a partial one, or `h` is not positive.
///
/// # References
/// Gretton et al. (2012), "A kernel two-sample test", Lemma 6.
/// # Checked by
/// `tests/it/kernels.rs`
#[must_use]
pub fn mmd(x: &[f64], y: &[f64], d: usize, bandwidth: f64) -> f64 {
    Mmd::new(x, y, d, bandwidth).value()
}

/// [`mmd`] with the kernel's values kept, for a bootstrap.
#[derive(Clone, Debug)]
pub struct Mmd {
    xx: Pairs,
    xy: Pairs,
    yy: Pairs,
    rows: (usize, usize),
}

impl Mmd {
    /// Evaluates the kernel on all pairs.
    ///
    /// # Panics
    /// As [`mmd`].
    #[must_use]
    pub fn new(x: &[f64], y: &[f64], d: usize, bandwidth: f64) -> Self {
        super::check(x, y, d, 2);
        let factor = exponent(bandwidth);
        let pairs = |a: &[f64], b: &[f64]| Pairs::new(a, b, d, |square| (factor * square).exp());
        let rows = (x.len() / d, y.len() / d);
        Self { xx: pairs(x, x), xy: pairs(x, y), yy: pairs(y, y), rows }
    }
}

/// `−1/2h²`.
fn exponent(bandwidth: f64) -> f64 {
    assert!(bandwidth > 0.0, "the bandwidth is {bandwidth}");
    -0.5 / (bandwidth * bandwidth)
}

impl Statistic for Mmd {
    fn rows(&self) -> (usize, usize) {
        self.rows
    }

    fn at(&self, x: &[Weights], y: &[Weights]) -> [f64; LANES] {
        let (xx, yy) = (self.xx.within(x, 1.0), self.yy.within(y, 1.0));
        let xy = self.xy.between(x, y);
        std::array::from_fn(|k| xx[k] + yy[k] - 2.0 * xy[k])
    }
}

/// Rows that the median of distances is taken over at most.
const MEDIAN_ROWS: usize = 1000;

/// The median heuristic for a bandwidth: the median distance between distinct rows of a sample.
///
/// Of at most 1000 rows, evenly spread over the sample; 1 when the median is 0.
///
/// # Shapes
/// `x`: `[n, d]` row-major, n ≥ 2.
///
/// # Panics
/// When there are fewer than two rows or a partial one.
///
/// # References
/// Garreau, Jitkrittum & Kanagawa (2018), "Large sample analysis of the median heuristic".
#[must_use]
pub fn median_distance(x: &[f64], d: usize) -> f64 {
    super::check(x, x, d, 2);
    let n = x.len() / d;
    let count = n.min(MEDIAN_ROWS);
    let chosen: Vec<f64> =
        (0..count).flat_map(|k| &x[(k * n / count) * d..][..d]).copied().collect();
    let pairs = Pairs::new(&chosen, &chosen, d, |square| square);
    let mut squares: Vec<f64> =
        pairs.rows().enumerate().flat_map(|(i, row)| row[..i].iter().copied()).collect();
    let middle = squares.len() / 2;
    let (_, median, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
    if *median > 0.0 { median.sqrt() } else { 1.0 }
}

/// What a two-sample test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestResult {
    /// The statistic of the samples.
    pub statistic: f64,
    /// The share of relabellings, the samples' own included, with at least as large a statistic:
    /// reject at level α when it is at most α.
    pub p_value: f64,
}

/// Tests whether two samples have one law: [`mmd`] against random relabellings of the pooled rows.
///
/// ```text
/// p = (1 + #{b : MMD²_b ≥ MMD²}) / (1 + B)
/// ```
///
/// Exact at every level α that is a multiple of 1/(1 + B): `P(p ≤ α) ≤ α` whatever the law, so
/// long as the bandwidth does not depend on the labels (the default is the median distance of the
/// pooled rows). The kernel is evaluated once a pair, in tiles that are not kept, and each tile
/// meets all relabellings: `O((n + m)² (d + B))` time, `O((n + m) B)` memory. Relabellings are
/// summed in f32 within a tile, in f64 over tiles.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major, n, m ≥ 2.
///
/// # Panics
/// As [`mmd`], and without relabellings.
///
/// # References
/// Gretton et al. (2012); Schrab et al. (2023), "MMD aggregated two-sample test", for the level.
/// # Checked by
/// `tests/it/kernels.rs`
#[must_use]
pub fn mmd_test(
    x: &[f64],
    y: &[f64],
    d: usize,
    bandwidth: Option<f64>,
    relabellings: usize,
    noise: &Noise,
) -> TestResult {
    super::check(x, y, d, 2);
    assert!(relabellings > 0, "a test needs relabellings");
    let pooled = [x, y].concat();
    let factor = exponent(bandwidth.unwrap_or_else(|| median_distance(&pooled, d)));
    let (n, all) = (x.len() / d, pooled.len() / d);
    let labels = Labels::new(n, all, relabellings, noise);
    let sums = labels.sums(&pooled, d, factor);
    let values: Vec<f64> = (0..=relabellings).map(|b| sums.mmd(b, n as f64, all as f64)).collect();
    let statistic = values[0];
    // Ties count as at least as large, also those that rounding parts.
    let slack = 1e-9 * statistic.abs();
    let larger = values.iter().filter(|v| **v >= statistic - slack).count();
    TestResult { statistic, p_value: larger as f64 / (relabellings + 1) as f64 }
}

/// Which of the pooled rows are called `x`, in the samples' own labelling and in random ones.
struct Labels {
    /// `[all, width]`: 1 for `x`, 0 for `y`; labelling 0 is the samples' own.
    ones: Vec<f32>,
    /// Labellings, rounded up to whole vectors.
    width: usize,
}

/// Sums over pairs `i < j` of the kernel.
struct PairSums {
    /// Of all pairs.
    total: f64,
    /// Of pairs that are both `x`, for each labelling.
    both: Vec<f64>,
    /// Of pairs of which `x` are one or two, counted once or twice.
    either: Vec<f64>,
}

/// Rows and columns of a tile of the kernel matrix.
const TILE: usize = 64;

impl Labels {
    fn new(n: usize, all: usize, relabellings: usize, noise: &Noise) -> Self {
        let width = (relabellings + 1).next_multiple_of(16);
        let mut ones = vec![0.0; all * width];
        (0..n).for_each(|i| ones[i * width] = 1.0);
        let noise = noise.purpose("relabel").resized(1);
        for b in 1..=relabellings {
            let order = noise.at_step(b as u64).permutation(all);
            order[..n].iter().for_each(|i| ones[i * width + b] = 1.0);
        }
        Self { ones, width }
    }

    fn of(&self, row: usize) -> &[f32] {
        &self.ones[row * self.width..(row + 1) * self.width]
    }

    /// Bands of rows on any thread, their sums added in order.
    fn sums(&self, pooled: &[f64], d: usize, factor: f64) -> PairSums {
        let (columns, all) = (Columns::new(pooled, d), pooled.len() / d);
        let bands: Vec<PairSums> = (0..all.div_ceil(TILE))
            .into_par_iter()
            .map(|band| {
                self.band(band * TILE..all.min((band + 1) * TILE), pooled, &columns, factor)
            })
            .collect();
        let add = |part: fn(&PairSums) -> &Vec<f64>| -> Vec<f64> {
            (0..self.width).map(|b| bands.iter().map(|band| part(band)[b]).sum()).collect()
        };
        let total = bands.iter().map(|band| band.total).sum();
        PairSums { total, both: add(|s| &s.both), either: add(|s| &s.either) }
    }

    /// The pairs `i < j` with `i` in the band.
    fn band(
        &self,
        rows: std::ops::Range<usize>,
        pooled: &[f64],
        columns: &Columns,
        factor: f64,
    ) -> PairSums {
        let (d, width) = (pooled.len() / columns.len(), self.width);
        let zeros = || vec![0.0; width];
        let mut sums = PairSums { total: 0.0, both: zeros(), either: zeros() };
        let (mut square, mut kernel, mut inner) =
            ([0.0; TILE], [0.0f32; TILE], vec![0.0f32; width]);
        for start in (rows.start..columns.len()).step_by(TILE) {
            for i in rows.clone() {
                let first = start.max(i + 1);
                let count = (start + TILE).min(columns.len()).saturating_sub(first);
                let square = &mut square[..count];
                columns.squares(&pooled[i * d..(i + 1) * d], first, square);
                for (k, square) in kernel.iter_mut().zip(&*square) {
                    *k = (factor * square).exp() as f32;
                }
                inner.fill(0.0);
                for (j, k) in kernel[..count].iter().enumerate() {
                    let ones = self.of(first + j);
                    inner.iter_mut().zip(ones).for_each(|(sum, one)| *sum += k * one);
                }
                let row: f64 = kernel[..count].iter().map(|k| f64::from(*k)).sum();
                sums.total += row;
                for ((both, either), (inner, one)) in
                    sums.both.iter_mut().zip(&mut sums.either).zip(inner.iter().zip(self.of(i)))
                {
                    let (inner, one) = (f64::from(*inner), f64::from(*one));
                    *both += one * inner;
                    *either += one * row + inner;
                }
            }
        }
        sums
    }
}

impl PairSums {
    /// `MMD²` of labelling `b`: with `S` the sums over pairs, `S_xx = both`,
    /// `S_xy = either − 2 S_xx` and `S_yy = total − S_xx − S_xy`.
    fn mmd(&self, b: usize, n: f64, all: f64) -> f64 {
        let (m, xx) = (all - n, self.both[b]);
        let xy = self.either[b] - 2.0 * xx;
        let yy = self.total - xx - xy;
        2.0 * xx / (n * (n - 1.0)) + 2.0 * yy / (m * (m - 1.0)) - 2.0 * xy / (n * m)
    }
}
