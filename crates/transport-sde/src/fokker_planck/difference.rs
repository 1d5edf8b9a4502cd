//! Derivatives by central differences with Richardson extrapolation.

use burn::tensor::Tensor;
use transport_core::{Field, Jvp, Times};

/// The first spacing: 1/64 of the unit of time or length.
const H: f64 = 0.015_625;

/// How many spacings are combined, each half of the one before.
const LEVELS: i32 = 4;

/// `f′(0)` to eighth order in the spacing, for f64 values that are smooth on a scale of 0.1 or more.
///
/// ```text
/// D₀(h) = (f(h) − f(−h)) / 2h,     D_k(h) = (4ᵏ D_{k−1}(h/2) − D_{k−1}(h)) / (4ᵏ − 1),     f′(0) ≈ D₃(1/64)
/// ```
///
/// The rounding error is about `10⁻¹³ |f|`.
///
/// # References
/// Richardson (1911); Stoer & Bulirsch (2002), §3.4.
#[must_use]
pub fn derivative<const D: usize>(f: impl Fn(f64) -> Tensor<D>) -> Tensor<D> {
    let central = |h: f64| (f(h) - f(-h)).div_scalar(2.0 * h);
    let mut column: Vec<Tensor<D>> = (0..LEVELS).map(|k| central(H * 0.5f64.powi(k))).collect();
    for k in 1..LEVELS {
        let weight = 4f64.powi(k);
        let better = |pair: &[Tensor<D>]| {
            (pair[1].clone().mul_scalar(weight) - pair[0].clone()).div_scalar(weight - 1.0)
        };
        column = column.windows(2).map(better).collect();
    }
    column.swap_remove(0)
}

/// `x` with column `i` shifted by `h`.
pub(super) fn along(x: &Tensor<2>, i: usize, h: f64) -> Tensor<2> {
    let d = x.dims()[1];
    let mut step = vec![0.0; d];
    step[i] = h;
    x.clone() + transport_core::Space::of(x).tensor(step, [1, d])
}

/// A field given the derivative that it does not declare, by [`derivative`]. Of use in f64 only.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Jvp, Space, Times, device, field::AffineField};
/// use transport_sde::fokker_planck::Differenced;
/// let field = AffineField { matrix: vec![3.0], offset: vec![1.0], rate: vec![0.0] };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![0.5], [1, 1]);
/// let (_, trace) = Differenced(field).divergence(x, Times::Same(0.0));
/// assert!((trace.into_scalar::<f64>() - 3.0).abs() < 1e-11);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Differenced<F>(pub F);

impl<F: Field> Field for Differenced<F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.eval(x, t)
    }
}

impl<F: Field> Jvp for Differenced<F> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let slope = derivative(|h| self.0.eval(x.clone() + u.clone().mul_scalar(h), t));
        (self.0.eval(x, t), slope)
    }
}
