//! Heun's method: the explicit trapezoidal rule.

use super::OdeMethod;
use burn::tensor::Tensor;
use transport_core::{Field, Times};

/// Order 2, two evaluations.
///
/// ```text
/// k₁ = v(x, t),   k₂ = v(x + h k₁, t + h),   x(t+h) = x + ½ h (k₁ + k₂)
/// ```
///
/// # References
/// Hairer, Nørsett & Wanner (1993), §II.1.
/// # Checked by
/// `tests/it/convergence.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Heun;

impl OdeMethod for Heun {
    const ORDER: usize = 2;
    const STAGES: usize = 2;
    type Memory = ();

    fn step(&self, field: &dyn Field, x: Tensor<2>, t: f64, h: f64, (): &mut ()) -> Tensor<2> {
        let k1 = field.eval(x.clone(), Times::Same(t));
        let ahead = x.clone() + k1.clone().mul_scalar(h);
        let k2 = field.eval(ahead, Times::Same(t + h));
        x + (k1 + k2).mul_scalar(0.5 * h)
    }
}
