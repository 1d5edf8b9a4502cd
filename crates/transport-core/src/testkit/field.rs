//! Suites for fields.

use super::{Violation, all_close};
use crate::field::Jvp;
use crate::time::Times;
use burn::tensor::Tensor;

/// The directional derivative of `v` along `u` equals central differences, and its value
/// part equals `v`.
///
/// # Errors
/// The first element that differs by more than `tolerance`, relatively.
pub fn jvp_is_the_derivative(
    field: &impl Jvp,
    x: &Tensor<2>,
    t: f64,
    u: &Tensor<2>,
    tolerance: f64,
) -> Result<(), Violation> {
    const H: f64 = 1e-5;
    let (value, tangent) = field.jvp(x.clone(), Times::Same(t), u.clone());
    let at = |h: f64| field.eval(x.clone() + u.clone().mul_scalar(h), Times::Same(t));
    all_close("the value beside a derivative is the field's", value, at(0.0), 1e-12)?;
    let difference = (at(H) - at(-H)).div_scalar(2.0 * H);
    all_close("the tangent is the derivative", tangent, difference, tolerance)
}
