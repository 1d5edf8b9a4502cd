//! Hamiltonian Monte Carlo.

use super::mala::{evaluate, half_square};
use super::{Move, State, Target, Transition, Tuning, metropolis};
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// Leapfrog trajectories of a jittered number of steps, judged by their energy error.
///
/// ```text
/// H(x, r) = −log p̃(x) + ½|r|²,    r ~ N(0, I) in whitened coordinates
/// r ← r + ½h Lᵀs(x);   x ← x + h L r;   r ← r + ½h Lᵀs(x)        k times, k ~ U{1, …, 2m − 1}
/// log acceptance ratio = H(x, r) − H(x', r')
/// ```
///
/// The number of steps is the same for all chains and does not depend on how many there are; the
/// mean is `m`. One leapfrog is [`super::Mala`] with `ε = h²/2`.
///
/// # References
/// Duane et al. (1987); Neal (2011), "MCMC using Hamiltonian dynamics".
/// # Checked by
/// `tests/it/langevin.rs`
#[derive(Clone, Copy)]
pub struct Hmc<'a> {
    /// What is sampled.
    pub target: &'a dyn Target,
    /// The mean number of leapfrogs, `m ≥ 1`.
    pub leapfrogs: usize,
}

impl std::fmt::Debug for Hmc<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hmc").field("leapfrogs", &self.leapfrogs).finish_non_exhaustive()
    }
}

impl Transition for Hmc<'_> {
    fn begin(&self, x: Tensor<2>, _noise: &Noise) -> State {
        evaluate(self.target, x)
    }

    fn step(&self, _k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let momentum = noise.purpose("momentum").normal(state.x.dims()[1], &Space::of(&state.x));
        let jitter = noise.purpose("leapfrogs").shared().stream(0).below(2 * self.leapfrogs - 1);
        let mut end = (state.clone(), momentum.clone());
        for _ in 0..=jitter {
            end = leapfrog(self.target, end.0, end.1, tuning);
        }
        let (proposed, last) = end;
        let (before, after) = (half_square(&momentum), half_square(&last));
        let log_ratio: Vec<f64> = (0..before.len())
            .map(|i| proposed.log_density[i] - state.log_density[i] + before[i] - after[i])
            .collect();
        let uniforms = noise.purpose("accept").uniform_values(1);
        metropolis(state, proposed, &log_ratio, &uniforms, jitter + 1)
    }

    fn goal(&self) -> Option<f64> {
        Some(0.8)
    }
}

/// One Störmer–Verlet step of the whitened Hamiltonian.
fn leapfrog(
    target: &dyn Target,
    state: State,
    momentum: Tensor<2>,
    tuning: &Tuning,
) -> (State, Tensor<2>) {
    let (h, p) = (tuning.step, &tuning.preconditioner);
    let half = momentum + p.pull(state.score).mul_scalar(0.5 * h);
    let state = evaluate(target, state.x + p.push(half.clone().mul_scalar(h)));
    let momentum = half + p.pull(state.score.clone()).mul_scalar(0.5 * h);
    (state, momentum)
}
