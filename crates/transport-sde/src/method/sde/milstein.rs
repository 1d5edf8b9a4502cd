//! Milstein's method.

use super::{Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{DiffusionJacobian, Sde};
use burn::tensor::Tensor;

/// Euler–Maruyama with the double integrals of commutative noise, which need no area:
///
/// ```text
/// x(t+h) = x + h a + b ΔW + ½ [(∂_{bΔW} b) ΔW − h c],     c = Σ_j (∂_{b e_j} b) e_j
/// ```
///
/// all at `(x, t)`; for diagonal noise the bracket is `b_i b_i′ (ΔW_i² − h)`. The `−h` makes the
/// limit the Itô solution. Strong order 1 for commutative noise, which diagonal noise is; noise
/// that does not commute leaves it at ½.
///
/// # References
/// Milstein (1974); Kloeden & Platen (1992), §10.3.
/// # Checked by
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Milstein;

impl SdeMethod for Milstein {
    type On<'s> = dyn DiffusionJacobian + 's;
    const NOISE: NoiseKind = NoiseKind::Commutative;
    const STRONG: (f64, f64) = (1.0, 1.0);
    const WEAK: f64 = 1.0;
    const STAGES: usize = 1;

    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>> {
        sde.capabilities().jacobian
    }

    fn step(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> Tensor<2> {
        let (start, dw) = (span.at(0.0), path.dw());
        let t = start.times();
        let noise = sde.diffusion(&x, t).apply(dw.clone());
        let square = sde.diffusion_jvp(&x, t, noise.clone(), dw);
        let mean = span.times_h(sde.ito_correction(&x, t), 1.0);
        let drift = span.times_h(sde.drift(x.clone(), t), 1.0);
        x + drift + noise + (square - mean).mul_scalar(0.5)
    }
}
