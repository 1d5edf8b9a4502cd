//! The probability flow: the ODE that carries a process's marginals.

use super::{Clock, DivSigma, LinearInState};
use burn::tensor::Tensor;
use transport_core::{Field, Jvp, ScoredField, Times};

/// The velocity that carries `q_s` as `dX = a ds + b dW` does, on the process's clock.
///
/// ```text
/// v = a − ½ ∇·Σ − ½ Σ ∇log q_s,     Σ = b bᵀ,     ∂ₛq = −∇·(v q)
/// ```
///
/// It follows from Fokker–Planck, `∂ₛq = −∇·(a q) + ½ ∇·∇·(Σ q)`, with
/// `∇·(Σ q) = (∇·Σ + Σ ∇log q) q`.
///
/// # References
/// Song et al. (2021), app. D.1.
/// # Checked by
/// `tests/it/reversal.rs`, `tests/it/flow_densities.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbabilityFlow<S, F> {
    /// The process.
    pub sde: S,
    /// The score `∇ log q_s(x)`.
    pub score: F,
}

impl<S, F> ProbabilityFlow<S, F> {
    /// The same flow from the reference to the data, on the transport clock.
    pub fn on_transport_clock(self, clock: Clock) -> OnTransportClock<Self> {
        OnTransportClock { field: self, clock }
    }
}

impl<S: DivSigma, F: Field> Field for ProbabilityFlow<S, F> {
    fn eval(&self, x: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        self.velocity_and_score(x, s).0
    }
}

impl<S: DivSigma, F: Field> ScoredField for ProbabilityFlow<S, F> {
    fn velocity_and_score(&self, x: Tensor<2>, s: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let score = self.score.eval(x.clone(), s);
        let pull = self.sde.diffusion(&x, s).covariance_times(score.clone());
        let half = (self.sde.div_sigma(&x, s) + pull).mul_scalar(0.5);
        (self.sde.drift(x, s) - half, score)
    }
}

impl<S: LinearInState, F: Jvp> Jvp for ProbabilityFlow<S, F> {
    fn jvp(&self, x: Tensor<2>, s: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (score, bend) = self.score.jvp(x.clone(), s, u.clone());
        let b = self.sde.diffusion(&x, s);
        let (pull, push) = (b.clone().covariance_times(score), b.covariance_times(bend));
        let value = self.sde.drift(x, s) - pull.mul_scalar(0.5);
        (value, self.sde.drift(u, s) - push.mul_scalar(0.5))
    }
}

/// A velocity on a process's clock, read on the transport clock: `−S v(x, S(1 − t))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnTransportClock<V> {
    /// The velocity on the process's clock.
    pub field: V,
    /// How the clocks meet.
    pub clock: Clock,
}

impl<V: Field> Field for OnTransportClock<V> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.clock.at(t, |s| self.field.eval(x, s)).mul_scalar(-self.clock.horizon)
    }
}

impl<V: ScoredField> ScoredField for OnTransportClock<V> {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let (velocity, score) = self.clock.at(t, |s| self.field.velocity_and_score(x, s));
        (velocity.mul_scalar(-self.clock.horizon), score)
    }
}

impl<V: Jvp> Jvp for OnTransportClock<V> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (value, tangent) = self.clock.at(t, |s| self.field.jvp(x, s, u));
        let rate = -self.clock.horizon;
        (value.mul_scalar(rate), tangent.mul_scalar(rate))
    }
}
