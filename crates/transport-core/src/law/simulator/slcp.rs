//! A simple likelihood with a complex posterior.

use super::{Simulator, uniform};
use crate::noise::Stream;
use crate::time::Interval;
use std::f64::consts::TAU;

/// Four points of a plane Gaussian whose mean and covariance are the parameters.
///
/// ```text
/// θ ~ U(−3, 3)⁵,   x = (y₁, …, y₄),   yᵢ ~ N((θ₁, θ₂), S)
/// S = [ s₁² + ϵ, ρ s₁ s₂; ρ s₁ s₂, s₂² + ϵ ],   s₁ = θ₃²,  s₂ = θ₄²,  ρ = tanh θ₅,  ϵ = 10⁻⁶
/// ```
///
/// The signs of θ₃ and θ₄ are not seen: the posterior has four modes.
///
/// # References
/// Papamakarios, Sterratt & Murray (2019); Lueckmann et al. (2021), T.3.
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slcp;

const POINTS: usize = 4;
const RIDGE: f64 = 1e-6;

/// The lower Cholesky factor `(l₁₁, l₂₁, l₂₂)` of S.
fn factor(theta: &[f64]) -> (f64, f64, f64) {
    let (s1, s2, rho) = (theta[2].powi(2), theta[3].powi(2), theta[4].tanh());
    let first = (s1 * s1 + RIDGE).sqrt();
    let cross = rho * s1 * s2 / first;
    (first, cross, (s2 * s2 + RIDGE - cross * cross).sqrt())
}

impl Simulator for Slcp {
    fn parameters(&self) -> usize {
        5
    }

    fn data(&self) -> usize {
        2 * POINTS
    }

    fn support(&self) -> Interval {
        Interval { start: -3.0, end: 3.0 }
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        uniform(stream, 3.0, theta);
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        let (first, cross, second) = factor(theta);
        for y in x.chunks_exact_mut(2) {
            let (a, b) = stream.normal_pair();
            y[0] = theta[0] + first * a;
            y[1] = theta[1] + cross * a + second * b;
        }
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        let (first, cross, second) = factor(theta);
        let one = |y: &[f64]| {
            let a = (y[0] - theta[0]) / first;
            let b = (y[1] - theta[1] - cross * a) / second;
            -0.5 * (a * a + b * b) - (TAU * first * second).ln()
        };
        x.chunks_exact(2).map(one).sum()
    }
}
