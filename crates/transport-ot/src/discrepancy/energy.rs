//! The energy distance.

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
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major, n, m ≥ 2. Cost `O((n + m)² d)`.
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
    let within = |s: &[f64], n: f64| pairwise(s, s, d) / (n * (n - 1.0));
    2.0 * pairwise(x, y, d) / (n * m) - within(x, n) - within(y, m)
}

/// `Σᵢⱼ |xᵢ − yⱼ|`: row sums in parallel, added in order, so that threads do not change the bits.
fn pairwise(x: &[f64], y: &[f64], d: usize) -> f64 {
    let distance =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    let rows: Vec<f64> =
        x.par_chunks_exact(d).map(|a| y.chunks_exact(d).map(|b| distance(a, b)).sum()).collect();
    rows.iter().sum()
}
