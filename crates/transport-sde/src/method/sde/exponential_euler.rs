//! Exponential Euler–Maruyama: the linear part of the drift solved exactly.

use super::{Increment, NoiseKind, SdeMethod, Span};
use crate::dynamics::{Sde, SemiLinear};
use burn::tensor::Tensor;

/// One step of `dX = [−λ(t) X + f(X, t)] dt + b dW`, with `f` and `b` held over the step.
///
/// ```text
/// Λ = ∫ₜ^{t+h} λ,    φ(Λ) = (1 − e^{−Λ})/Λ
/// x(t+h) = e^{−Λ} x + h φ(Λ) f(x, t) + √φ(2Λ) b(x, t) ΔW
/// ```
///
/// For constant `λ`, `f` and `b` the step is exact in law whatever `h` is: an Ornstein–Uhlenbeck
/// process keeps its mean and its variance, and a stiff `λ` sets no limit to `h`. Strong order 1
/// for additive noise, ½ otherwise.
///
/// # References
/// Jentzen & Kloeden (2009); Lord & Tambue (2013), with the noise scaled to the exact variance.
/// # Checked by
/// `tests/it/strong.rs`, `tests/it/weak.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct ExponentialEuler;

/// `φ(z) = (1 − e^{−z})/z`, `φ(0) = 1`.
fn phi(z: f64) -> f64 {
    if z == 0.0 { 1.0 } else { -(-z).exp_m1() / z }
}

impl SdeMethod for ExponentialEuler {
    type On<'s> = dyn SemiLinear + 's;
    const NOISE: NoiseKind = NoiseKind::General;
    const STRONG: (f64, f64) = (1.0, 0.5);
    const WEAK: f64 = 1.0;
    const STAGES: usize = 1;

    fn bind<'s>(sde: &'s (dyn Sde + 's)) -> Option<&'s Self::On<'s>> {
        sde.capabilities().semi_linear
    }

    fn step(
        &self,
        sde: &Self::On<'_>,
        x: Tensor<2>,
        span: Span<'_>,
        path: &Increment,
    ) -> Tensor<2> {
        let start = span.at(0.0);
        let relaxation = |t: f64, h: f64| sde.relaxation(t, h);
        let noise = sde.diffusion(&x, start.times()).apply(path.dw());
        let force = sde.force(x.clone(), start.times());
        span.scale(x, |t, h| (-relaxation(t, h)).exp())
            + span.scale(force, |t, h| h * phi(relaxation(t, h)))
            + span.scale(noise, |t, h| phi(2.0 * relaxation(t, h)).sqrt())
    }
}
