//! The sliced Wasserstein distance.

use crate::line::w2_squared;
use rayon::prelude::*;
use transport_core::Noise;

/// The sliced `W₂` distance over random directions.
///
/// ```text
/// SW₂² = E_θ W₂²(⟨θ, X⟩, ⟨θ, Y⟩),    θ uniform on the sphere
/// ```
///
/// Approximate: `directions` of them are drawn, direction `k` from `noise`'s sample `k`. Returns
/// the distance, not its square.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major.
///
/// # Panics
/// When a sample is empty or has a partial row.
///
/// # References
/// Bonneel et al. (2015), "Sliced and Radon Wasserstein barycenters of measures".
#[must_use]
pub fn sliced_w2(x: &[f64], y: &[f64], d: usize, directions: usize, noise: &Noise) -> f64 {
    super::check(x, y, d, 1);
    let draws = noise.purpose("directions").resized(directions).normal_values(d);
    let squared: Vec<f64> = draws
        .par_chunks_exact(d)
        .map(|direction| {
            let norm = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
            let project = |s: &[f64]| {
                let dot = |row: &[f64]| row.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>();
                let mut line: Vec<f64> = s.chunks_exact(d).map(|row| dot(row) / norm).collect();
                line.sort_by(f64::total_cmp);
                line
            };
            w2_squared(&project(x), &project(y))
        })
        .collect();
    (squared.iter().sum::<f64>() / directions as f64).sqrt()
}
