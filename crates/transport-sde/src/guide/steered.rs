//! A field with a gradient added to its score.

use super::Strength;
use burn::tensor::Tensor;
use transport_core::{Denoiser, Field, Schedule, ScoredField, Times};

/// `∇ₓ log p(y | x_t = x)`, exact or not.
pub trait Guidance: Send + Sync {
    /// The gradient, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn gradient(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2>;
}

/// A model whose score is shifted by `g = w(t) ∇ₓ log p(y | x_t = x)`, and all that follows from it.
///
/// ```text
/// s ← s + g,    E[x₀|x] ← E[x₀|x] − σ g,    E[x₁|x] ← E[x₁|x] + (σ²/α) g
/// v ← v + σ (α′σ − ασ′)/α g
/// ```
///
/// Where α = 0 the state tells nothing of the data, the gradient is 0 and its quotient by α is not
/// known: there the model is left unguided, for the one step that starts there.
///
/// # References
/// Dhariwal & Nichol (2021), "Diffusion models beat GANs on image synthesis", §4.
/// # Checked by
/// `tests/it/guidance.rs`
#[derive(Clone, Copy, Debug)]
pub struct Steered<F, G> {
    /// The model.
    pub model: F,
    /// The gradient.
    pub guidance: G,
    /// Its weight; 0 outside the interval.
    pub strength: Strength,
}

impl<F: Denoiser, G: Guidance> Steered<F, G> {
    /// `w(t) ∇ log p(y | x_t)`, or `None` where the weight is 0.
    fn push(&self, x: &Tensor<2>, t: Times<'_>) -> Option<Tensor<2>> {
        let weight = |t: f64| self.strength.at(t, 0.0);
        (!self.strength.is(t, 0.0, 0.0))
            .then(|| t.scale(self.guidance.gradient(x.clone(), t), weight))
    }

    /// `base + factor(t) g`, with 0 for a factor that is not finite.
    fn shift(
        base: Tensor<2>,
        push: Option<&Tensor<2>>,
        t: Times<'_>,
        factor: impl Fn(f64) -> f64,
    ) -> Tensor<2> {
        let bounded = |t: f64| Some(factor(t)).filter(|f| f.is_finite()).unwrap_or(0.0);
        match push {
            Some(push) => base + t.scale(push.clone(), bounded),
            None => base,
        }
    }

    fn on_noise(&self, t: f64) -> f64 {
        -self.model.schedule().at(t).sigma
    }

    fn on_data(&self, t: f64) -> f64 {
        let c = self.model.schedule().at(t);
        c.sigma * c.sigma / c.alpha
    }

    fn on_velocity(&self, t: f64) -> f64 {
        let c = self.model.schedule().at(t);
        c.sigma * (c.d_alpha * c.sigma - c.alpha * c.d_sigma) / c.alpha
    }
}

impl<F: Denoiser + Field, G: Guidance> Field for Steered<F, G> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let push = self.push(&x, t);
        Self::shift(self.model.eval(x, t), push.as_ref(), t, |t| self.on_velocity(t))
    }
}

impl<F: Denoiser, G: Guidance> Denoiser for Steered<F, G> {
    fn schedule(&self) -> &dyn Schedule {
        self.model.schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let push = self.push(&x, t);
        Self::shift(self.model.data(x, t), push.as_ref(), t, |t| self.on_data(t))
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let push = self.push(&x, t);
        let (data, noise) = self.model.posterior(x, t);
        // Both or neither, so that x = α data + σ noise goes on holding.
        let on_noise = |t: f64| if self.on_data(t).is_finite() { self.on_noise(t) } else { 0.0 };
        (
            Self::shift(data, push.as_ref(), t, |t| self.on_data(t)),
            Self::shift(noise, push.as_ref(), t, on_noise),
        )
    }
}

impl<F: Denoiser + ScoredField, G: Guidance> ScoredField for Steered<F, G> {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let push = self.push(&x, t);
        let (velocity, score) = self.model.velocity_and_score(x, t);
        let velocity = Self::shift(velocity, push.as_ref(), t, |t| self.on_velocity(t));
        (velocity, Self::shift(score, push.as_ref(), t, |_| 1.0))
    }

    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        let push = self.push(&x, t);
        let (velocity, noise) = self.model.velocity_and_noise(x, t, sigma);
        let velocity = Self::shift(velocity, push.as_ref(), t, |t| self.on_velocity(t));
        (velocity, Self::shift(noise, push.as_ref(), t, |t| -sigma(t)))
    }
}
