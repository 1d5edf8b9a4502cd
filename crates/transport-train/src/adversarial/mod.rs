//! Two players: a generator and a critic, trained in turns.
//!
//! | file | holds |
//! |---|---|
//! | [`loss`] | what each player minimises |
//! | [`penalty`] | what keeps the critic's slope in bounds |
//! | [`mod@credit`] | the gradient by what was chosen |
//! | [`players`] | one network, its optimiser, one step |

pub mod credit;
pub mod loss;
pub mod penalty;
pub mod players;

pub use credit::credit;
pub use loss::Loss;
pub use penalty::Penalty;
pub use players::{CriticPlayer, GeneratorPlayer, Round, Turn};

use crate::batch::{Batches, Rows, shards};
use crate::optim::{Betas, OptimConfig};
use crate::trainer::{LoopConfig, StepReport, Training};
use crate::weights::{Weights, WeightsError};
use burn::tensor::Tensor;
use std::ops::Range;
use std::sync::Arc;
use transport_core::{Noise, Space};
use transport_models::gan::{Critic, GanError, Generator};

/// How the game is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GameConfig {
    /// The loop; a step is one of the generator.
    pub train: LoopConfig,
    /// The optimiser of both.
    pub optim: OptimConfig,
    /// What it remembers.
    pub betas: Betas,
    /// What the players minimise.
    pub loss: Loss,
    /// What keeps the critic's slope in bounds.
    pub penalty: Penalty,
    /// What the penalty's weight is multiplied by at first; the factor falls geometrically to 1 at
    /// half of the steps.
    pub penalty_start: f64,
    /// The standard deviation, at first, of the noise that data and samples reach the critic with,
    /// in units of the scaled data; see [`GameConfig::blur_at`].
    pub blur: f64,
    /// Steps of the critic for each of the generator.
    pub critic_steps: u64,
    /// The generator's learning rate as a multiple of the optimiser's.
    pub generator_rate: f64,
    /// The critic's.
    pub critic_rate: f64,
}

impl GameConfig {
    /// Checks every number, and the penalty against the critic.
    ///
    /// # Errors
    /// The first [`GanError`].
    pub fn check(&self, row_by_row: bool) -> Result<(), GanError> {
        GanError::count("critic_steps", self.critic_steps as usize, 1, 1000)?;
        GanError::positive("penalty_start", self.penalty_start)?;
        GanError::not_negative("blur", self.blur)?;
        GanError::positive("generator_rate", self.generator_rate)?;
        GanError::positive("critic_rate", self.critic_rate)?;
        for (what, beta) in [("beta1", self.betas.first), ("beta2", self.betas.second)] {
            if !(0.0..1.0).contains(&beta) {
                let (value, expected) = (f64::from(beta), "at least 0 and below 1");
                return Err(GanError::Number { what, value, expected });
            }
        }
        self.penalty.check(row_by_row)
    }

    /// The factor of the penalty's weight at a step: `start^(1 − 2 step/steps)`, then 1.
    ///
    /// A steep penalty first makes the critic smooth, so that far-away modes are seen; a weak one
    /// then lets it resolve their inside.
    ///
    /// # References
    /// Huang, Gokaslan, Kuleshov & Tompkin (2024), "The GAN is dead; long live the GAN!", whose
    /// R3GAN lowers its penalty during training.
    #[must_use]
    pub fn penalty_factor(&self, step: u64) -> f64 {
        let left = 1.0 - 2.0 * step as f64 / self.train.steps as f64;
        self.penalty_start.powf(left.max(0.0))
    }

    /// The noise through which both players see at a step, `blur (1 − 2 step/steps)²`, and none
    /// in the second half.
    ///
    /// Laws that are smoothed overlap, so that the critic first compares how much mass stands
    /// where, and as the noise falls ever smaller structure.
    ///
    /// # References
    /// Sønderby, Caballero, Theis, Shi & Huszár (2017), "Amortised MAP inference for image
    /// super-resolution", §3.2 (instance noise); Arjovsky & Bottou (2017).
    #[must_use]
    pub fn blur_at(&self, step: u64) -> f64 {
        let left = 1.0 - 2.0 * step as f64 / self.train.steps as f64;
        self.blur * left.max(0.0).powi(2)
    }
}

/// Parameters times rows from which a batch is worth splitting, as for one player.
const WORTH_SHARDS: usize = 1 << 23;

/// Rows whose moments a generator with batch norms keeps.
const SETTLED_ON: usize = 2048;

/// The game: `critic_steps` steps of the critic, then one of the generator.
///
/// Every draw is a function of the seed and the turn, so that a restored game goes on to the bit.
/// A batch is split in pieces, as in [`crate::trainer::Trainer`], when every row stands for itself.
pub struct Adversarial {
    generator: GeneratorPlayer,
    critic: CriticPlayer,
    config: GameConfig,
    rows: Arc<Rows>,
    batches: Batches,
    noise: Noise,
    space: Space,
    /// The critic's last turn.
    last: Turn,
    /// What a finished model keeps beside the generator.
    kept: Weights,
}

impl std::fmt::Debug for Adversarial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adversarial").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Adversarial {
    /// A game on `rows`, all in `space`; `kept` goes into the finished model as it is.
    ///
    /// # Errors
    /// [`GanError`] when a number is out of range, the penalty needs a gradient that the critic
    /// does not have, or a batch does not fill its packs.
    pub fn new(
        generator: Generator,
        critic: Critic,
        rows: Arc<Rows>,
        config: GameConfig,
        kept: Weights,
        space: &Space,
    ) -> Result<Self, GanError> {
        config.check(critic.row_by_row())?;
        let GameConfig { train, optim, betas, loss, penalty, .. } = config;
        if train.batch_size % critic.pack() != 0 {
            return Err(GanError::Packs { batch: train.batch_size, pack: critic.pack() });
        }
        let noise = Noise::new(train.seed, train.batch_size).purpose("train");
        let batches = Batches::new(rows.len(), train.batch_size, &noise);
        let generator = GeneratorPlayer::new(generator, loss, optim, betas, space);
        let critic = CriticPlayer::new(critic, loss, penalty, optim, betas)?;
        let (space, last) = (space.clone(), Turn::default());
        Ok(Self { generator, critic, config, rows, batches, noise, space, last, kept })
    }

    /// The critic as it stands.
    #[must_use]
    pub fn critic(&self) -> &Critic {
        self.critic.critic()
    }

    /// The divergence that the critic saw in its last turn, see [`Loss::divergence`].
    #[must_use]
    pub fn divergence(&self) -> f64 {
        self.config.loss.divergence(self.last.loss)
    }

    /// Pieces of a batch: a function of the sizes, never of the threads.
    fn pieces(&self, rows: usize) -> usize {
        let row_by_row =
            self.generator.generator().row_by_row() && self.critic.critic().row_by_row();
        let parameters = self.generator.parameters() + self.critic.parameters();
        if !row_by_row || parameters * rows < WORTH_SHARDS { 1 } else { self.config.train.shards }
    }

    fn gather(&self, values: &[f32], d: usize, chosen: &[usize]) -> Tensor<2> {
        let mut flat = Vec::with_capacity(chosen.len() * d);
        chosen.iter().for_each(|r| flat.extend_from_slice(&values[r * d..(r + 1) * d]));
        self.space.tensor_f32(flat, [chosen.len(), d])
    }

    fn round(&self, chosen: &[usize], noise: Noise, share: f64) -> Round {
        let blur = self.config.blur_at(self.generator.steps());
        let c = self.rows.context_dim;
        Round {
            data: self.gather(&self.rows.states, self.rows.dim, chosen),
            context: (c > 0).then(|| self.gather(&self.rows.contexts, c, chosen)),
            noise,
            share,
            pack: self.critic.critic().pack(),
            blur,
        }
    }

    /// The rows of the critic's turn `turn`, and the draws of `player` at `step`, in pieces.
    fn rounds(&mut self, turn: u64, player: &str, step: u64) -> Vec<Round> {
        let rows = self.batches.rows(turn);
        let noise = self.noise.purpose(player).at_step(step);
        let whole = rows.len() as f64;
        let pack = self.critic.critic().pack();
        let round = |packs: Range<usize>| {
            let range = pack * packs.start..pack * packs.end;
            let share = range.len() as f64 / whole;
            self.round(&rows[range.clone()], noise.rows(range), share)
        };
        shards(rows.len() / pack, self.pieces(rows.len())).into_iter().map(round).collect()
    }
}

impl Training for Adversarial {
    fn step(&mut self) -> StepReport {
        let (step, each) = (self.generator.steps(), self.config.critic_steps);
        let lr = self.config.optim.rate(step, self.config.train.steps);
        let (rate, factor) = (lr * self.config.critic_rate, self.config.penalty_factor(step));
        for turn in step * each..(step + 1) * each {
            let rounds = self.rounds(turn, "critic", turn);
            let generator = &self.generator;
            let samples = |round: &Round| generator.samples(round);
            self.last = self.critic.step(&rounds, samples, rate, factor);
        }
        let rounds = self.rounds((step + 1) * each - 1, "generator", step);
        let rate = lr * self.config.generator_rate;
        let turn = self.generator.step(&rounds, self.critic.critic(), rate);
        // A critic that is lost takes the generator's loss with it.
        StepReport { step: step + 1, loss: turn.loss, gradient_norm: turn.gradient_norm, lr: rate }
    }

    fn steps_done(&self) -> u64 {
        self.generator.steps()
    }

    fn steps_total(&self) -> u64 {
        self.config.train.steps
    }

    fn state(&self) -> Weights {
        let mut state = Weights::default();
        state.put("generator", self.generator.state());
        state.put("critic", self.critic.state());
        state
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.generator.restore(&state.part("generator"), step)?;
        self.critic.restore(&state.part("critic"), step * self.config.critic_steps)
    }

    fn weights(&self) -> Weights {
        let round = || {
            let chosen: Vec<usize> = (0..SETTLED_ON).map(|k| k % self.rows.len()).collect();
            self.round(&chosen, self.noise.purpose("settle").resized(SETTLED_ON), 1.0)
        };
        let mut weights = self.generator.weights(round);
        weights.0.extend(self.kept.0.clone());
        weights
    }

    fn extras(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("divergence", self.divergence()),
            ("critic_loss", self.last.loss),
            ("penalty", self.last.penalty),
            ("critic_gradient_norm", self.last.gradient_norm),
        ]
    }
}
