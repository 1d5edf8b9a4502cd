//! The Jacobian `J = ∂v/∂x` of a field, a matrix for each row.

use burn::tensor::{DType, Tensor};
use std::fmt::Debug;
use transport_core::{Field, Jvp, Space, Times};

/// A way to come by the Jacobian.
pub trait JacobianRule: Debug + Send + Sync {
    /// `J[·, i, j] = ∂vᵢ/∂xⱼ` at each row's own time, where `v` is `slope`.
    ///
    /// # Shapes
    /// `x`, `slope`: `[n, d]`; returns `[n, d, d]`.
    fn jacobian(&self, field: &dyn Field, x: &Tensor<2>, slope: &Tensor<2>, t: &[f64])
    -> Tensor<3>;
}

/// Central differences: one evaluation on `2 n d` rows, exact for fields that are quadratic.
///
/// ```text
/// J eⱼ ≈ (v(x + δⱼ eⱼ, t) − v(x − δⱼ eⱼ, t))/(2δⱼ),    δⱼ = ∛ε max(|xⱼ|, 10⁻⁵)
/// ```
///
/// A Rosenbrock method leans on the Jacobian: the rounding of forward differences costs it a
/// hundred times the steps on Robertson's reactions, where rates cancel to ten digits.
///
/// # References
/// Hairer & Wanner (1996), §IV.8.
/// # Checked by
/// `tests/it/ode_stiff.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct FiniteDifferences;

impl JacobianRule for FiniteDifferences {
    fn jacobian(&self, field: &dyn Field, x: &Tensor<2>, _: &Tensor<2>, t: &[f64]) -> Tensor<3> {
        let [n, d] = x.dims();
        let space = Space::of(x);
        let nudge = x.clone().abs().clamp_min(1e-5).mul_scalar(epsilon(x).cbrt());
        let moved = |sign: f64| {
            let along = |j| x.clone() + nudge.clone() * unit(j, d, &space).mul_scalar(sign);
            (0..d).map(along).collect::<Vec<_>>()
        };
        let points = Tensor::cat([moved(1.0), moved(-1.0)].concat(), 0);
        let values = field.eval(points, Times::Each(&t.repeat(2 * d)));
        // The distance after rounding.
        let gap = (x.clone() + nudge.clone()) - (x.clone() - nudge);
        let column = |j: usize| {
            let side = |block: usize| values.clone().narrow(0, block * n, n);
            (side(j) - side(d + j)) / gap.clone().narrow(1, j, 1)
        };
        Tensor::stack((0..d).map(column).collect(), 2)
    }
}

/// Exact columns, by `d` directional derivatives of the field given here, which has to be the one
/// that is integrated.
///
/// # Checked by
/// `tests/it/ode_stiff.rs`
#[derive(Clone, Copy, Debug)]
pub struct ByJvp<F>(pub F);

impl<F: Jvp + Debug> JacobianRule for ByJvp<F> {
    fn jacobian(&self, _: &dyn Field, x: &Tensor<2>, _: &Tensor<2>, t: &[f64]) -> Tensor<3> {
        let [n, d] = x.dims();
        let space = Space::of(x);
        let column = |j: usize| {
            let direction = unit(j, d, &space).expand([n, d]);
            self.0.jvp(x.clone(), Times::Each(t), direction).1
        };
        Tensor::stack((0..d).map(column).collect(), 2)
    }
}

/// A formula `(x, t) ↦ J`, shapes as in [`JacobianRule::jacobian`].
///
/// # Checked by
/// `tests/it/ode_stiff.rs`
#[derive(Clone, Copy)]
pub struct Formula<G>(pub G);

impl<G> Debug for Formula<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Formula")
    }
}

impl<G: Fn(&Tensor<2>, &[f64]) -> Tensor<3> + Send + Sync> JacobianRule for Formula<G> {
    fn jacobian(&self, _: &dyn Field, x: &Tensor<2>, _: &Tensor<2>, t: &[f64]) -> Tensor<3> {
        (self.0)(x, t)
    }
}

/// `∂v/∂t` by a forward difference inside the step of each row.
pub(crate) fn time_derivative(
    field: &dyn Field,
    x: &Tensor<2>,
    slope: &Tensor<2>,
    t: &[f64],
    h: &[f64],
) -> Tensor<2> {
    let nudge = |(t, h): (&f64, &f64)| {
        let size = (epsilon(x) * t.abs().max(1e-5)).sqrt().min(h.abs());
        t + size.copysign(*h)
    };
    let later: Vec<f64> = t.iter().zip(h).map(nudge).collect();
    let gaps: Vec<f64> = later.iter().zip(t).map(|(later, t)| later - t).collect();
    let rise = field.eval(x.clone(), Times::Each(&later)) - slope.clone();
    rise / Space::of(x).column(&gaps)
}

/// The spacing of numbers at 1.
fn epsilon(x: &Tensor<2>) -> f64 {
    match x.dtype() {
        DType::F64 => f64::EPSILON,
        _ => f64::from(f32::EPSILON),
    }
}

fn unit(j: usize, d: usize, space: &Space) -> Tensor<2> {
    let mut row = vec![0.0; d];
    row[j] = 1.0;
    space.tensor(row, [1, d])
}
