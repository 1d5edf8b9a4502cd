//! The energy distance.

use super::pairwise::{Columns, Pairs};
use super::resample::{LANES, Statistic, Weights};
use rayon::prelude::*;

/// The energy distance between two samples, as an unbiased estimate.
///
/// ```text
/// D² = 2 E|X − Y| − E|X − X′| − E|Y − Y′|
/// ```
///
/// with the means taken over distinct pairs, so that two samples of one law average to 0 and a
/// value may be slightly negative. Zero in the limit only for equal laws.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major, n, m ≥ 2. Time `O((n + m)² d)`, memory `O((n + m) d)`.
///
/// # Panics
/// When a sample has fewer than two rows or a partial one.
///
/// # References
/// Székely & Rizzo (2013), "Energy statistics".
#[must_use]
pub fn energy_distance(x: &[f64], y: &[f64], d: usize) -> f64 {
    super::check(x, y, d, 2);
    let (n, m) = ((x.len() / d) as f64, (y.len() / d) as f64);
    2.0 * total(x, y, d) / (n * m)
        - total(x, x, d) / (n * (n - 1.0))
        - total(y, y, d) / (m * (m - 1.0))
}

/// `Σᵢⱼ |xᵢ − yⱼ|`, a row at a time: each on any thread, added in their order.
fn total(x: &[f64], y: &[f64], d: usize) -> f64 {
    let columns = Columns::new(y, d);
    let row = |line: &mut Vec<f64>, x: &[f64]| -> f64 {
        columns.squares(x, 0, line);
        line.iter().map(|v| v.sqrt()).sum()
    };
    let rows: Vec<f64> = x.par_chunks_exact(d).map_init(|| vec![0.0; columns.len()], row).collect();
    rows.iter().sum()
}

/// [`energy_distance`] with the distances kept, `O((n + m)²)` of memory, for a bootstrap.
#[derive(Clone, Debug)]
pub struct Energy {
    xx: Pairs,
    xy: Pairs,
    yy: Pairs,
    rows: (usize, usize),
}

impl Energy {
    /// Measures all distances.
    ///
    /// # Panics
    /// As [`energy_distance`].
    #[must_use]
    pub fn new(x: &[f64], y: &[f64], d: usize) -> Self {
        super::check(x, y, d, 2);
        let pairs = |a: &[f64], b: &[f64]| Pairs::new(a, b, d, f64::sqrt);
        let rows = (x.len() / d, y.len() / d);
        Self { xx: pairs(x, x), xy: pairs(x, y), yy: pairs(y, y), rows }
    }
}

impl Statistic for Energy {
    fn rows(&self) -> (usize, usize) {
        self.rows
    }

    fn at(&self, x: &[Weights], y: &[Weights]) -> [f64; LANES] {
        let (xx, yy) = (self.xx.within(x, 0.0), self.yy.within(y, 0.0));
        let xy = self.xy.between(x, y);
        std::array::from_fn(|k| 2.0 * xy[k] - xx[k] - yy[k])
    }
}
