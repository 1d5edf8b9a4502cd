//! A network that knows the dynamics of a schedule: its velocity, and its score.

use crate::net::{Mlp, MlpConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::schedule::Named;
use transport_core::{
    Denoiser, Field, Jvp, Noise, Prediction, Schedule, ScoredField, Space, Times,
};

/// What a [`Dynamics`] is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicsConfig {
    /// The schedule that the network is trained on.
    pub schedule: Named,
    /// What the network's output means.
    pub prediction: Prediction,
    /// The network.
    pub net: MlpConfig,
}

/// A network trained on `x_t = α x₁ + σ x₀`, from whose one output the velocity, the score, the
/// data and the noise follow by [`Prediction::to`].
///
/// ```text
/// output(x, t) = net(x / √(α² + σ²), t)
/// ```
///
/// The scale gives the network inputs of unit variance at every time for data of unit variance.
#[derive(Module, Debug)]
pub struct Dynamics {
    net: Mlp,
    #[module(skip)]
    schedule: Named,
    #[module(skip)]
    prediction: Prediction,
}

impl Dynamics {
    /// A network for `dim`-dimensional states, with `context` columns of context (0 for none).
    #[must_use]
    pub fn new(
        config: &DynamicsConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let noise = noise.purpose("init");
        Self {
            net: Mlp::new(&config.net, dim, dim, context, &noise, space),
            schedule: config.schedule,
            prediction: config.prediction,
        }
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Named {
        self.schedule
    }

    /// What [`Dynamics::output`] means.
    #[must_use]
    pub fn prediction(&self) -> Prediction {
        self.prediction
    }

    fn input_scale(&self, t: f64) -> f64 {
        let c = self.schedule.at(t);
        1.0 / c.alpha.hypot(c.sigma)
    }

    /// The network's output, in the basis of [`Dynamics::prediction`].
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]`; returns `[n, d]`.
    #[must_use]
    pub fn output(&self, x: Tensor<2>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<2> {
        self.net.forward(t.scale(x, |t| self.input_scale(t)), t, context)
    }

    /// The dynamics with the context bound: one row for all, or one for each state.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> Given<'_> {
        Given { model: self, context }
    }
}

/// A [`Dynamics`] with its context bound, which is what a solver integrates.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    model: &'a Dynamics,
    context: Option<Tensor<2>>,
}

impl Given<'_> {
    fn output(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.model.output(x, t, self.context.clone())
    }

    fn convert(&self, to: Prediction, given: Tensor<2>, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.model.prediction.convert(to, given, x, t, &self.model.schedule)
    }
}

impl Field for Given<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let output = self.output(x.clone(), t);
        self.convert(Prediction::Velocity, output, x, t)
    }
}

impl Denoiser for Given<'_> {
    fn schedule(&self) -> &dyn Schedule {
        &self.model.schedule
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let output = self.output(x.clone(), t);
        self.convert(Prediction::Data, output, x, t)
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let output = self.output(x.clone(), t);
        let data = self.convert(Prediction::Data, output.clone(), x.clone(), t);
        (data, self.convert(Prediction::Noise, output, x, t))
    }
}

impl ScoredField for Given<'_> {
    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        _sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        let output = self.output(x.clone(), t);
        let velocity = self.convert(Prediction::Velocity, output.clone(), x.clone(), t);
        (velocity, self.convert(Prediction::Noise, output, x, t))
    }

    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let output = self.output(x.clone(), t);
        let velocity = self.convert(Prediction::Velocity, output.clone(), x.clone(), t);
        (velocity, self.convert(Prediction::Score, output, x, t))
    }
}

impl Jvp for Given<'_> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let model = self.model;
        let scaled = t.scale(x.clone(), |t| model.input_scale(t));
        let direction = t.scale(u.clone(), |t| model.input_scale(t));
        let (output, tangent) = model.net.jvp(scaled, t, self.context.clone(), direction);
        let to = Prediction::Velocity;
        (self.convert(to, output, x, t), self.convert(to, tangent, u, t))
    }

    /// `∇·(a x + b net(s x)) = a d + b s (∇·net)(s x)`, all directions of the network in one pass.
    fn divergence(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        let (model, [n, d]) = (self.model, x.dims());
        let scaled = t.scale(x.clone(), |t| model.input_scale(t));
        let (output, inner) = model.net.divergence(scaled, t, self.context.clone());
        let change = |t: f64| model.prediction.to(Prediction::Velocity, &model.schedule.at(t));
        let factor = |t: f64| change(t).on_given * model.input_scale(t);
        let own = t.column(&Space::of(&x), |t| change(t).on_x * d as f64);
        let divergence = t.scale(inner.reshape([n, 1]), factor) + own;
        (self.convert(Prediction::Velocity, output, x, t), divergence.reshape([n]))
    }
}
