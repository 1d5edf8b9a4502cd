//! The Metropolis-adjusted Langevin algorithm.

use super::{Move, State, Target, Transition, Tuning, metropolis};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Noise, Space};

/// Langevin's proposal, judged by the exact acceptance ratio.
///
/// ```text
/// x' = x + ε C s(x) + √(2ε) L ξ,    C = L Lᵀ
/// log r = log p̃(x') − log p̃(x) + ½|ξ|² − ½|ξ'|²
/// ξ' = −ξ − √(ε/2) Lᵀ (s(x) + s(x'))      the noise that would lead back from x' to x
/// ```
///
/// The last line is `x = x' + ε C s(x') + √(2ε) L ξ'` solved for ξ', so that
/// `½|ξ|² − ½|ξ'|²` is `log q(x|x') − log q(x'|x)` without a matrix inverse.
///
/// # References
/// Besag (1994); Roberts & Rosenthal (1998), who derive the acceptance rate 0.574.
/// # Checked by
/// `tests/it/langevin.rs`
#[derive(Clone, Copy)]
pub struct Mala<'a> {
    /// What is sampled.
    pub target: &'a dyn Target,
}

impl std::fmt::Debug for Mala<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mala").finish_non_exhaustive()
    }
}

impl Transition for Mala<'_> {
    fn begin(&self, x: Tensor<2>, _noise: &Noise) -> State {
        evaluate(self.target, x)
    }

    fn step(&self, _k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let [_, d] = state.x.dims();
        let xi = noise.purpose("langevin").normal(d, &Space::of(&state.x));
        let uniforms = noise.purpose("accept").uniform_values(1);
        adjusted_step(self.target, state, tuning, xi, &uniforms)
    }

    fn goal(&self) -> Option<f64> {
        Some(0.574)
    }
}

/// The state of chains at `x`.
pub(super) fn evaluate(target: &dyn Target, x: Tensor<2>) -> State {
    let (log_density, score) = target.log_density_and_score(x.clone());
    State { x, score, log_density: to_host(log_density), velocity: None }
}

/// `½|z|²` of each row.
pub(super) fn half_square(z: &Tensor<2>) -> Vec<f64> {
    to_host(z.clone().powi_scalar(2).sum_dim(1).mul_scalar(0.5))
}

/// One step from given noise.
pub(super) fn adjusted_step(
    target: &dyn Target,
    state: State,
    tuning: &Tuning,
    xi: Tensor<2>,
    uniforms: &[f64],
) -> Move {
    let (epsilon, p) = (tuning.step, &tuning.preconditioner);
    let here = p.pull(state.score.clone());
    let there = xi.clone().mul_scalar((2.0 * epsilon).sqrt()) + here.clone().mul_scalar(epsilon);
    let proposed = evaluate(target, state.x.clone() + p.push(there));
    let drift = here + p.pull(proposed.score.clone());
    let back = (xi.clone() + drift.mul_scalar((0.5 * epsilon).sqrt())).neg();
    let (forth, back) = (half_square(&xi), half_square(&back));
    let log_ratio: Vec<f64> = (0..forth.len())
        .map(|i| proposed.log_density[i] - state.log_density[i] + forth[i] - back[i])
        .collect();
    metropolis(state, proposed, &log_ratio, uniforms, 1)
}
