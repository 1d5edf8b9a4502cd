//! The energy distance.

use super::pairwise::Pairs;
use super::resample::{LANES, Statistic, Weights};

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
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major, n, m ≥ 2. Cost `O((n + m)² d)`.
///
/// # Panics
/// When a sample has fewer than two rows or a partial one.
///
/// # References
/// Székely & Rizzo (2013), "Energy statistics".
#[must_use]
pub fn energy_distance(x: &[f64], y: &[f64], d: usize) -> f64 {
    Energy::new(x, y, d).value()
}

/// [`energy_distance`] with the distances kept, for a bootstrap.
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
