//! Anderson's time reversal of an Itô SDE.

use super::{AdditiveNoise, Clock, Diffusion, DivSigma, Sde};
use burn::tensor::Tensor;
use transport_core::{Field, Times};

/// The reverse-time SDE of `dX = a ds + b dW` with marginals `q_s`, on the transport clock, which
/// runs forwards: reverse first, then step.
///
/// ```text
/// dX = S [−a + ∇·Σ + Σ ∇log q_s](X, s) dt + √S b(X, s) dW,     Σ = b bᵀ,  s = S (1 − t)
/// ```
///
/// Written with ds < 0 the drift is `a − ∇·Σ − Σ ∇log q`: the divergence carries the sign of the
/// score. Started from `q_S` it has the marginals, and the joint laws, of the process.
/// `∇·Σ` vanishes for a `b` that depends on time only; for `b = g(s) I` what is left is
/// `−a + g² ∇log q`.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, Times, device, law::Gaussian, process::Vp};
/// use transport_sde::dynamics::{Clock, ExactScore, Forward, Reversed};
/// use transport_sde::Sde;
/// // At stationarity the reversal of VP is VP: drift −βx/2.
/// let (process, law) = (Forward(Vp::default()), Gaussian::standard(1));
/// let reverse = Reversed { sde: process, score: ExactScore { law, process }, clock: Clock::UNIT };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![1.0], [1, 1]);
/// let drift = reverse.drift(x, Times::Same(0.25)).into_scalar::<f64>();
/// assert!((drift + 0.5 * Vp::default().beta(0.75)).abs() < 1e-12);
/// # }
/// ```
///
/// # References
/// Anderson (1982), "Reverse-time diffusion equation models"; Haussmann & Pardoux (1986).
/// # Checked by
/// `tests/it/reversal.rs`, `tests/it/state_dependent.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reversed<S, F> {
    /// The process, on its own clock.
    pub sde: S,
    /// The score `∇ log q_s(x)`, on the process's clock.
    pub score: F,
    /// Where the process starts being reversed: `t = 0` is `s = S`.
    pub clock: Clock,
}

impl<S: DivSigma, F: Field> Sde for Reversed<S, F> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.clock.at(t, |s| {
            let score = self.score.eval(x.clone(), s);
            let pull = self.sde.diffusion(&x, s).covariance_times(score);
            let divergence = self.sde.div_sigma(&x, s);
            (divergence + pull - self.sde.drift(x, s)).mul_scalar(self.clock.horizon)
        })
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        let b = self.clock.at(t, |s| self.sde.diffusion(x, s));
        b.scaled(self.clock.horizon.sqrt())
    }
}

impl<S: DivSigma + AdditiveNoise, F: Field> AdditiveNoise for Reversed<S, F> {}

impl<S: DivSigma, F: Field> DivSigma for Reversed<S, F> {
    fn div_sigma(&self, x: &Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let divergence = self.clock.at(t, |s| self.sde.div_sigma(x, s));
        divergence.mul_scalar(self.clock.horizon)
    }
}
