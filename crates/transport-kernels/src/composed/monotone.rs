//! [`crate::monotone`] in Burn's own operations: any backend, any float, any order of derivative.

use super::spline;
use crate::monotone::{Monotone, SCALE, Way};
use burn::tensor::{Int, Tensor};

/// `f(x; θ)` or `f⁻¹(x; θ)`, and the log-slope of what was taken.
///
/// # Shapes
/// `x`: `[n, m]`; `theta`: `[n, m, p]` or `[1, m, p]`; returns two `[n, m]`.
#[must_use]
pub fn elements(map: Monotone, way: Way, x: Tensor<2>, theta: Tensor<3>) -> (Tensor<2>, Tensor<2>) {
    let like = x.zeros_like();
    match (map, way) {
        (Monotone::Shift, Way::Along) => (x + column(&theta, 0), like),
        (Monotone::Shift, Way::Back) => (x - column(&theta, 0), like),
        (Monotone::Affine, Way::Along) => {
            let a = log_scale(&theta);
            (x * a.clone().exp() + column(&theta, 1), like + a)
        }
        (Monotone::Affine, Way::Back) => {
            let a = log_scale(&theta).neg();
            ((x - column(&theta, 1)) * a.clone().exp(), like + a)
        }
        (Monotone::Spline { bins }, Way::Along) => spline::along(x, &theta, bins),
        (Monotone::Spline { bins }, Way::Back) => spline::back(x, &theta, bins),
    }
}

/// The rows with some columns moved, and the sums of their log-slopes.
///
/// # Shapes
/// `x`: `[n, d]`; `theta`: `[n, m p]` or `[1, m p]` for `m` columns; returns `[n, d]` and `[n]`.
#[must_use]
pub fn monotone(
    map: Monotone,
    way: Way,
    x: Tensor<2>,
    theta: Tensor<2>,
    columns: &[usize],
) -> (Tensor<2>, Tensor<1>) {
    let (m, d, rows) = (columns.len(), x.dims()[1], theta.dims()[0]);
    let theta = theta.reshape([rows, m, map.parameters()]);
    if columns.iter().copied().eq(0..d) {
        let (value, log_slopes) = elements(map, way, x, theta);
        return (value, log_slopes.sum_dim(1).squeeze_dim(1));
    }
    let (moved, log_slopes) = elements(map, way, select(&x, columns), theta);
    // The moved columns stand behind the old ones: each place reads its column from there.
    let mut order: Vec<usize> = (0..d).collect();
    columns.iter().enumerate().for_each(|(k, column)| order[*column] = d + k);
    let whole = select(&Tensor::cat(vec![x, moved], 1), &order);
    (whole, log_slopes.sum_dim(1).squeeze_dim(1))
}

/// Some columns.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, columns]`.
#[must_use]
pub fn select(x: &Tensor<2>, columns: &[usize]) -> Tensor<2> {
    let which: Vec<i32> = columns.iter().map(|c| *c as i32).collect();
    let which = Tensor::<1, Int>::from_data(which.as_slice(), &x.device());
    x.clone().select(1, which)
}

/// Parameter `k` of each point, `[n, m]`.
fn column(theta: &Tensor<3>, k: usize) -> Tensor<2> {
    theta.clone().narrow(2, k, 1).squeeze_dim(2)
}

/// `a = θ₁ / (1 + |θ₁|/s)`.
fn log_scale(theta: &Tensor<3>) -> Tensor<2> {
    let theta = column(theta, 0);
    theta.clone() / theta.abs().div_scalar(SCALE).add_scalar(1.0)
}

/// `c_r(θ) = θ / √(1 + θ²/r²)`.
pub(super) fn bounded<const D: usize>(theta: Tensor<D>, range: f64) -> Tensor<D> {
    let square = theta.clone().div_scalar(range).powi_scalar(2).add_scalar(1.0);
    theta / square.sqrt()
}
