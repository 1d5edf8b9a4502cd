//! Euler–Maruyama.

use super::SdeMethod;
use crate::dynamics::Sde;
use burn::tensor::Tensor;
use transport_core::Times;

/// One explicit step of an SDE.
///
/// ```text
/// x(t+h) = x + h a(x, t) + b(x, t) ΔW,    ΔW ~ N(0, h I),  h > 0
/// ```
///
/// Strong order ½, and 1 when b does not depend on x.
///
/// # References
/// Kloeden & Platen (1992), §10.2.
/// # Checked by
/// `tests/it/convergence.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct EulerMaruyama;

impl SdeMethod for EulerMaruyama {
    const STRONG: (f64, f64) = (1.0, 0.5);
    const WEAK: f64 = 1.0;
    const STAGES: usize = 1;

    fn step(&self, sde: &dyn Sde, x: Tensor<2>, t: f64, h: f64, dw: Tensor<2>) -> Tensor<2> {
        let drift = sde.drift(x.clone(), Times::Same(t));
        let noise = sde.diffusion(&x, Times::Same(t)).apply(dw);
        x + drift.mul_scalar(h) + noise
    }
}
