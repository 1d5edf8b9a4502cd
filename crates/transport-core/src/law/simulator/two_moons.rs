//! Two moons.

use super::{Simulator, log_normal_density, uniform};
use crate::noise::Stream;
use crate::time::Interval;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A crescent, shifted by the parameters; the posterior is two crescents.
///
/// ```text
/// θ ~ U(−1, 1)²,   a ~ U(−π/2, π/2),   r ~ N(0.1, 0.01²)
/// x = (r cos a + 0.25 − |θ₁ + θ₂|/√2,   r sin a + (θ₂ − θ₁)/√2)
/// ```
///
/// # References
/// Greenberg, Nonnenmacher & Macke (2019); Lueckmann et al. (2021), T.8.
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwoMoons;

const RADIUS: f64 = 0.1;
const SPREAD: f64 = 0.01;
const OFFSET: f64 = 0.25;

fn shift(theta: &[f64]) -> [f64; 2] {
    let along = (theta[0] + theta[1]).abs();
    [OFFSET - along * FRAC_1_SQRT_2, (theta[1] - theta[0]) * FRAC_1_SQRT_2]
}

impl Simulator for TwoMoons {
    fn parameters(&self) -> usize {
        2
    }

    fn data(&self) -> usize {
        2
    }

    fn support(&self) -> Interval {
        Interval { start: -1.0, end: 1.0 }
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        uniform(stream, 1.0, theta);
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        let (sin, cos) = (PI * (stream.uniform() - 0.5)).sin_cos();
        let radius = RADIUS + SPREAD * stream.normal();
        let shift = shift(theta);
        (x[0], x[1]) = (radius * cos + shift[0], radius * sin + shift[1]);
    }

    /// `log N(r; 0.1, 0.01²) − log(π r)` on the half-plane of the crescent; a negative radius has a
    /// chance below 10⁻²³.
    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        let shift = shift(theta);
        let (dx, dy) = (x[0] - shift[0], x[1] - shift[1]);
        if dx <= 0.0 {
            return f64::NEG_INFINITY;
        }
        let radius = dx.hypot(dy);
        log_normal_density(radius, RADIUS, SPREAD * SPREAD) - (PI * radius).ln()
    }
}
