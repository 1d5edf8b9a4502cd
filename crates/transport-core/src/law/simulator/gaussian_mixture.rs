//! A common mean at two scales.

use super::{Simulator, log_normal_density, uniform};
use crate::noise::Stream;
use crate::time::Interval;

/// One point, broad or narrow around the parameters.
///
/// ```text
/// θ ~ U(−10, 10)²,   x ~ ½ N(θ, I) + ½ N(θ, 0.01 I)
/// ```
///
/// # References
/// Sisson, Fan & Tanaka (2007); Lueckmann et al. (2021), T.7.
/// # Checked by
/// `tests/it/simulators.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GaussianMixture;

const SCALES: [f64; 2] = [1.0, 0.1];

impl Simulator for GaussianMixture {
    fn parameters(&self) -> usize {
        2
    }

    fn data(&self) -> usize {
        2
    }

    fn support(&self) -> Interval {
        Interval { start: -10.0, end: 10.0 }
    }

    fn prior(&self, stream: &mut Stream, theta: &mut [f64]) {
        uniform(stream, 10.0, theta);
    }

    fn simulate(&self, theta: &[f64], stream: &mut Stream, x: &mut [f64]) {
        let scale = SCALES[stream.below(2)];
        let (a, b) = stream.normal_pair();
        (x[0], x[1]) = (theta[0] + scale * a, theta[1] + scale * b);
    }

    fn log_likelihood(&self, theta: &[f64], x: &[f64]) -> f64 {
        let one = |scale: f64| -> f64 {
            x.iter().zip(theta).map(|(x, t)| log_normal_density(*x, *t, scale * scale)).sum()
        };
        let (a, b) = (one(SCALES[0]), one(SCALES[1]));
        a.max(b) + (-(a - b).abs()).exp().ln_1p() - 2f64.ln()
    }
}
