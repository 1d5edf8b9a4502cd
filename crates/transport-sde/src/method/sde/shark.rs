//! ShARK: the shifted Runge–Kutta method for additive noise.

use super::terms::Terms;
use super::{Embedded, Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{AdditiveNoise, Sde};
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
        self.step_with_error(sde, x, span, path).0
    }
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
        let (start, end, inner) = (span.at(0.0), span.at(1.0), span.at(5.0 / 6.0));
        let (b0, b1) = (sde.diffusion(&x, start.times()), sde.diffusion(&x, end.times()));
        // b₀ ΔW + (b₁ − b₀) ω with ω = ½ ΔW − H.
        let (dw, area) = (path.dw.clone(), path.area());
        let sum = Terms::default;
        let omega = sum().plus(0.5, dw.clone()).plus(-1.0, area.clone()).sum();
        let y1 = sum().noise(&b0, 1.0, area).onto(&x);
        let a = sde.drift(y1.clone(), start.times());
        let y2 = sum().drift(span, 5.0 / 6.0, a.clone()).noise(&b0, 5.0 / 6.0, dw.clone());
        let bend = sde.drift(y2.onto(&y1), inner.times()) - a.clone();
        let error = sum().drift(span, 0.6, bend).sum();
        let step = sum().drift(span, 1.0, a).plus(1.0, error.clone());
        let end = step.noise(&b0, 1.0, dw - omega.clone()).noise(&b1, 1.0, omega);
        (end.onto(&x), error)
    }
}
