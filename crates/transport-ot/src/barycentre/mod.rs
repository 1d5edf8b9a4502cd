//! Wasserstein barycentres of weighted samples.
//!
//! ```text
//! min_μ Σₖ wₖ W₂²(μ, νₖ)
//! ```
//!
//! over measures of `n` equal masses whose points move ([`free_support`]), or over the weights of
//! points that stay ([`fixed_support`], and without its blur [`debiased_support`]).

mod debiased;
mod fixed;
mod free;

pub use debiased::debiased_support;
pub use fixed::{FixedBarycentre, Pace, fixed_support};
pub use free::{FreeBarycentre, free_support};

use crate::error::OtError;
use crate::weights::mass;

/// A weighted sample: points `[m, d]` and their weights.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    /// The points, row-major.
    pub points: &'a [f64],
    /// Their weights.
    pub weights: &'a [f64],
}

/// The normalised weights of the measures, once all of them are checked.
fn shares(measures: &[Measure<'_>], weights: &[f64], d: usize) -> Result<Vec<f64>, OtError> {
    let total = mass(weights, measures.len(), "measures")?;
    for measure in measures {
        let (expected, found) = (measure.weights.len() * d, measure.points.len());
        if expected != found {
            return Err(OtError::Size { what: "coordinates", expected, found });
        }
        mass(measure.weights, measure.weights.len(), "measure")?;
    }
    Ok(weights.iter().map(|w| w / total).collect())
}

fn normalised(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}
