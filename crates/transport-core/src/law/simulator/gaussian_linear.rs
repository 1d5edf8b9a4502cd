//! A Gaussian mean.

use super::{LINE, Simulator, log_normal_density, uniform};
use crate::noise::Stream;
use crate::time::Interval;

/// Ten means seen once each, under a Gaussian prior or a box.
///
/// ```text
/// θ ~ N(0, 0.1 I₁₀) or U(−1, 1)¹⁰,   x ~ N(θ, 0.1 I₁₀)
/// θ | x ~ N(x/2, 0.05 I) or N(x, 0.1 I) cut to the box
/// ```
///
/// (0.1 is a variance.)
///
/// # References
/// Lueckmann et al. (2021), T.1 and T.2.
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaussianLinear {
    /// Whether the prior is the box.
    pub boxed: bool,
}

const DIM: usize = 10;
const VARIANCE: f64 = 0.1;

impl Simulator for GaussianLinear {
    fn parameters(&self) -> usize {
        DIM
    }

    fn data(&self) -> usize {
        DIM
    }

    fn support(&self) -> Interval {
        if self.boxed { Interval { start: -1.0, end: 1.0 } } else { LINE }
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        if self.boxed {
            return uniform(stream, 1.0, theta);
        }
        stream.fill_normal(theta);
        theta.iter_mut().for_each(|t| *t *= VARIANCE.sqrt());
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        stream.fill_normal(x);
        x.iter_mut().zip(theta).for_each(|(x, t)| *x = t + VARIANCE.sqrt() * *x);
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        x.iter().zip(theta).map(|(x, t)| log_normal_density(*x, *t, VARIANCE)).sum()
    }
}
