//! Heun's method for SDEs, corrected so that it converges to the Itô solution.

use super::{Embedded, Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{DiffusionJacobian, Sde};
use burn::tensor::Tensor;
use transport_core::Times;

/// The trapezoidal predictor–corrector on the Stratonovich form of an Itô equation.
///
/// ```text
/// ā = a − ½ c,                     c = Σ_j (∂_{b e_j} b) e_j
/// y = x + h ā(x, t) + b(x, t) ΔW
/// x(t+h) = x + ½ h [ā(x, t) + ā(y, t + h)] + ½ [b(x, t) + b(y, t + h)] ΔW
/// ```
///
/// Left alone, the averaged `b` converges to Stratonovich's solution; the drift `−½ c` takes the
/// difference back. Strong order 1 for commutative noise, weak order 2 when `b` does not depend
/// on `x`. `x(t+h) − y` estimates the error.
///
/// # References
/// Rümelin (1982); Kloeden & Platen (1992), §§4.9, 11.1, 15.1.
/// # Checked by
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct StochasticHeun;

/// `a − ½ c`, the drift of the Stratonovich equation with the same solution.
fn stratonovich_drift(
    sde: &(dyn DiffusionJacobian + '_),
    x: &Tensor<2>,
    t: Times<'_>,
) -> Tensor<2> {
    sde.drift(x.clone(), t) - sde.ito_correction(x, t).mul_scalar(0.5)
}

impl SdeMethod for StochasticHeun {
    type On<'s> = dyn DiffusionJacobian + 's;
    const NOISE: NoiseKind = NoiseKind::Commutative;
    const STRONG: (f64, f64) = (1.0, 1.0);
    const WEAK: f64 = 1.0;
    const WEAK_ADDITIVE: f64 = 2.0;
    const STAGES: usize = 2;

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
        self.step_with_error(sde, x, span, path).0
    }
}

impl Embedded for StochasticHeun {
    const ESTIMATE: f64 = 1.0;

    fn step_with_error(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> (Tensor<2>, Tensor<2>) {
        let (start, end) = (span.at(0.0), span.at(1.0));
        let rise = |x: &Tensor<2>, t: Times<'_>| {
            span.times_h(stratonovich_drift(sde, x, t), 1.0) + sde.diffusion(x, t).apply(path.dw())
        };
        let first = rise(&x, start.times());
        let second = rise(&(x.clone() + first.clone()), end.times());
        let error = (second - first.clone()).mul_scalar(0.5);
        (x + first + error.clone(), error)
    }
}
