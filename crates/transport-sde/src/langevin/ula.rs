//! The unadjusted Langevin algorithm.

use super::{Move, State, Transition, Tuning};
use burn::tensor::Tensor;
use transport_core::{Noise, Score, Space};

/// Euler–Maruyama for Langevin dynamics, with nothing to correct its bias.
///
/// ```text
/// x ← x + ε C s(x) + √(2ε) L ξ,    C = L Lᵀ
/// ```
///
/// On a unit Gaussian its stationary variance is `1/(1 − ε/2)`.
///
/// # References
/// Roberts & Tweedie (1996), "Exponential convergence of Langevin distributions".
/// # Checked by
/// `tests/it/langevin.rs::ula_has_the_bias_it_is_known_for`
#[derive(Clone, Copy)]
pub struct Ula<'a> {
    /// What is sampled.
    pub score: &'a dyn Score,
}

impl std::fmt::Debug for Ula<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ula").finish_non_exhaustive()
    }
}

impl Transition for Ula<'_> {
    fn begin(&self, x: Tensor<2>, _noise: &Noise) -> State {
        State { score: self.score.score(x.clone()), x, log_density: vec![], velocity: None }
    }

    fn step(&self, _k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let x = langevin_step(state.x, state.score, tuning.step, tuning, noise);
        let state = self.begin(x, noise);
        Move { state, acceptance: vec![], divergent: vec![], evals: 1 }
    }
}

/// `x + ε C s + √(2ε) L ξ`.
pub(super) fn langevin_step(
    x: Tensor<2>,
    score: Tensor<2>,
    epsilon: f64,
    tuning: &Tuning,
    noise: &Noise,
) -> Tensor<2> {
    let xi = noise.purpose("langevin").normal(x.dims()[1], &Space::of(&x));
    let p = &tuning.preconditioner;
    let whitened = p.pull(score).mul_scalar(epsilon) + xi.mul_scalar((2.0 * epsilon).sqrt());
    x + p.push(whitened)
}
