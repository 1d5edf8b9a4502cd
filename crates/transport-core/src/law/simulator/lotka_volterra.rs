//! Predator and prey.

use super::{HALF_LINE, Simulator, log_normal_density, runge_kutta};
use crate::noise::Stream;
use crate::time::Interval;

/// Twenty counts of prey and predators, each known up to a tenth.
///
/// ```text
/// α, γ ~ LogNormal(−0.125, 0.5),   β, δ ~ LogNormal(−3, 0.5)        θ = (α, β, γ, δ)
/// X′ = α X − β X Y,   Y′ = −γ Y + δ X Y,   X(0) = 30,  Y(0) = 1
/// x ~ LogNormal(log X(tᵢ), 0.1), then the same of Y,   tᵢ = 0, 2.1, …, 18.9
/// ```
///
/// Counts are kept between 10⁻¹⁰ and 10⁴ before the noise.
///
/// # References
/// Lotka (1920); Volterra (1926); Lueckmann et al. (2021), T.10.
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LotkaVolterra;

const OBSERVED: usize = 10;
const GAP: f64 = 2.1;
const SPREAD: f64 = 0.1;
const PRIOR: [f64; 4] = [-0.125, -3.0, -0.125, -3.0];
/// The longest step, and the largest product of a step and a rate of change.
const LONGEST: f64 = 0.02;
const LARGEST: f64 = 0.1;

/// The logarithms of the counts at the observed times.
fn log_counts(theta: &[f64]) -> [f64; 2 * OBSERVED] {
    let [alpha, beta, gamma, delta] = [theta[0], theta[1], theta[2], theta[3]];
    let slope = |[x, y]: [f64; 2]| [alpha * x - beta * x * y, delta * x * y - gamma * y];
    let mut state = [30.0, 1.0];
    let mut logs = [0.0; 2 * OBSERVED];
    for i in 0..OBSERVED {
        let mut left = if i == 0 { 0.0 } else { GAP };
        while left > 0.0 {
            let rate = alpha.max(beta * state[1]).max(gamma).max(delta * state[0]);
            let h = LONGEST.min(LARGEST / rate).min(left);
            state = runge_kutta(slope, state, h);
            left -= h;
        }
        logs[i] = state[0].clamp(1e-10, 1e4).ln();
        logs[OBSERVED + i] = state[1].clamp(1e-10, 1e4).ln();
    }
    logs
}

impl Simulator for LotkaVolterra {
    fn parameters(&self) -> usize {
        4
    }

    fn data(&self) -> usize {
        2 * OBSERVED
    }

    fn support(&self) -> Interval {
        HALF_LINE
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        stream.fill_normal(theta);
        theta.iter_mut().zip(PRIOR).for_each(|(t, mean)| *t = (mean + 0.5 * *t).exp());
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        stream.fill_normal(x);
        x.iter_mut().zip(log_counts(theta)).for_each(|(x, log)| *x = (log + SPREAD * *x).exp());
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        let one = |(x, log): (&f64, f64)| log_normal_density(x.ln(), log, SPREAD * SPREAD) - x.ln();
        x.iter().zip(log_counts(theta)).map(one).sum()
    }
}
