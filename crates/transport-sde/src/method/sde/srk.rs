//! Rößler's SRI1W1, for diagonal noise.

use super::{Embedded, Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{DiagonalNoise, Sde};
use burn::tensor::Tensor;
use transport_core::Space;

/// The stochastic Runge–Kutta method SRI1W1: two drifts and four diffusions a step, no derivative
/// of `b`, strong order 1.5 for diagonal noise.
///
/// ```text
/// χ = ½ ΔW + H,   J₂ = ½ (ΔW² − h)/√h,   J₃ = (ΔW³ − 3hΔW)/6h
/// k₁ = h a(x, t),           g₁ = b(x, t)
/// k₂ = h a(x + ¾ k₁ + 3/2 g₁ χ, t + ¾h)
/// g₂ = b(x + ¼ k₁ + ½ √h g₁,                t + ¼h)
/// g₃ = b(x + k₁ − √h g₁,                    t + h)
/// g₄ = b(x + ¼ k₁ + √h (−5 g₁ + 3 g₂ + ½ g₃), t + ¼h)
/// x(t+h) = x + ⅓ k₁ + ⅔ k₂ + Σ_i g_i (β¹_i ΔW + β²_i J₂ + β³_i χ + β⁴_i J₃)
/// ```
///
/// products coordinate by coordinate. The terms of order 1.5, `Σ g_i (β³_i χ + β⁴_i J₃)` and a
/// sixth of `k₂ − k₁`, estimate the error.
///
/// # References
/// Rößler (2010), SIAM J. Numer. Anal. 48(3), table 6.1 (SRI1W1); the estimate is Rackauckas & Nie
/// (2017), "Adaptive methods for stochastic differential equations via natural embeddings and
/// rejection sampling with memory", §2.
/// # Checked by
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Srk;

/// `β¹ … β⁴` by stage.
const BETA: [[f64; 4]; 4] = [
    [-1.0, -1.0, 2.0, -2.0],
    [4.0 / 3.0, 4.0 / 3.0, -4.0 / 3.0, 5.0 / 3.0],
    [2.0 / 3.0, -1.0 / 3.0, -2.0 / 3.0, -2.0 / 3.0],
    [0.0, 0.0, 0.0, 1.0],
];

impl SdeMethod for Srk {
    type On<'s> = dyn DiagonalNoise + 's;
    const NOISE: NoiseKind = NoiseKind::Diagonal;
    const STRONG: (f64, f64) = (1.5, 1.5);
    const WEAK: f64 = 2.0;
    const STAGES: usize = 2;
    const AREA: bool = true;

    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>> {
        sde.capabilities().diagonal
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

impl Embedded for Srk {
    const ESTIMATE: f64 = 1.5;

    fn step_with_error(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> (Tensor<2>, Tensor<2>) {
        let integrals = Integrals::new(&x, span, path);
        let (t0, t1) = (span.at(0.0), span.at(1.0));
        let (early, late) = (span.at(0.25), span.at(0.75));
        let root = |v: Tensor<2>, c: f64| span.scale(v, |_, h| c * h.sqrt());
        let times = |b: crate::Diffusion, v: &Tensor<2>| b.apply(v.clone());
        let one = path.dw().ones_like();

        let k1 = span.times_h(sde.drift(x.clone(), t0.times()), 1.0);
        let b1 = sde.diffusion(&x, t0.times());
        let (shift, g1) = (times(b1.clone(), &integrals.average), times(b1, &one));
        let y2 = x.clone() + k1.clone().mul_scalar(0.75) + shift.mul_scalar(1.5);
        let k2 = span.times_h(sde.drift(y2, late.times()), 1.0);

        let quarter = x.clone() + k1.clone().mul_scalar(0.25);
        let z2 = quarter.clone() + root(g1.clone(), 0.5);
        let g2 = times(sde.diffusion(&z2, early.times()), &one);
        let z3 = x.clone() + k1.clone() - root(g1.clone(), 1.0);
        let g3 = times(sde.diffusion(&z3, t1.times()), &one);
        let mix = g1.clone().mul_scalar(-5.0) + g2.clone().mul_scalar(3.0);
        let z4 = quarter + root(mix + g3.clone().mul_scalar(0.5), 1.0);
        let g4 = times(sde.diffusion(&z4, early.times()), &one);

        let (low, high) = integrals.weigh([g1, g2, g3, g4]);
        let bend = k2 - k1.clone();
        let error = bend.clone().mul_scalar(1.0 / 6.0) + high.clone();
        (x + k1 + bend.mul_scalar(2.0 / 3.0) + low + high, error)
    }
}

/// `ΔW, J₂, χ, J₃`.
struct Integrals {
    dw: Tensor<2>,
    square: Tensor<2>,
    average: Tensor<2>,
    cube: Tensor<2>,
}

impl Integrals {
    fn new(x: &Tensor<2>, span: Span<'_>, path: &Increment) -> Self {
        let (dw, h) = (path.dw(), span.h_column(&Space::of(x)));
        let squared = dw.clone() * dw.clone();
        let square = span.scale(squared.clone() - h.clone(), |_, h| 0.5 / h.sqrt());
        let cube = dw.clone() * (squared - h.mul_scalar(3.0));
        let cube = span.scale(cube, |_, h| 1.0 / (6.0 * h));
        Self { dw, square, average: path.average(), cube }
    }

    /// `Σ g_i (β¹_i ΔW + β²_i J₂)` and `Σ g_i (β³_i χ + β⁴_i J₃)`.
    fn weigh(&self, g: [Tensor<2>; 4]) -> (Tensor<2>, Tensor<2>) {
        let sum = |k: usize| {
            let terms = g.iter().zip(BETA).filter(|(_, beta)| beta[k] != 0.0);
            let terms = terms.map(|(g, beta)| g.clone().mul_scalar(beta[k]));
            terms.reduce(|a, b| a + b).unwrap_or_else(|| g[0].zeros_like())
        };
        let low = sum(0) * self.dw.clone() + sum(1) * self.square.clone();
        let high = sum(2) * self.average.clone() + sum(3) * self.cube.clone();
        (low, high)
    }
}
