//! Suites for laws, densities and scores.

use super::{Violation, all_close, close, shifted};
use crate::device::{Space, to_host};
use crate::law::{Density, DensityEstimate, Law, Score};
use crate::noise::Noise;
use burn::tensor::Tensor;

/// `∇ log p` by central differences equals the score.
///
/// # Errors
/// The first element that differs by more than `tolerance`, relatively.
pub fn score_is_the_gradient<L: Density + Score>(
    law: &L,
    x: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Violation> {
    const H: f64 = 1e-5;
    let score = law.score(x.clone());
    for j in 0..x.dims()[1] {
        let rise = law.log_prob(shifted(x, j, H)) - law.log_prob(shifted(x, j, -H));
        let expected = rise.div_scalar(2.0 * H);
        let got = score.clone().narrow(1, j, 1).squeeze_dim(1);
        all_close("the score is the gradient of the log-density", got, expected, tolerance)?;
    }
    Ok(())
}

/// `∫ p = 1` by the midpoint rule on `[−half, half]²` with `cells²` cells.
///
/// # Errors
/// When the integral differs from 1 by more than `tolerance`.
pub fn density_integrates_to_one(
    law: &impl Density,
    half: f64,
    cells: usize,
    tolerance: f64,
    space: &Space,
) -> Result<(), Violation> {
    let width = 2.0 * half / cells as f64;
    let centre = |i: usize| -half + (i as f64 + 0.5) * width;
    let mut total = 0.0;
    for i in 0..cells {
        let row = (0..cells).flat_map(|j| [centre(i), centre(j)]).collect();
        let log_prob = to_host(law.log_prob(space.tensor(row, [cells, 2])));
        total += log_prob.into_iter().map(f64::exp).sum::<f64>() * width * width;
    }
    close("the density integrates to one", total, 1.0, tolerance, || "the plane".into())
}

/// Sample `i` is the same, to the bit, whatever the chunk it is drawn in.
///
/// # Errors
/// The first element that differs.
pub fn sampling_is_chunk_free(law: &dyn Law, space: &Space) -> Result<(), Violation> {
    let noise = Noise::new(17, 23);
    let whole = law.sample(&noise, space);
    let chunks = [0..1, 1..2, 2..9, 9..23];
    let parts = chunks.into_iter().map(|rows| law.sample(&noise.rows(rows), space)).collect();
    all_close("sampling does not depend on the chunk", Tensor::cat(parts, 0), whole, 0.0)
}

/// How an estimate of a log-density stands to the exact one, over the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The mean error, in its own standard errors over rows.
    pub bias: f64,
    /// The mean square of the rows' z-scores, error over reported standard error.
    pub spread: f64,
}

/// An estimate has mean error zero within four standard errors over rows (false alarm 6e-5), and
/// z-scores of mean square 1, its reported standard errors being right.
///
/// # Errors
/// When the bias is larger, or the mean square differs from 1 by more than `tolerance`.
pub fn estimate_is_calibrated(
    law: &dyn DensityEstimate,
    exact: &dyn Density,
    x: &Tensor<2>,
    noise: &Noise,
    tolerance: f64,
) -> Result<Calibration, Violation> {
    let (estimate, error) = law.estimate(x.clone(), noise);
    let gaps = to_host(estimate - exact.log_prob(x.clone()));
    let squares: f64 = gaps.iter().map(|g| g * g).sum();
    let z = gaps.iter().zip(to_host(error.0)).map(|(g, e)| (g / e).powi(2));
    let spread = z.sum::<f64>() / gaps.len() as f64;
    let bias = gaps.iter().sum::<f64>() / squares.sqrt();
    let place = || format!("{} rows", gaps.len());
    close("an estimate is without bias (in standard errors)", bias, 0.0, 4.0, place)?;
    // `close` allows a relative share of the expected 1 as well.
    close("z-scores have unit variance", spread, 1.0, 0.5 * tolerance, place)?;
    Ok(Calibration { bias, spread })
}
