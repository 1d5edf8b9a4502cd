//! Underdamped Langevin dynamics by the BAOAB splitting.

use super::{Move, State, Transition, Tuning};
use burn::tensor::Tensor;
use transport_core::{Noise, Score, Space};

/// Position and velocity with friction, split into kicks (B), drifts (A) and an exact
/// Ornstein–Uhlenbeck step (O).
///
/// ```text
/// dX = L V dt,    dV = Lᵀ s(X) dt − γ V dt + √(2γ) dW,    V ~ N(0, I) when stationary
/// B: v ← v + ½h Lᵀs(x)    A: x ← x + ½h L v    O: v ← e^{−γh} v + √(1 − e^{−2γh}) ξ
/// one step: B A O A B
/// ```
///
/// Unadjusted: means over positions are off by O(h²), by O(h⁴) at high friction, and by nothing on
/// a Gaussian. One evaluation a step. Two runs with h and h/2 extrapolate: (4 m(h/2) − m(h))/3.
///
/// # References
/// Leimkuhler & Matthews (2013), "Rational construction of stochastic numerical methods for
/// molecular sampling".
/// # Checked by
/// `tests/it/langevin.rs::baoab_is_of_second_order_in_position`
#[derive(Clone, Copy)]
pub struct Underdamped<'a> {
    /// What is sampled.
    pub score: &'a dyn Score,
    /// The friction γ > 0.
    pub friction: f64,
}

impl std::fmt::Debug for Underdamped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Underdamped").field("friction", &self.friction).finish_non_exhaustive()
    }
}

impl Transition for Underdamped<'_> {
    fn begin(&self, x: Tensor<2>, noise: &Noise) -> State {
        let velocity = noise.purpose("velocity").normal(x.dims()[1], &Space::of(&x));
        let score = self.score.score(x.clone());
        State { x, score, log_density: vec![], velocity: Some(velocity) }
    }

    /// # Panics
    /// When the state has no velocities, which [`Transition::begin`] gives it.
    fn step(&self, _k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let (h, p) = (tuning.step, &tuning.preconditioner);
        let decay = (-self.friction * h).exp();
        let xi = noise.purpose("langevin").normal(state.x.dims()[1], &Space::of(&state.x));
        #[allow(clippy::expect_used)]
        let v = state.velocity.expect("underdamped chains carry velocities");
        let v = v + p.pull(state.score).mul_scalar(0.5 * h);
        let x = state.x + p.push(v.clone().mul_scalar(0.5 * h));
        let v = v.mul_scalar(decay) + xi.mul_scalar((1.0 - decay * decay).sqrt());
        let x = x + p.push(v.clone().mul_scalar(0.5 * h));
        let score = self.score.score(x.clone());
        let v = v + p.pull(score.clone()).mul_scalar(0.5 * h);
        let state = State { x, score, log_density: vec![], velocity: Some(v) };
        Move { state, acceptance: vec![], divergent: vec![], evals: 1 }
    }
}
