//! Memorisation: how much nearer a sample is to its nearest training row than to the next.

use super::pairwise::neighbours;

/// The ratio of the distances from each sample to its nearest and second nearest training row.
///
/// ```text
/// ρ(x) = |x − t₍₁₎| / |x − t₍₂₎| ∈ [0, 1]
/// ```
///
/// A copy of a training row has ρ = 0; a fresh draw is about as far from one row as from the next.
/// ρ < 1/3 is the usual mark of a memorised sample. What fresh draws give depends on the dimension
/// and the data: compare with held-out rows.
///
/// # Shapes
/// `x`: `[n, d]`, `training`: `[m, d]`, row-major, m ≥ 2; returns `[n]`.
///
/// # Panics
/// When there are fewer than two training rows or a partial row.
///
/// # References
/// Yoon et al. (2023), "Diffusion probabilistic models generalize when they fail to memorize".
/// # Checked by
/// `tests/it/manifolds.rs`
#[must_use]
pub fn neighbour_ratios(x: &[f64], training: &[f64], d: usize) -> Vec<f64> {
    super::check(training, training, d, 2);
    super::check(x, x, d, 1);
    let ratio = |[first, second]: [f64; 2]| if first == 0.0 { 0.0 } else { first / second };
    neighbours::<2>(x, training, d, false).into_iter().map(ratio).collect()
}

/// The distance from each row to the nearest other row of the sample: 0 for a duplicate.
///
/// # Shapes
/// `x`: `[n, d]` row-major, n ≥ 2; returns `[n]`.
///
/// # Panics
/// When there are fewer than two rows or a partial one.
#[must_use]
pub fn nearest_others(x: &[f64], d: usize) -> Vec<f64> {
    super::check(x, x, d, 2);
    neighbours::<1>(x, x, d, true).into_iter().map(|[distance]| distance).collect()
}
