//! Law suites: what every implementor of a trait must satisfy, as functions that say what broke.
//!
//! Each suite runs in f64 on points that the caller gives, compares against a different
//! derivation (finite differences, quadrature, the inverse), and returns the first [`Violation`].
//! `tests/` calls them on every implementor, and on planted faults, which they must reject.

mod field;
mod law;
mod map;
mod process;
mod simulator;
mod statistics;

pub use field::jvp_is_the_derivative;
pub use law::{
    Calibration, density_integrates_to_one, estimate_is_calibrated, sampling_is_chunk_free,
    score_is_the_gradient,
};
pub use map::{
    inverse_undoes_push, inverse_undoes_push_up_to_conditioning, log_det_is_the_jacobian,
    log_det_is_the_reverse_jacobian, path_ends_at_push,
};
pub use process::{
    marginal_solves_the_moment_equations, schedule_derivatives_are_derivatives, transitions_compose,
};
pub use simulator::likelihood_is_that_of_the_draws;
pub use statistics::{draws_are_normal, kolmogorov_distance, normal_cdf};

use crate::device::to_host;
use burn::tensor::Tensor;

/// What a suite found wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{property}: {got} where {expected} is right (at {place})")]
pub struct Violation {
    /// The property that fails.
    pub property: &'static str,
    /// What was computed.
    pub got: f64,
    /// What should have been.
    pub expected: f64,
    /// Where: a row, a time, a column.
    pub place: String,
}

/// The greater of two, NaN if one is: what a largest error is folded with, since [`f64::max`] would
/// leave NaN out.
#[must_use]
pub fn max_or_nan(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// `Err` when `got` and `expected` differ by more than `tolerance (1 + |expected|)`.
fn close(
    property: &'static str,
    got: f64,
    expected: f64,
    tolerance: f64,
    place: impl FnOnce() -> String,
) -> Result<(), Violation> {
    // Written so that NaN is a violation too.
    if (got - expected).abs() <= tolerance * (1.0 + expected.abs()) {
        return Ok(());
    }
    Err(Violation { property, got, expected, place: place() })
}

/// [`close`] for two tensors of equal shape, element by element.
fn all_close<const D: usize>(
    property: &'static str,
    got: Tensor<D>,
    expected: Tensor<D>,
    tolerance: f64,
) -> Result<(), Violation> {
    assert_eq!(got.dims(), expected.dims(), "{property}: shapes differ");
    let pairs = to_host(got).into_iter().zip(to_host(expected));
    for (k, (got, expected)) in pairs.enumerate() {
        close(property, got, expected, tolerance, || format!("element {k}"))?;
    }
    Ok(())
}

/// `x` with column `j` shifted by `h`.
fn shifted(x: &Tensor<2>, j: usize, h: f64) -> Tensor<2> {
    let d = x.dims()[1];
    let mut step = vec![0.0; d];
    step[j] = h;
    x.clone() + crate::device::Space::of(x).tensor(step, [1, d])
}
