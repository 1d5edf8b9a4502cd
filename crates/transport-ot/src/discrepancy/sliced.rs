//! The sliced Wasserstein distance.

use super::resample::{LANES, Statistic, Weights};
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
    Sliced::new(x, y, d, directions, noise).value()
}

/// [`sliced_w2`] with the sorted projections kept, for a bootstrap.
#[derive(Clone, Debug)]
pub struct Sliced {
    lines: Vec<[Line; 2]>,
    rows: (usize, usize),
}

/// The projections of a sample on a direction, ascending, each with the row it came from.
type Line = Vec<(f64, u32)>;

impl Sliced {
    /// Projects and sorts.
    ///
    /// # Panics
    /// As [`sliced_w2`].
    #[must_use]
    pub fn new(x: &[f64], y: &[f64], d: usize, directions: usize, noise: &Noise) -> Self {
        super::check(x, y, d, 1);
        let draws = noise.purpose("directions").resized(directions).normal_values(d);
        let project = |direction: &[f64]| {
            let norm = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
            [x, y].map(|sample| {
                let dot = |row: &[f64]| row.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>();
                let place = |(i, row): (usize, &[f64])| (dot(row) / norm, i as u32);
                let mut line: Line = sample.chunks_exact(d).enumerate().map(place).collect();
                line.sort_by(|a, b| a.0.total_cmp(&b.0));
                line
            })
        };
        let lines = draws.par_chunks_exact(d).map(project).collect();
        Self { lines, rows: (x.len() / d, y.len() / d) }
    }
}

impl Statistic for Sliced {
    fn rows(&self) -> (usize, usize) {
        self.rows
    }

    fn at(&self, x: &[Weights], y: &[Weights]) -> [f64; LANES] {
        std::array::from_fn(|k| {
            let mass = |w: &[Weights]| w.iter().map(|w| w[k]).sum::<f64>();
            let (n, m) = (mass(x), mass(y));
            let steps = |line: &Line, w: &[Weights]| -> Vec<(f64, f64)> {
                line.iter().map(|(v, i)| (*v, w[*i as usize][k])).collect()
            };
            let squared = |[a, b]: &[Line; 2]| w2_squared(&steps(a, x), n, &steps(b, y), m);
            self.root_mean(self.lines.iter().map(squared))
        })
    }

    fn value(&self) -> f64 {
        let values = |line: &Line| line.iter().map(|(v, _)| *v).collect::<Vec<f64>>();
        let squared = |[a, b]: &[Line; 2]| crate::line::w2_squared(&values(a), &values(b));
        let squares: Vec<f64> = self.lines.par_iter().map(squared).collect();
        self.root_mean(squares.into_iter())
    }
}

impl Sliced {
    fn root_mean(&self, squares: impl Iterator<Item = f64>) -> f64 {
        (squares.sum::<f64>() / self.lines.len() as f64).sqrt()
    }
}

/// [`crate::line::w2_squared`] of values that stand there several times (whole numbers `n`, `m` in
/// all), by the same walk along both quantile functions.
fn w2_squared(x: &[(f64, f64)], n: f64, y: &[(f64, f64)], m: f64) -> f64 {
    let (mut i, mut j, mut done, mut total) = (0, 0, 0.0, 0.0);
    // Where the steps of the quantile functions end, in units of 1/(n m): whole numbers, compared
    // exactly.
    let (mut left, mut right) = (x[0].1 * m, y[0].1 * n);
    while i < x.len() && j < y.len() {
        let next = left.min(right);
        total += (x[i].0 - y[j].0).powi(2) * (next - done);
        done = next;
        if left == next {
            i += 1;
            left += x.get(i).map_or(0.0, |step| step.1 * m);
        }
        if right == next {
            j += 1;
            right += y.get(j).map_or(0.0, |step| step.1 * n);
        }
    }
    total / (n * m)
}
