//! Rößler's SRA1, for additive noise.

use super::terms::Terms;
use super::{Embedded, Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{AdditiveNoise, Sde};
use burn::tensor::Tensor;

/// Two stages, strong order 1.5 for `b(t)`.
///
/// ```text
/// χ = ½ ΔW + H
/// y = x + ¾ h a(x, t) + 3/2 b(t + h) χ
/// x(t+h) = x + h [⅓ a(x, t) + ⅔ a(y, t + ¾h)] + b(t + h)(ΔW − χ) + b(t) χ
/// ```
///
/// The difference of the two drifts, `⅔ h (a(y) − a(x))`, estimates the error.
///
/// # References
/// Rößler (2010), "Runge–Kutta methods for the strong approximation of solutions of stochastic
/// differential equations", SIAM J. Numer. Anal. 48(3), table 6.2.
/// # Checked by
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Sra1;

impl SdeMethod for Sra1 {
    type On<'s> = dyn AdditiveNoise + 's;
    const NOISE: NoiseKind = NoiseKind::Additive;
    const STRONG: (f64, f64) = (1.5, 1.5);
    const WEAK: f64 = 2.0;
    const STAGES: usize = 2;
    const AREA: bool = true;

    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>> {
        sde.capabilities().additive
    }

    fn step(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> Tensor<2> {
        self.step_with_error(sde, x, span, path).0
    }
}

impl Embedded for Sra1 {
    const ESTIMATE: f64 = 1.5;

    fn step_with_error(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> (Tensor<2>, Tensor<2>) {
        let (start, end, inner) = (span.at(0.0), span.at(1.0), span.at(0.75));
        let (b0, b1) = (sde.diffusion(&x, start.times()), sde.diffusion(&x, end.times()));
        let (chi, sum) = (path.average(), Terms::default);
        let a = sde.drift(x.clone(), start.times());
        let y = sum().drift(span, 0.75, a.clone()).noise(&b1, 1.5, chi.clone()).onto(&x);
        let bend = sde.drift(y, inner.times()) - a.clone();
        let error = sum().drift(span, 2.0 / 3.0, bend).sum();
        let step = sum().drift(span, 1.0, a).plus(1.0, error.clone());
        let end = step.noise(&b1, 1.0, path.dw.clone() - chi.clone()).noise(&b0, 1.0, chi);
        (end.onto(&x), error)
    }
}
