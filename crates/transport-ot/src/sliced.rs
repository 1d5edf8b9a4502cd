//! Sliced transport: the mean, or the largest, of the distances between projections onto lines.
//!
//! ```text
//! SW_p^p = E_θ W_p^p(⟨θ, X⟩, ⟨θ, Y⟩),    MSW_p = max_θ W_p(⟨θ, X⟩, ⟨θ, Y⟩),    |θ| = 1
//! ```

use crate::error::OtError;
use crate::line::{order, walk, wasserstein};
use crate::solved::{Effort, Solution, Solved};
use crate::weights::positive;
use rayon::prelude::*;
use transport_core::Noise;

/// Two weighted samples in `d` dimensions.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// The source, `[n, d]` row-major.
    pub x: &'a [f64],
    /// The target, `[m, d]` row-major.
    pub y: &'a [f64],
    /// The source's weights, `[n]`.
    pub a: &'a [f64],
    /// The target's weights, `[m]`.
    pub b: &'a [f64],
    /// The dimension.
    pub d: usize,
}

impl Samples<'_> {
    fn check(&self) -> Result<(), OtError> {
        for (points, weights) in [(self.x, self.a), (self.y, self.b)] {
            let expected = weights.len() * self.d;
            if expected != points.len() {
                return Err(OtError::Size { what: "coordinates", expected, found: points.len() });
            }
        }
        crate::weights::balanced(self.a, self.b, [self.a.len(), self.b.len()])?;
        if self.d == 0 {
            return Err(OtError::TooFewPoints { side: "source", points: 0, needed: 1 });
        }
        Ok(())
    }
}

/// `k` directions uniform on the sphere, `[k, d]`; direction `i` is sample `i` of the noise.
#[must_use]
pub fn directions(k: usize, d: usize, noise: &Noise) -> Vec<f64> {
    let mut draws = noise.purpose("directions").resized(k).normal_values(d);
    draws.chunks_exact_mut(d).for_each(normalise);
    draws
}

fn normalise(v: &mut [f64]) {
    let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    v.iter_mut().for_each(|v| *v /= norm);
}

fn project(points: &[f64], d: usize, theta: &[f64]) -> Vec<f64> {
    let dot = |row: &[f64]| row.iter().zip(theta).map(|(x, t)| x * t).sum();
    points.chunks_exact(d).map(dot).collect()
}

/// `SW_p` over given directions, `[k, d]`, each of length 1.
///
/// # Errors
/// As [`wasserstein`], and [`OtError::Size`] for points or directions.
///
/// # Example
/// ```
/// use transport_ot::sliced::{Samples, sliced};
/// let s = Samples { x: &[0.0, 0.0], y: &[3.0, 4.0], a: &[1.0], b: &[1.0], d: 2 };
/// assert_eq!(sliced(&s, &[1.0, 0.0, 0.0, 1.0], 2.0).unwrap(), 12.5f64.sqrt());
/// ```
pub fn sliced(samples: &Samples<'_>, directions: &[f64], p: f64) -> Result<f64, OtError> {
    samples.check()?;
    let d = samples.d;
    if directions.is_empty() || !directions.len().is_multiple_of(d) {
        let (expected, found) = (directions.len().next_multiple_of(d).max(d), directions.len());
        return Err(OtError::Size { what: "directions", expected, found });
    }
    let one = |theta: &[f64]| {
        let (x, y) = (project(samples.x, d, theta), project(samples.y, d, theta));
        wasserstein(&x, samples.a, &y, samples.b, p)
    };
    let each = directions.par_chunks_exact(d).map(one).collect::<Result<Vec<f64>, _>>()?;
    Ok((each.iter().sum::<f64>() / each.len() as f64).powf(1.0 / p))
}

/// The largest sliced `W₂` that was found, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxSliced {
    /// `W₂` along the direction.
    pub value: f64,
    /// The direction, of length 1.
    pub direction: Vec<f64>,
    /// Steps of all starts, and the angle by which the last step along the gradient moved: the
    /// height has kinks, on which a maximum may lie and no gradient vanish.
    pub effort: Effort,
}

impl Solution for MaxSliced {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// The max-sliced `W₂`: the best local maximum from `starts` random directions.
///
/// ```text
/// ∇_θ W₂² = 2 Σ Pᵢⱼ ⟨θ, xᵢ − yⱼ⟩ (xᵢ − yⱼ),    P the monotone coupling along θ
/// ```
///
/// ascended on the sphere with halved steps. A lower bound of the maximum: other local maxima may
/// be higher.
///
/// # Errors
/// As [`sliced`], and [`OtError::Parameter`].
///
/// # References
/// Deshpande et al. (2019), "Max-sliced Wasserstein distance".
pub fn max_sliced(
    samples: &Samples<'_>,
    starts: usize,
    tolerance: f64,
    max_iterations: usize,
    noise: &Noise,
) -> Result<Solved<MaxSliced>, OtError> {
    positive("the tolerance", tolerance)?;
    positive("the number of starts", starts as f64)?;
    positive("the number of iterations", max_iterations as f64)?;
    samples.check()?;
    sliced(samples, &directions(1, samples.d, noise), 2.0)?;
    let climbs: Vec<MaxSliced> = directions(starts, samples.d, noise)
        .par_chunks_exact(samples.d)
        .map(|theta| climb(samples, theta.to_vec(), tolerance, max_iterations))
        .collect();
    let iterations = climbs.iter().map(|c| c.effort.iterations).sum();
    let mut best = climbs[0].clone();
    for climb in climbs {
        if climb.value > best.value {
            best = climb;
        }
    }
    best.effort.iterations = iterations;
    Ok(Solved::judge(best))
}

fn climb(s: &Samples<'_>, mut theta: Vec<f64>, tolerance: f64, max_iterations: usize) -> MaxSliced {
    let (mut value, mut slope) = height(s, &theta);
    let (mut step, mut iterations) = (1.0, 0);
    loop {
        iterations += 1;
        let size = slope.iter().map(|g| g * g).sum::<f64>().sqrt();
        let error = if value > 0.0 { size / value * f64::min(step, 1.0) } else { 0.0 };
        if error <= tolerance || iterations >= max_iterations {
            let effort = Effort { iterations, error, tolerance };
            return MaxSliced { value: value.sqrt(), direction: theta, effort };
        }
        let mut next: Vec<f64> =
            theta.iter().zip(&slope).map(|(t, g)| t + step * g / value).collect();
        normalise(&mut next);
        let there = height(s, &next);
        if there.0 >= value + 0.25 * step * size * size / value {
            (theta, (value, slope), step) = (next, there, 2.0 * step);
        } else {
            step *= 0.5;
        }
    }
}

/// `W₂²` along a direction, and its gradient on the sphere.
fn height(s: &Samples<'_>, theta: &[f64]) -> (f64, Vec<f64>) {
    let d = s.d;
    let (x, y) = (project(s.x, d, theta), project(s.y, d, theta));
    let (mut value, mut slope) = (0.0, vec![0.0; d]);
    let mass = s.a.iter().sum::<f64>();
    walk(&order(&x), s.a, &order(&y), s.b, |i, j, moved| {
        let gap = x[i] - y[j];
        value += moved / mass * gap * gap;
        for (k, g) in slope.iter_mut().enumerate() {
            *g += 2.0 * moved / mass * gap * (s.x[i * d + k] - s.y[j * d + k]);
        }
    });
    let along: f64 = slope.iter().zip(theta).map(|(g, t)| g * t).sum();
    slope.iter_mut().zip(theta).for_each(|(g, t)| *g -= along * t);
    (value, slope)
}
