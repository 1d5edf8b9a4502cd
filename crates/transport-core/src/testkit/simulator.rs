//! The suite for simulators.

use super::{Violation, close};
use crate::law::simulator::Simulator;
use crate::noise::Noise;

/// Draws have the likelihood that is claimed: for data of `theta`,
///
/// ```text
/// E [ p(x | θ′) / p(x | θ) ] = 1
/// ```
///
/// within four standard errors (false alarm 6e-5), for any θ′ whose data could all be θ's. A θ′ near
/// θ in every direction sees every parameter.
///
/// # Errors
/// When the mean ratio is further from 1.
pub fn likelihood_is_that_of_the_draws(
    simulator: &dyn Simulator,
    theta: &[f64],
    other: &[f64],
    noise: &Noise,
) -> Result<(), Violation> {
    let mut x = vec![0.0; simulator.data()];
    let ratios: Vec<f64> = (0..noise.len())
        .map(|row| {
            simulator.simulate(theta, &mut noise.stream(row), &mut x);
            (simulator.log_likelihood(other, &x) - simulator.log_likelihood(theta, &x)).exp()
        })
        .collect();
    let n = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / n;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (mean - 1.0) / (variance / n).sqrt().max(1e-12);
    let place = || format!("theta {theta:?} against {other:?}");
    close("likelihood ratios have mean 1 (in standard errors)", error, 0.0, 4.0, place)
}
