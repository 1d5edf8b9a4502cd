//! Annealed Langevin dynamics: ULA down a ladder of noise levels.

use super::ula::langevin_step;
use super::{Move, State, Transition, Tuning};
use burn::tensor::Tensor;
use transport_core::law::Noisable;
use transport_core::{Coefs, Noise, Schedule, Score, ScoredField, Times};

/// Laws from the noisiest to the cleanest, known by their scores.
pub trait Ladder: Send + Sync {
    /// The number of levels, at least 1.
    fn levels(&self) -> usize;

    /// The standard deviation of the noise at a level, positive.
    fn sigma(&self, level: usize) -> f64;

    /// The score of the law at a level.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn score(&self, x: Tensor<2>, level: usize) -> Tensor<2>;
}

/// A law blurred by Gaussian noise, `x₁ + σₖ x₀`, with exact scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothed<L> {
    /// The law.
    pub law: L,
    /// Standard deviations, decreasing and positive.
    pub sigmas: Vec<f64>,
}

impl<L> Smoothed<L> {
    /// `levels` geometric steps from `first` down to `last`.
    #[must_use]
    pub fn geometric(law: L, first: f64, last: f64, levels: usize) -> Self {
        let ratio = |k: usize| k as f64 / (levels.max(2) - 1) as f64;
        let sigmas = (0..levels.max(1)).map(|k| first * (last / first).powf(ratio(k))).collect();
        Self { law, sigmas }
    }
}

impl<L: Noisable> Ladder for Smoothed<L> {
    fn levels(&self) -> usize {
        self.sigmas.len()
    }

    fn sigma(&self, level: usize) -> f64 {
        self.sigmas[level]
    }

    fn score(&self, x: Tensor<2>, level: usize) -> Tensor<2> {
        let c = Coefs { alpha: 1.0, sigma: self.sigmas[level], d_alpha: 0.0, d_sigma: 0.0 };
        self.law.noised(&c).score(x)
    }
}

/// The scores that a field, learned or exact, carries at increasing times of its schedule.
#[derive(Clone, Debug)]
pub struct FieldLadder<F, S> {
    /// The field.
    pub field: F,
    /// Its schedule.
    pub schedule: S,
    /// Times on the transport clock, increasing, each with σ(t) > 0.
    pub times: Vec<f64>,
}

impl<F: ScoredField, S: Schedule> Ladder for FieldLadder<F, S> {
    fn levels(&self) -> usize {
        self.times.len()
    }

    fn sigma(&self, level: usize) -> f64 {
        self.schedule.at(self.times[level]).sigma
    }

    fn score(&self, x: Tensor<2>, level: usize) -> Tensor<2> {
        self.field.velocity_and_score(x, Times::Same(self.times[level])).1
    }
}

/// Langevin steps at each level of a ladder, whose size follows the noise.
///
/// ```text
/// x ← x + ε_k s_k(x) + √(2 ε_k) ξ,    ε_k = ε σ_k²/σ_K²
/// ```
///
/// The first `descent` steps are shared equally among the levels; all later ones are taken at the
/// last. Modes that are far apart at the end are one at the start, so that each gets the weight
/// that the laws in between give it: the weight of the last law, up to the lag of the descent.
///
/// # References
/// Song & Ermon (2019), "Generative modeling by estimating gradients of the data distribution",
/// algorithm 1.
/// # Checked by
/// `tests/it/langevin.rs::annealing_finds_the_weights_of_separated_modes`
#[derive(Clone, Copy, Debug)]
pub struct Annealed<L> {
    /// The levels.
    pub ladder: L,
    /// The number of steps down to the last level; warm-up is the place for them.
    pub descent: usize,
}

impl<L: Ladder> Annealed<L> {
    /// The level of step `k`.
    #[must_use]
    pub fn level(&self, k: usize) -> usize {
        let (levels, last) = (self.ladder.levels(), self.ladder.levels() - 1);
        (k * levels).checked_div(self.descent).unwrap_or(last).min(last)
    }
}

impl<L: Ladder> Transition for Annealed<L> {
    fn begin(&self, x: Tensor<2>, _noise: &Noise) -> State {
        let score = self.ladder.score(x.clone(), self.level(0));
        State { x, score, log_density: vec![], velocity: None }
    }

    /// The state carries the score of the next step's level.
    fn step(&self, k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let last = self.ladder.sigma(self.ladder.levels() - 1);
        let epsilon = tuning.step * (self.ladder.sigma(self.level(k)) / last).powi(2);
        let x = langevin_step(state.x, state.score, epsilon, tuning, noise);
        let score = self.ladder.score(x.clone(), self.level(k + 1));
        let state = State { x, score, log_density: vec![], velocity: None };
        Move { state, acceptance: vec![], divergent: vec![], evals: 1 }
    }
}
