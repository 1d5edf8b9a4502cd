//! Langevin dynamics and its relatives: Markov chains whose stationary law is `π ∝ exp(log p̃)`.
//!
//! ```text
//! dX = ∇ log π(X) dt + √2 dW          leaves π in place
//! ```
//!
//! | file | one step of | needs |
//! |---|---|---|
//! | [`Ula`] | `x + ε s + √(2ε) ξ` | score |
//! | [`Mala`] | the same, accepted or not by the exact ratio | density and score |
//! | [`Hmc`] | Hamiltonian Monte Carlo: leapfrogs of a jittered number | density and score |
//! | [`Underdamped`] | BAOAB: position and velocity | score |
//! | [`Annealed`] | ULA down a [`Ladder`] of noise levels | scores of the levels |
//! | [`Tempered`] | MALA at several temperatures that trade places | density and score |
//!
//! What is sampled is a [`Target`] (density and score: any law of the core, or a [`LogDensity`]
//! closure differentiated by Burn) or just a [`transport_core::Score`]. [`Constrained`] carries a
//! target on constrained parameters over to all of `ℝᵈ`, Jacobians included. A [`Tuning`] holds the
//! step and a [`Preconditioner`]; [`sample`] is the only loop, and [`Plan`] says how long it warms
//! up and what it adapts meanwhile.
//!
//! A chain is a row: `x` is `[chains, d]`. Without adaptation a chain does not depend on how many
//! run beside it; warm-up pools what it learns from all of them.

mod annealed;
mod chains;
mod climb;
mod constrained;
mod dual_averaging;
mod error;
mod hmc;
mod mala;
mod metropolis;
mod preconditioner;
mod sampler;
mod start;
mod target;
mod tempered;
mod transform;
mod ula;
mod underdamped;
mod warmup;
mod welford;

pub use annealed::{Annealed, FieldLadder, Ladder, Smoothed};
pub use chains::Chains;
pub use climb::climb;
pub use constrained::Constrained;
pub use dual_averaging::DualAveraging;
pub use error::{Halted, PlanError, SampleError, TransformError};
pub use hmc::Hmc;
pub use mala::Mala;
pub use metropolis::{DIVERGENCE, metropolis};
pub use preconditioner::Preconditioner;
pub use sampler::{Plan, Report, sample};
pub use start::find_start;
pub use target::{AtTime, LogDensity, ScoreOf, Target};
pub use tempered::Tempered;
pub use transform::Transform;
pub use ula::Ula;
pub use underdamped::Underdamped;
pub use warmup::Metric;
pub use welford::Welford;

use burn::tensor::Tensor;
use transport_core::Noise;

/// The step and the preconditioner of a sampler: what warm-up tunes and then freezes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// The step: ε of [`Ula`], [`Mala`], [`Annealed`] and [`Tempered`] (in Langevin time), h of
    /// [`Hmc`] and [`Underdamped`] (in Hamiltonian time; ε = h²/2).
    pub step: f64,
    /// The geometry.
    pub preconditioner: Preconditioner,
}

impl Tuning {
    /// A step in the geometry of the coordinates themselves.
    #[must_use]
    pub fn new(step: f64) -> Self {
        Self { step, preconditioner: Preconditioner::Identity }
    }
}

/// What the chains carry from step to step.
#[derive(Clone, Debug)]
pub struct State {
    /// Positions, `[chains, d]`.
    pub x: Tensor<2>,
    /// `∇ log p̃` there, `[chains, d]`.
    pub score: Tensor<2>,
    /// `log p̃` there, one a chain; empty where a sampler needs none.
    pub log_density: Vec<f64>,
    /// Velocities, `[chains, d]`, where a sampler has them.
    pub velocity: Option<Tensor<2>>,
}

/// What a step made of the chains.
#[derive(Clone, Debug)]
pub struct Move {
    /// Where they are now.
    pub state: State,
    /// The probability with which each proposal was to be accepted; empty where none is judged.
    pub acceptance: Vec<f64>,
    /// Whether each chain's proposal diverged; empty where none is judged.
    pub divergent: Vec<bool>,
    /// Evaluations of the target.
    pub evals: usize,
}

/// A Markov kernel on the chains.
pub trait Transition: Send + Sync {
    /// The state at given positions.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    fn begin(&self, x: Tensor<2>, noise: &Noise) -> State;

    /// Step number `k`, counted from 0 over warm-up and draws; `noise` is that step's, one sample
    /// for each chain.
    fn step(&self, k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move;

    /// The acceptance rate that warm-up aims at, where proposals are judged.
    fn goal(&self) -> Option<f64> {
        None
    }

    /// The positions that follow the target, `[chains, d]`.
    fn visible(&self, state: &State) -> Tensor<2> {
        state.x.clone()
    }
}
