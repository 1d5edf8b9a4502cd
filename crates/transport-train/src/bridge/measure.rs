//! What a learned flow does: where it ends, and what the way costs.

use burn::tensor::Tensor;
use transport_core::{Field, Interval, Times};
use transport_sde::Grid;

/// The end of a flow's trajectories and their energy.
#[derive(Clone, Debug)]
pub struct Transported {
    /// The states at `t = 1`, `[n, d]`.
    pub end: Tensor<2>,
    /// `∫₀¹ |v(x_t, t)|² dt` of each row, `[n]`.
    pub energy: Tensor<1>,
}

/// Euler's method with `steps` equal steps, and the energy by the left rule on its states.
///
/// The mean energy of a flow that carries `q₀` to `q₁` is at least `W₂²(q₀, q₁)`, with equality for
/// optimal transport: `|energy − W₂²|/W₂²` is the normalised path energy (Tong et al., 2024).
///
/// # Shapes
/// `start`: `[n, d]`.
///
/// # Panics
/// When `steps` is 0.
#[must_use]
pub fn transported(field: &dyn Field, start: Tensor<2>, steps: usize) -> Transported {
    // Equal steps on [0, 1] make a grid.
    #[allow(clippy::expect_used)]
    let grid = Grid::uniform(Interval::UNIT, steps).expect("at least one step");
    let [n, d] = start.dims();
    let mut x = start;
    let mut energy = x.clone().narrow(1, 0, 1).zeros_like();
    for ends in grid.times().windows(2) {
        let h = ends[1] - ends[0];
        let v = field.eval(x.clone(), Times::Same(ends[0]));
        energy = energy + v.clone().powi_scalar(2).sum_dim(1).mul_scalar(h);
        x = x + v.mul_scalar(h);
    }
    debug_assert_eq!(x.dims(), [n, d]);
    Transported { end: x, energy: energy.reshape([n]) }
}

/// How far a flow is from straight, row by row, along its own trajectories by Euler's method with
/// `steps` equal steps:
///
/// ```text
/// S = ∫₀¹ ‖ (x₁ − x₀) − v(x_t, t) ‖² dt = ∫₀¹ ‖v‖² dt − ‖x₁ − x₀‖²
/// ```
///
/// 0 where one step of Euler's method is exact.
///
/// # Shapes
/// `start`: `[n, d]`; returns `[n]`.
///
/// # Panics
/// When `steps` is 0.
///
/// # References
/// Liu, Gong & Liu (2023), "Flow straight and fast".
#[must_use]
pub fn straightness(field: &dyn Field, start: Tensor<2>, steps: usize) -> Tensor<1> {
    let moved = transported(field, start.clone(), steps);
    let n = start.dims()[0];
    moved.energy - (moved.end - start).powi_scalar(2).sum_dim(1).reshape([n])
}
