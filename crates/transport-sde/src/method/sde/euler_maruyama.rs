//! Euler–Maruyama.

use super::terms::Terms;
use super::{Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::Sde;
use burn::tensor::Tensor;

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
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct EulerMaruyama;

impl SdeMethod for EulerMaruyama {
    type On<'s> = dyn Sde + 's;
    const NOISE: NoiseKind = NoiseKind::General;
    const STRONG: (f64, f64) = (1.0, 0.5);
    const WEAK: f64 = 1.0;
    const STAGES: usize = 1;

    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>> {
        Some(sde)
    }

    fn step(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> Tensor<2> {
        let start = span.at(0.0);
        let b = sde.diffusion(&x, start.times());
        let drift = sde.drift(x.clone(), start.times());
        Terms::default().drift(span, 1.0, drift).noise(&b, 1.0, path.w()).onto(&x)
    }
}
