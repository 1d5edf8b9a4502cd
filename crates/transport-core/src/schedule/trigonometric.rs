//! Quarter circles: a variance-preserving interpolant.

use super::{Coefs, Schedule};
use crate::time::Interval;
use std::f64::consts::FRAC_PI_2;

/// `x_t = sin(πt/2) x₁ + cos(πt/2) x₀`.
///
/// # References
/// Albergo & Vanden-Eijnden (2023), "Building normalizing flows with stochastic interpolants".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trigonometric;

impl Schedule for Trigonometric {
    fn at(&self, t: f64) -> Coefs {
        let (sin, cos) = (FRAC_PI_2 * t).sin_cos();
        Coefs { alpha: sin, sigma: cos, d_alpha: FRAC_PI_2 * cos, d_sigma: -FRAC_PI_2 * sin }
    }

    fn domain(&self) -> Interval {
        Interval::UNIT
    }

    /// `α/σ = tan(πt/2)`.
    fn time_of_log_snr(&self, lambda: f64) -> f64 {
        lambda.exp().atan() / FRAC_PI_2
    }
}
