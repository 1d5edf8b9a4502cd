//! The family of SDEs that share a flow's marginals.

use super::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, Sde};
use burn::tensor::Tensor;
use transport_core::{Schedule, ScoredField, Times};

/// How much noise a member of the family carries, on the transport clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Epsilon {
    /// `ε(t) = c σ(t)`: keeps `ε s` bounded at both ends of the clock, since `σ s = −E[x₀|x]`.
    Sigma(f64),
    /// `ε(t) = c σ (α′σ − ασ′)/α`: Anderson's reversal of the noising process when c = 1.
    Reversal(f64),
    /// A constant.
    Constant(f64),
}

impl Epsilon {
    /// `ε(t)` under a schedule.
    #[must_use]
    pub fn at(&self, t: f64, schedule: &(impl Schedule + ?Sized)) -> f64 {
        match self {
            Self::Sigma(c) => c * schedule.at(t).sigma,
            Self::Reversal(c) => c * schedule.reversal_epsilon(t),
            Self::Constant(c) => *c,
        }
    }

    /// `ε(t)/σ(t)`, finite at σ = 0 for the first two.
    #[must_use]
    pub fn over_sigma(&self, t: f64, schedule: &(impl Schedule + ?Sized)) -> f64 {
        let c = schedule.at(t);
        match self {
            Self::Sigma(k) => *k,
            Self::Reversal(k) => k * (c.d_alpha * c.sigma - c.alpha * c.d_sigma) / c.alpha,
            Self::Constant(k) => k / c.sigma,
        }
    }
}

/// `dX = [v(X, t) + ε(t) s(X, t)] dt + √(2 ε(t)) dW` on the transport clock.
///
/// Its marginals do not depend on `ε ≥ 0`: the added drift and the added noise cancel in the
/// Fokker–Planck equation, `−∇·(ε s q) + ε Δq = 0`.
///
/// # References
/// Song et al. (2021), app. D.1; Albergo, Boffi & Vanden-Eijnden (2023), §2.3.
/// # Checked by
/// `tests/it/family.rs`
#[derive(Clone, Copy, Debug)]
pub struct Family<F, S> {
    /// The velocity and the score.
    pub field: F,
    /// The schedule that `ε` is read from.
    pub schedule: S,
    /// The amount of noise.
    pub epsilon: Epsilon,
}

impl<F: ScoredField, S: Schedule> Sde for Family<F, S> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        // ε s = −(ε/σ) E[x₀ | x], which stays finite where the score does not.
        let sigma = |t: f64| self.schedule.at(t).sigma;
        let (velocity, noise) = self.field.velocity_and_noise(x, t, &sigma);
        velocity - t.scale(noise, |t| self.epsilon.over_sigma(t, &self.schedule))
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, |t| (2.0 * self.epsilon.at(t, &self.schedule)).sqrt())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl<F: ScoredField, S: Schedule> AdditiveNoise for Family<F, S> {}
impl<F: ScoredField, S: Schedule> DiagonalNoise for Family<F, S> {}
