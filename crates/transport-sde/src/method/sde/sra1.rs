//! Rößler's SRA1, for additive noise.

use super::terms::Terms;
use super::{Embedded, Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{AdditiveNoise, Diffusion, Sde};
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
        let (b, slopes) = stages(sde, &x, span, path);
        end(&b, slopes, span, path).onto(&x)
    }
}

type Ends = [Diffusion; 2];

/// `b` at both ends of the step, and the drifts at `(x, t)` and `(y, t + ¾h)`.
fn stages(
    sde: &(dyn AdditiveNoise + '_),
    x: &Tensor<2>,
    span: Span<'_>,
    path: &Increment,
) -> (Ends, [Tensor<2>; 2]) {
    let (start, end, inner) = (span.at(0.0), span.at(1.0), span.at(0.75));
    let (b0, b1) = (sde.diffusion(x, start.times()), sde.diffusion(x, end.times()));
    let a = sde.drift(x.clone(), start.times());
    // 3/2 χ = ¾ ΔW + 3/2 H.
    let y = Terms::default().drift(span, 0.75, a.clone());
    let y = y.noise(&b1, 0.75, path.w()).noise(&b1, 1.5, path.h()).onto(x);
    ([b0, b1], [a, sde.drift(y, inner.times())])
}

/// `x(t+h) − x`: `b(t + h)(ΔW − χ) + b(t) χ` is `b₀ ΔW + (b₁ − b₀)(½ ΔW − H)`.
fn end([b0, b1]: &Ends, [a, bent]: [Tensor<2>; 2], span: Span<'_>, path: &Increment) -> Terms {
    let step = Terms::default().drift(span, 1.0 / 3.0, a).drift(span, 2.0 / 3.0, bent);
    step.straight([b0, b1], path)
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
        let (b, [a, bent]) = stages(sde, &x, span, path);
        let bend = bent.clone() - a.clone();
        let error = Terms::default().drift(span, 2.0 / 3.0, bend).sum();
        (end(&b, [a, bent], span, path).onto(&x), error)
    }
}
