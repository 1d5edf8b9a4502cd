//! ShARK: the shifted Runge–Kutta method for additive noise.

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
        let omega = dw.clone().mul_scalar(0.5) - area.clone();
        let noise = b0.clone().apply(dw.clone() - omega.clone()) + b1.apply(omega);
        let y1 = x.clone() + b0.clone().apply(area);
        let a = span.times_h(sde.drift(y1.clone(), start.times()), 1.0);
        let y2 = y1 + (a.clone() + b0.apply(dw)).mul_scalar(5.0 / 6.0);
        let bend = span.times_h(sde.drift(y2, inner.times()), 1.0) - a.clone();
        let error = bend.mul_scalar(0.6);
        (x + a + error.clone() + noise, error)
    }
}
