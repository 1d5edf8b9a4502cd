//! ShARK: the shifted Runge–Kutta method for additive noise.

use super::terms::Terms;
use super::{Embedded, Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{AdditiveNoise, Diffusion, Sde};
use burn::tensor::Tensor;

/// Two stages, strong order 1.5 for `b(t)`, with a smaller error constant than SRA1.
///
/// ```text
/// y₁ = x + b(t) H
/// y₂ = y₁ + 5/6 [h a(y₁, t) + b(t) ΔW]
/// x(t+h) = x + h [2/5 a(y₁, t) + 3/5 a(y₂, t + 5/6 h)] + b(t) ΔW + [b(t+h) − b(t)] (½ ΔW − H)
/// ```
///
/// The shift by `H` centres the drift's argument on the path's average. `3/5 h (a(y₂) − a(y₁))`
/// estimates the error.
///
/// # References
/// Foster, dos Reis & Strange (2023), "High order splitting methods for SDEs satisfying a
/// commutativity condition", eq. 6.1.
/// # Checked by
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Shark;

impl SdeMethod for Shark {
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

/// `b` at both ends of the step, and the drifts at `(y₁, t)` and `(y₂, t + 5/6 h)`.
fn stages(
    sde: &(dyn AdditiveNoise + '_),
    x: &Tensor<2>,
    span: Span<'_>,
    path: &Increment,
) -> (Ends, [Tensor<2>; 2]) {
    let (start, end, inner) = (span.at(0.0), span.at(1.0), span.at(5.0 / 6.0));
    let (b0, b1) = (sde.diffusion(x, start.times()), sde.diffusion(x, end.times()));
    let y1 = Terms::default().noise(&b0, 1.0, path.h()).onto(x);
    let a = sde.drift(y1.clone(), start.times());
    let y2 = Terms::default().drift(span, 5.0 / 6.0, a.clone());
    let y2 = y2.noise(&b0, 5.0 / 6.0, path.w()).onto(&y1);
    ([b0, b1], [a, sde.drift(y2, inner.times())])
}

/// `x(t+h) − x`.
fn end([b0, b1]: &Ends, [a, bent]: [Tensor<2>; 2], span: Span<'_>, path: &Increment) -> Terms {
    let step = Terms::default().drift(span, 0.4, a).drift(span, 0.6, bent);
    step.straight([b0, b1], path)
}

impl Embedded for Shark {
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
        let error = Terms::default().drift(span, 0.6, bend).sum();
        (end(&b, [a, bent], span, path).onto(&x), error)
    }
}
