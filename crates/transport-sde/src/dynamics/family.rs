//! The family of SDEs that share a flow's marginals.

use super::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, Sde};
use burn::tensor::Tensor;
use transport_core::{Coefs, Schedule, ScoredField, Space, Times};

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

    /// `ε(t)/σ(t)`, also where `σ = 0`.
    #[must_use]
    pub fn over_sigma(&self, t: f64, schedule: &(impl Schedule + ?Sized)) -> f64 {
        let c = schedule.at(t);
        match self {
            Self::Sigma(factor) => *factor,
            Self::Reversal(factor) => {
                factor * (c.d_alpha * c.sigma - c.alpha * c.d_sigma) / c.alpha
            }
            Self::Constant(epsilon) => epsilon / c.sigma,
        }
    }
}

/// `dX = [v(X, t) + ε(t) s(X, t)] dt + √(2 ε(t)) dW` on the transport clock.
///
/// Its marginals do not depend on `ε ≥ 0`: the added drift and the added noise cancel in the
/// Fokker–Planck equation, `−∇·(ε s q) + ε Δq = 0`.
///
/// Where `σ(t) = 0`, as at the data's end of the rectified schedule, the score is infinite and
/// `ε s = −(ε/σ) E[x₀|x]` need not be: it is read from the velocity, by
/// `(α′σ − ασ′) E[x₀|x] = α′ x − α v`. So a method may evaluate the drift at the end of its last step.
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

impl<F, S: Schedule> Family<F, S> {
    /// `ε s`, with its limit in the rows where `σ = 0`.
    fn at_the_data(
        &self,
        push: Tensor<2>,
        velocity: Tensor<2>,
        x: Tensor<2>,
        t: Times<'_>,
    ) -> Tensor<2> {
        let mark = |t: f64| f64::from(u8::from(self.schedule.at(t).sigma == 0.0));
        let none = match t {
            Times::Same(t) => mark(t) == 0.0,
            Times::Each(times) => times.iter().all(|t| mark(*t) == 0.0),
        };
        if none {
            return push;
        }
        let over = |t: f64, part: fn(Coefs) -> f64| {
            let c = self.schedule.at(t);
            let scale = self.epsilon.over_sigma(t, &self.schedule);
            scale * part(c) / (c.d_alpha * c.sigma - c.alpha * c.d_sigma)
        };
        let limit =
            t.scale(velocity, |t| over(t, |c| c.alpha)) - t.scale(x, |t| over(t, |c| c.d_alpha));
        let rows = t.column(&Space::of(&push), mark).greater_elem(0.5).expand(push.dims());
        push.mask_where(rows, limit)
    }
}

impl<F: ScoredField, S: Schedule> Sde for Family<F, S> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let (velocity, score) = self.field.velocity_and_score(x.clone(), t);
        let push = t.scale(score, |t| self.epsilon.at(t, &self.schedule));
        velocity.clone() + self.at_the_data(push, velocity, x, t)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, |t| (2.0 * self.epsilon.at(t, &self.schedule)).sqrt())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::isotropic(self)
    }
}

impl<F: ScoredField, S: Schedule> AdditiveNoise for Family<F, S> {}
impl<F: ScoredField, S: Schedule> DiagonalNoise for Family<F, S> {}
