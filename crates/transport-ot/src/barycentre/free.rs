//! The barycentre on points that move.

use super::{Measure, normalised, shares};
use crate::cost::Euclidean;
use crate::error::OtError;
use crate::exact::exact;
use crate::solved::{Effort, Solution, Solved};
use crate::weights::{positive, uniform};

/// A barycentre of equal masses.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeBarycentre {
    /// Its points, `[n, d]`.
    pub points: Vec<f64>,
    /// `Σₖ wₖ W₂²` to the measures.
    pub value: f64,
    /// Iterations, and the last root-mean-square move of a point.
    pub effort: Effort,
}

impl Solution for FreeBarycentre {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// A barycentre of `n` equal masses, from a first guess of its points.
///
/// ```text
/// xᵢ ← Σₖ wₖ Tₖ(xᵢ),    Tₖ the conditional mean of the exact plan onto νₖ
/// ```
///
/// The value never rises. The problem is not convex in the points: this is a local minimum.
///
/// # Errors
/// As [`exact`] and [`Euclidean::squared`]; a tolerance or a limit out of range.
///
/// # References
/// Cuturi & Doucet (2014), "Fast computation of Wasserstein barycenters"; Álvarez-Esteban et al.
/// (2016).
pub fn free_support(
    measures: &[Measure<'_>],
    weights: &[f64],
    d: usize,
    start: Vec<f64>,
    tolerance: f64,
    max_iterations: usize,
) -> Result<Solved<FreeBarycentre>, OtError> {
    let shares = shares(measures, weights, d)?;
    positive("the tolerance", tolerance)?;
    positive("the number of iterations", max_iterations as f64)?;
    let (mut points, mut iterations) = (start, 0);
    loop {
        let (next, value) = step(measures, &shares, d, &points)?;
        let n = (points.len() / d) as f64;
        let moved: f64 = next.iter().zip(&points).map(|(x, y)| (x - y) * (x - y)).sum();
        let error = (moved / n).sqrt();
        iterations += 1;
        if error <= tolerance || iterations >= max_iterations {
            let effort = Effort { iterations, error, tolerance };
            return Ok(Solved::judge(FreeBarycentre { points, value, effort }));
        }
        points = next;
    }
}

/// Where the points go next, and the value where they are.
fn step(
    measures: &[Measure<'_>],
    shares: &[f64],
    d: usize,
    points: &[f64],
) -> Result<(Vec<f64>, f64), OtError> {
    let (mut next, mut value) = (vec![0.0; points.len()], 0.0);
    for (measure, share) in measures.iter().zip(shares) {
        let cost = Euclidean::squared(points, measure.points, d)?;
        let plan = exact(&cost, &uniform(points.len() / d), &normalised(measure.weights))?;
        value += share * plan.value;
        let means = plan.barycentric(measure.points, d);
        next.iter_mut().zip(means).for_each(|(x, mean)| *x += share * mean);
    }
    Ok((next, value))
}
