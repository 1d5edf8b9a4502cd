//! The two players: each a network, its optimiser, and one step.

use super::credit::credit;
use super::loss::{Loss, mean};
use super::penalty::Penalty;
use crate::optim::{AdamW, Betas, FlatGradients, OptimConfig};
use crate::weights::{Weights, WeightsError};
use burn::module::Module;
use burn::tensor::Tensor;
use rayon::prelude::*;
use transport_core::{Noise, Space};
use transport_models::gan::{Critic, GanError, Generator, InputGradient, Moments};

/// Rows of data, and the draws of as many samples.
#[derive(Clone, Debug)]
pub struct Round {
    /// The data, `[n, d]`.
    pub data: Tensor<2>,
    /// The contexts of the data, which the samples share, `[n, c]`.
    pub context: Option<Tensor<2>>,
    /// The draws of these rows.
    pub noise: Noise,
    /// Their share of the batch.
    pub share: f64,
    /// Rows that the critic judges together; their number divides that of the rows.
    pub pack: usize,
    /// The standard deviation of the noise through which the critic sees points.
    pub blur: f64,
}

impl Round {
    /// `x + σ ε`, with draws of its own for each of `who`.
    fn blurred(&self, x: Tensor<2>, who: &str) -> Tensor<2> {
        if self.blur == 0.0 {
            return x;
        }
        let noise = self.noise.purpose("blur").purpose(who);
        let noise = noise.normal(x.dims()[1], &Space::of(&x));
        x + noise.mul_scalar(self.blur)
    }

    /// Each pack of rows side by side in one, `[n/m, m d]`.
    fn packed(&self, x: Tensor<2>) -> Tensor<2> {
        let [n, d] = x.dims();
        x.reshape([n / self.pack, self.pack * d])
    }

    /// The data as the critic sees them.
    fn real(&self) -> Tensor<2> {
        self.packed(self.blurred(self.data.clone(), "data"))
    }

    /// Samples as the critic sees them.
    fn fake(&self, samples: Tensor<2>) -> Tensor<2> {
        self.packed(self.blurred(samples, "samples"))
    }

    /// The contexts as the critic sees them.
    fn given(&self) -> Option<Tensor<2>> {
        self.context.clone().map(|c| self.packed(c))
    }

    /// A place between data and samples for each pack, `[n/m, 1]`.
    fn between(&self, space: &Space) -> Tensor<2> {
        // A pack's is its first row's: the same in any shard.
        let rows = self.noise.purpose("between").uniform_values(1);
        space.column(&rows.into_iter().step_by(self.pack).collect::<Vec<f64>>())
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Turn {
    /// The loss before the update, without the penalty.
    pub loss: f64,
    /// The penalty.
    pub penalty: f64,
    /// The gradient's norm, before clipping.
    pub gradient_norm: f64,
}

/// The loss, the penalty and the gradient of one round, and its share.
type Part = (f64, f64, FlatGradients, f64);

/// A network in training.
struct Player<M> {
    /// Away only while the optimiser updates it: sole ownership lets it write in place.
    model: Option<M>,
    optim: AdamW,
}

impl<M: Module> Player<M> {
    fn new(model: M, config: OptimConfig, betas: Betas) -> Self {
        let optim = AdamW::with_betas(config, betas, &model);
        Self { model: Some(model), optim }
    }

    fn model(&self) -> &M {
        self.model.as_ref().expect("a step that panicked took the model with it")
    }

    /// The update by the mean over the rounds, summed in their order.
    fn update(&mut self, parts: Vec<Part>, rate: f64, after: impl FnOnce(M) -> M) -> Turn {
        let mut turn = Turn::default();
        let mut total: Option<FlatGradients> = None;
        for (loss, penalty, mut gradients, share) in parts {
            turn.loss += share * loss;
            turn.penalty += share * penalty;
            match &mut total {
                Some(total) => total.add(&gradients, share as f32),
                None => {
                    gradients.scale(share as f32);
                    total = Some(gradients);
                }
            }
        }
        let model = self.model.take().expect("a step that panicked took the model with it");
        let (model, norm) = self.optim.step(model, total.unwrap_or_default(), rate);
        self.model = Some(after(model));
        Turn { gradient_norm: norm, ..turn }
    }

    fn state(&self) -> Weights {
        let mut state = self.optim.state();
        state.put("model", Weights::of(self.model()));
        state
    }

    fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.model = Some(state.part("model").fill(self.model().clone())?);
        self.optim.restore(state, step)
    }
}

/// The critic in training.
pub struct CriticPlayer {
    player: Player<Critic>,
    loss: Loss,
    penalty: Penalty,
}

impl std::fmt::Debug for CriticPlayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CriticPlayer").field("loss", &self.loss).finish_non_exhaustive()
    }
}

impl CriticPlayer {
    /// A critic with fresh moments.
    ///
    /// # Errors
    /// [`GanError`] when the penalty's weight is not above 0, or the critic has no gradient for it.
    pub fn new(
        critic: Critic,
        loss: Loss,
        penalty: Penalty,
        config: OptimConfig,
        betas: Betas,
    ) -> Result<Self, GanError> {
        penalty.check(critic.row_by_row())?;
        Ok(Self { player: Player::new(critic, config, betas), loss, penalty })
    }

    /// The critic.
    #[must_use]
    pub fn critic(&self) -> &Critic {
        self.player.model()
    }

    /// One step on pieces of a batch; `samples` makes the samples of each, and the penalty's weight
    /// is multiplied by `factor`.
    pub fn step(
        &mut self,
        rounds: &[Round],
        samples: impl Fn(&Round) -> Tensor<2> + Sync,
        rate: f64,
        factor: f64,
    ) -> Turn {
        let (this, penalty) = (&*self, self.penalty.scaled(factor));
        let part = |round: &Round| this.part(round, samples(round), penalty);
        let parts: Vec<Part> = rounds.par_iter().map(part).collect();
        self.player.update(parts, rate, |critic| penalty.clipped(critic).iterated())
    }

    fn part(&self, round: &Round, samples: Tensor<2>, penalty: Penalty) -> Part {
        // Leaves of its own: graphs that share leaves would wait for each other.
        let critic = self.critic().clone().train();
        let (given, space) = (critic.given(round.given()), Space::of(&samples));
        let u = || round.between(&space);
        let seen = penalty.see(&given, round.real(), round.fake(samples), u);
        let loss = self.loss.critic(seen.real, seen.fake);
        let value = loss.clone().into_scalar::<f64>();
        let (whole, penalty) = match seen.penalty {
            None => (loss, 0.0),
            Some(penalty) => (loss + penalty.clone(), penalty.into_scalar::<f64>()),
        };
        (value, penalty, FlatGradients::take(&critic, whole.backward()), round.share)
    }

    pub(super) fn state(&self) -> Weights {
        self.player.state()
    }

    pub(super) fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.player.restore(state, step)
    }

    pub(super) fn parameters(&self) -> usize {
        self.player.optim.parameters()
    }
}

/// The generator in training.
pub struct GeneratorPlayer {
    player: Player<Generator>,
    loss: Loss,
    space: Space,
}

impl std::fmt::Debug for GeneratorPlayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneratorPlayer").field("loss", &self.loss).finish_non_exhaustive()
    }
}

impl GeneratorPlayer {
    /// A generator with fresh moments.
    #[must_use]
    pub fn new(
        generator: Generator,
        loss: Loss,
        config: OptimConfig,
        betas: Betas,
        space: &Space,
    ) -> Self {
        Self { player: Player::new(generator, config, betas), loss, space: space.clone() }
    }

    /// The generator.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        self.player.model()
    }

    fn pushed(&self, generator: &Generator, round: &Round) -> Tensor<2> {
        let z = generator.latent(&round.noise, &self.space);
        generator.forward(z, round.context.as_ref(), Moments::Batch)
    }

    /// Its samples for a round, as constants.
    #[must_use]
    pub fn samples(&self, round: &Round) -> Tensor<2> {
        self.pushed(self.generator(), round)
    }

    /// One step against a critic that stands still.
    pub fn step(&mut self, rounds: &[Round], critic: &Critic, rate: f64) -> Turn {
        let this = &*self;
        let part = |round: &Round| this.part(round, critic);
        let parts: Vec<Part> = rounds.par_iter().map(part).collect();
        self.player.update(parts, rate, |generator| generator)
    }

    fn part(&self, round: &Round, critic: &Critic) -> Part {
        let generator = self.generator().clone().train();
        let given = critic.given(round.given());
        let fake = given.value(round.fake(self.pushed(&generator, round)));
        let real = if self.loss.generator_sees_data() {
            given.value(round.real())
        } else {
            fake.clone().detach()
        };
        let rows = self.loss.generator_rows(real, fake);
        let loss = mean(rows.clone());
        let value = loss.clone().into_scalar::<f64>();
        let whole = match generator.pieces() {
            None => loss,
            Some(pieces) => loss + credit(rows, round.packed(pieces.log_chances(&round.noise))),
        };
        (value, 0.0, FlatGradients::take(&generator, whole.backward()), round.share)
    }

    /// The averaged weights, with the moments of `round` in the batch norms if there are any.
    pub(super) fn weights(&self, round: impl FnOnce() -> Round) -> Weights {
        let average = self.player.optim.average();
        if self.generator().row_by_row() {
            return average;
        }
        // The average has the generator's own names and shapes.
        let Ok(generator) = average.fill(self.generator().clone()) else { return average };
        let round = round();
        let z = generator.latent(&round.noise, &self.space);
        Weights::of(&generator.settled(z, round.context.as_ref()))
    }

    pub(super) fn state(&self) -> Weights {
        self.player.state()
    }

    pub(super) fn restore(&mut self, state: &Weights, step: u64) -> Result<(), WeightsError> {
        self.player.restore(state, step)
    }

    pub(super) fn parameters(&self) -> usize {
        self.player.optim.parameters()
    }

    pub(super) fn steps(&self) -> u64 {
        self.player.optim.steps()
    }
}
