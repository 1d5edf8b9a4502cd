//! The cost of a path: kinetic energy and straightness.

use super::estimate::Estimate;
use burn::tensor::Tensor;
use transport_core::{Field, Times, Trajectory, device::to_host};

/// `Σₖ wₖ f(k)` over the knots by the trapezoidal rule, path by path.
pub(super) fn trapezoid(times: &[f64], f: impl Fn(usize) -> Tensor<1>) -> Vec<f64> {
    let last = times.len() - 1;
    let weight = |k: usize| 0.5 * (times[(k + 1).min(last)] - times[k.saturating_sub(1)]);
    let terms = (0..=last).map(|k| f(k).mul_scalar(weight(k)));
    terms.reduce(|a, b| a + b).map(to_host).unwrap_or_default()
}

/// `‖w‖²`, row by row.
fn squared(w: Tensor<2>) -> Tensor<1> {
    w.powi_scalar(2).sum_dim(1).squeeze_dim(1)
}

/// The kinetic energy `∫ E‖v(X_t, t)‖² dt` of a velocity along particles that follow the law: exact
/// or learned velocity, paths of the flow or of any SDE with the same marginals.
///
/// The trapezoidal rule over the knots; the standard error is that of the mean over paths.
///
/// # References
/// Benamou & Brenier (2000): its minimum over all flows between two laws on a unit clock is `W₂²`.
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
///
/// # Panics
/// When the trajectory is empty.
#[must_use]
pub fn energy_along(velocity: &dyn Field, path: &Trajectory) -> Estimate {
    let speed =
        |k: usize| squared(velocity.eval(path.states[k].clone(), Times::Same(path.times[k])));
    Estimate::of(&trapezoid(&path.times, speed))
}

/// The kinetic energy of a deterministic flow from its particles alone,
///
/// ```text
/// Σₖ ‖x_{k+1} − x_k‖² / (t_{k+1} − t_k)
/// ```
///
/// which is never more than that of the flow, by Cauchy–Schwarz, and meets it to second order in
/// the knots. Along the paths of an SDE it grows without bound as the knots fall closer: use
/// [`energy_along`] there.
///
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
///
/// # Panics
/// When the trajectory has fewer than two states.
#[must_use]
pub fn path_energy(path: &Trajectory) -> Estimate {
    Estimate::of(&segments(path, |slope, _| slope))
}

/// The straightness of a flow,
///
/// ```text
/// S = ∫ E‖(X₁ − X₀) − Ẋ_t‖² dt = energy − E‖X₁ − X₀‖²      (unit clock)
/// ```
///
/// from its particles alone; on a clock of another length `(X₁ − X₀)` is over that length. Zero if
/// and only if particles move in straight lines at constant speed, so that one Euler step is exact.
///
/// # References
/// Liu, Gong & Liu (2023), "Flow straight and fast", §2.
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
///
/// # Panics
/// When the trajectory has fewer than two states.
#[must_use]
pub fn straightness(path: &Trajectory) -> Estimate {
    Estimate::of(&segments(path, |slope, mean| slope - mean))
}

/// [`straightness`] with `Ẋ_t` read from a velocity field instead of from differences.
///
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
///
/// # Panics
/// When the trajectory has fewer than two states.
#[must_use]
pub fn straightness_along(velocity: &dyn Field, path: &Trajectory) -> Estimate {
    let mean = mean_velocity(path);
    let gap = |k: usize| {
        let at = velocity.eval(path.states[k].clone(), Times::Same(path.times[k]));
        squared(mean.clone() - at)
    };
    Estimate::of(&trapezoid(&path.times, gap))
}

/// `(X_end − X_start)` over the length of the clock.
fn mean_velocity(path: &Trajectory) -> Tensor<2> {
    assert!(path.times.len() > 1, "a path needs two states");
    let last = path.times.len() - 1;
    let length = path.times[last] - path.times[0];
    (path.states[last].clone() - path.states[0].clone()).div_scalar(length)
}

/// `Σₖ h ‖f(Δx/h, mean velocity)‖²`, path by path.
fn segments(path: &Trajectory, f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Vec<f64> {
    let mean = mean_velocity(path);
    let cost = |k: usize| {
        let h = path.times[k + 1] - path.times[k];
        let slope = (path.states[k + 1].clone() - path.states[k].clone()).div_scalar(h);
        squared(f(slope, mean.clone())).mul_scalar(h)
    };
    let total = (0..path.times.len() - 1).map(cost).reduce(|a, b| a + b);
    total.map(to_host).unwrap_or_default()
}
