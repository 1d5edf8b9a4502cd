//! Straight lines: the schedule of flow matching and rectified flow.

use super::{Coefs, Schedule};
use crate::time::Interval;

/// `x_t = t x₁ + (1 − t) x₀`.
///
/// # References
/// Lipman et al. (2023); Liu, Gong & Liu (2023).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rectified;

impl Schedule for Rectified {
    fn at(&self, t: f64) -> Coefs {
        Coefs { alpha: t, sigma: 1.0 - t, d_alpha: 1.0, d_sigma: -1.0 }
    }

    fn domain(&self) -> Interval {
        Interval::UNIT
    }

    /// `α/σ = t/(1 − t)`.
    fn time_of_log_snr(&self, lambda: f64) -> f64 {
        1.0 / (1.0 + (-lambda).exp())
    }
}
