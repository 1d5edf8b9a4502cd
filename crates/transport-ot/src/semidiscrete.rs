//! Semidiscrete transport: from a law that can be sampled onto weighted points.
//!
//! ```text
//! max_g E_x[ minⱼ |x − yⱼ|² − gⱼ ] + Σⱼ bⱼ gⱼ,    T(x) = y_{argminⱼ |x − yⱼ|² − gⱼ}
//! ```
//!
//! The cells of the map are a power diagram. The gradient in `gⱼ` is `bⱼ − P(T(x) = yⱼ)`, an
//! expectation: stochastic ascent, with the iterates averaged.
//!
//! # References
//! Genevay et al. (2016), "Stochastic optimization for large-scale optimal transport"; Polyak &
//! Juditsky (1992) (averaging).

use crate::cost::{Cost, Euclidean, Side};
use crate::error::OtError;
use crate::solved::{Effort, Solution, Solved};
use crate::weights::{mass, positive};
use rayon::prelude::*;
use transport_core::Noise;

/// How to ascend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ascent {
    /// Draws of a step.
    pub batch: usize,
    /// Steps.
    pub steps: usize,
    /// The first step's length, in units of the squared distance between a draw and a target.
    pub rate: f64,
    /// Draws on which the cells are measured at the end, none of which the ascent has seen.
    pub checks: usize,
    /// The violation `Σⱼ |P(T(x) = yⱼ) − bⱼ|`, as measured, that counts as converged. Measuring it on
    /// `checks` draws adds about `√(m / checks)`.
    pub tolerance: f64,
}

impl Default for Ascent {
    /// 2,000 steps of 256 draws, 20,000 to check, a tolerance of 0.1.
    fn default() -> Self {
        Self { batch: 256, steps: 2_000, rate: 1.0, checks: 20_000, tolerance: 0.1 }
    }
}

/// A map onto weighted points, with its potential.
#[derive(Debug, Clone)]
pub struct SemidiscreteMap {
    /// The points, `[m, d]`.
    pub targets: Vec<f64>,
    /// The potential `g`, with mean zero under the weights.
    pub g: Vec<f64>,
    /// The dual value, an estimate of `W₂²` from below, but for its sampling error.
    pub value: f64,
    /// The standard error of the value.
    pub standard_error: f64,
    /// The mass of each cell, as measured.
    pub cells: Vec<f64>,
    /// Steps, and the measured violation.
    pub effort: Effort,
    d: usize,
}

impl Solution for SemidiscreteMap {
    fn effort(&self) -> Effort {
        self.effort
    }
}

impl SemidiscreteMap {
    /// The index of the target of each row of `x`: `[n, d]`.
    ///
    /// # Errors
    /// As [`Euclidean::squared`].
    pub fn assign(&self, x: &[f64]) -> Result<Vec<usize>, OtError> {
        let cells = nearest(&Euclidean::squared(x, &self.targets, self.d)?, &self.g);
        Ok(cells.into_iter().map(|(j, _)| j).collect())
    }
}

/// The optimal map from a law onto `targets`, `[m, d]`, of weights `b`.
///
/// `draw(noise)` gives one point `[d]` for each of the noise's samples, `[n, d]`.
///
/// # Errors
/// As [`Euclidean::squared`], for the targets and for what is drawn; weights and settings out of
/// range.
pub fn semidiscrete(
    draw: &(dyn Fn(&Noise) -> Vec<f64> + Sync),
    targets: &[f64],
    b: &[f64],
    d: usize,
    ascent: &Ascent,
    noise: &Noise,
) -> Result<Solved<SemidiscreteMap>, OtError> {
    let total = mass(b, targets.len() / d.max(1), "target")?;
    for (name, value) in [
        ("the batch", ascent.batch as f64),
        ("the number of steps", ascent.steps as f64),
        ("the rate", ascent.rate),
        ("the number of checks", ascent.checks as f64),
        ("the tolerance", ascent.tolerance),
    ] {
        positive(name, value)?;
    }
    let b: Vec<f64> = b.iter().map(|b| b / total).collect();
    let mut g = climb(draw, targets, &b, d, ascent, noise)?;
    let middle: f64 = g.iter().zip(&b).map(|(g, b)| g * b).sum();
    g.iter_mut().for_each(|g| *g -= middle);
    let points = draw(&noise.purpose("check").resized(ascent.checks));
    let found = nearest(&Euclidean::squared(&points, targets, d)?, &g);
    let mut cells = vec![0.0; b.len()];
    found.iter().for_each(|(j, _)| cells[*j] += 1.0 / found.len() as f64);
    let error = cells.iter().zip(&b).map(|(c, b)| (c - b).abs()).sum();
    let n = found.len() as f64;
    // The weighted mean of g is zero.
    let value = found.iter().map(|(_, c)| c).sum::<f64>() / n;
    let variance = found.iter().map(|(_, c)| (c - value).powi(2)).sum::<f64>() / n;
    let effort = Effort { iterations: ascent.steps, error, tolerance: ascent.tolerance };
    Ok(Solved::judge(SemidiscreteMap {
        targets: targets.to_vec(),
        g,
        value,
        standard_error: (variance / n).sqrt(),
        cells,
        effort,
        d,
    }))
}

/// The mean of the second half of the iterates; steps shrink as `1/√k`.
fn climb(
    draw: &(dyn Fn(&Noise) -> Vec<f64> + Sync),
    targets: &[f64],
    b: &[f64],
    d: usize,
    ascent: &Ascent,
    noise: &Noise,
) -> Result<Vec<f64>, OtError> {
    let (mut g, mut mean) = (vec![0.0; b.len()], vec![0.0; b.len()]);
    let noise = noise.purpose("ascent").resized(ascent.batch);
    let mut scale = None;
    let late = ascent.steps.div_ceil(2);
    for step in 0..ascent.steps {
        let points = draw(&noise.at_step(step as u64));
        let cost = Euclidean::squared(&points, targets, d)?;
        let found = nearest(&cost, &g);
        let scale = *scale.get_or_insert_with(|| cost.scale());
        let rate = ascent.rate * scale / ((step + 1) as f64).sqrt();
        g.iter_mut().zip(b).for_each(|(g, b)| *g += rate * b);
        found.iter().for_each(|(j, _)| g[*j] -= rate / found.len() as f64);
        if step + late >= ascent.steps {
            mean.iter_mut().zip(&g).for_each(|(m, g)| *m += g / late as f64);
        }
    }
    Ok(mean)
}

/// For each source point, the target with the least `c − g`, and that value.
fn nearest(cost: &Euclidean, g: &[f64]) -> Vec<(usize, f64)> {
    let best = |row: &mut Vec<f64>, i: usize| {
        cost.row(Side::Source, i, row);
        let reduced = row.iter().zip(g).map(|(c, g)| c - g).enumerate();
        reduced.fold((0, f64::INFINITY), |best, (j, r)| if r < best.1 { (j, r) } else { best })
    };
    (0..cost.shape()[0]).into_par_iter().map_init(|| vec![0.0; g.len()], best).collect()
}
