//! Euler's method.

use super::OdeMethod;
use burn::tensor::Tensor;
use transport_core::{Field, Times};

/// `x(t+h) = x + h v(x, t)`: order 1, one evaluation.
///
/// # Checked by
/// `tests/it/convergence.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Euler;

impl OdeMethod for Euler {
    const ORDER: usize = 1;
    const STAGES: usize = 1;
    type Memory = ();

    fn step(&self, field: &dyn Field, x: Tensor<2>, t: f64, h: f64, (): &mut ()) -> Tensor<2> {
        let v = field.eval(x.clone(), Times::Same(t));
        x + v.mul_scalar(h)
    }
}
