//! A network that knows the dynamics of a schedule: its velocity, and its score.

use crate::net::{
    Canvas, Dense, Dropout, Dual, Embedding, ImageNetwork, ImageNetworkConfig, ImageNetworkError,
    Mlp, MlpConfig,
};
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::schedule::Named;
use transport_core::{
    Denoiser, Field, Head, Jvp, Noise, Prediction, Schedule, ScoredField, Space, Times,
};

/// What a [`Dynamics`] is built from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicsConfig {
    /// The schedule that the network is trained on.
    pub schedule: Named,
    /// What the network's output means.
    pub head: Head,
    /// The network.
    pub net: MlpConfig,
    /// Whether it learns its own error beside ([`Dynamics::log_variance`]).
    pub uncertainty: bool,
}

/// How the output of a network is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The schedule that the network is trained on.
    pub schedule: Named,
    /// What the network's output means.
    pub head: Head,
    /// Whether it learns its own error beside ([`Dynamics::log_variance`]).
    pub uncertainty: bool,
}

/// Frequencies that a network of images learns its own error from.
const FREQUENCIES: usize = 16;

/// A network trained on `x_t = α x₁ + σ x₀`, from whose one output the velocity, the score, the
/// data and the noise follow by [`Head::to`].
///
/// ```text
/// output(x, t) = net(c_in(t) x, clock(t)),     log_variance(t) = φ(clock(t)) · u + b
/// ```
///
/// `c_in` gives the network inputs of unit variance at every time ([`Head::input_scale`]).
#[derive(Module, Debug)]
pub struct Dynamics {
    net: Option<Mlp>,
    image: Option<ImageNetwork>,
    uncertainty: Option<Dense>,
    #[module(skip)]
    embedding: Embedding,
    #[module(skip)]
    schedule: Named,
    #[module(skip)]
    head: Head,
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
        let embedding = Embedding { frequencies: config.net.frequencies };
        let flat = || Dense::new(2 * embedding.frequencies, 1, 0.0, &noise, space);
        Self {
            net: Some(Mlp::new(&config.net, dim, dim, context, &noise, space)),
            image: None,
            uncertainty: config.uncertainty.then(flat),
            embedding,
            schedule: config.schedule,
            head: config.head,
        }
    }

    /// A network for states that are images, of which some pixels may be constant.
    ///
    /// # Errors
    /// [`ImageNetworkError`] when the network's sizes do not fit the images.
    pub fn on_images(
        reading: Reading,
        net: &ImageNetworkConfig,
        canvas: Canvas,
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, ImageNetworkError> {
        let noise = noise.purpose("init");
        let Reading { schedule, head, uncertainty } = reading;
        let embedding = Embedding { frequencies: FREQUENCIES };
        let flat = || Dense::new(2 * FREQUENCIES, 1, 0.0, &noise, space);
        Ok(Self {
            net: None,
            image: Some(ImageNetwork::new(net, canvas, &noise, space)?),
            uncertainty: uncertainty.then(flat),
            embedding,
            schedule,
            head,
        })
    }

    /// The same with features of a network of vectors dropped while it is trained; networks of images
    /// have it in their configuration.
    #[must_use]
    pub fn dropping(mut self, dropout: Dropout) -> Self {
        self.net = self.net.map(|net| net.dropping(dropout));
        self
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Named {
        self.schedule
    }

    /// What [`Dynamics::output`] means.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    fn input_scale(&self, t: f64) -> f64 {
        self.head.input_scale(&self.schedule.at(t))
    }

    /// `f` at the times that the network reads.
    fn on_clock<T>(&self, t: Times<'_>, f: impl FnOnce(Times<'_>) -> T) -> T {
        let clock = |t: f64| self.head.clock(t, &self.schedule.at(t));
        match (self.head, t) {
            (Head::Plain(_), t) => f(t),
            (_, Times::Same(t)) => f(Times::Same(clock(t))),
            (_, Times::Each(times)) => {
                f(Times::Each(&times.iter().map(|t| clock(*t)).collect::<Vec<_>>()))
            }
        }
    }

    /// The network's output, in the basis of [`Dynamics::head`].
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]`; returns `[n, d]`.
    #[must_use]
    pub fn output(&self, x: Tensor<2>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<2> {
        self.dual(x.into(), t, context, None).value
    }

    /// [`Dynamics::output`] in training: where the gradients of its weights are tracked, features are
    /// dropped as the noise says, one sample of it for each row. Where they are not, as when a
    /// validation loss is measured, nothing is.
    ///
    /// # Shapes
    /// As [`Dynamics::output`].
    #[must_use]
    pub fn output_dropping(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
        noise: &Noise,
    ) -> Tensor<2> {
        self.dual(x.into(), t, context, Some(noise)).value
    }

    /// The output, and its derivative along a direction where one is carried.
    fn dual(
        &self,
        x: Dual<2>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
        noise: Option<&Noise>,
    ) -> Dual<2> {
        let noise = noise.filter(|_| self.tracked()).map(|noise| noise.purpose("dropout"));
        let scaled = x.linear(|x| t.scale(x, |t| self.input_scale(t)));
        self.on_clock(t, |t| match (&self.net, &self.image) {
            (Some(net), _) => net.dual(scaled, t, context, noise.as_ref()),
            (None, Some(net)) => net.dual(scaled, t, context, noise.as_ref()),
            (None, None) => scaled,
        })
    }

    fn tracked(&self) -> bool {
        self.net.as_ref().is_some_and(Mlp::tracked)
            || self.image.as_ref().is_some_and(ImageNetwork::tracked)
    }

    /// The logarithm of the mean square error that the model expects of itself at `t`, where it
    /// was built to learn it: `[1, 1]` for one time, `[n, 1]` for one per row.
    ///
    /// # References
    /// Karras et al. (2024), "Analyzing and improving the training dynamics of diffusion models",
    /// eqs. (14)–(15).
    #[must_use]
    pub fn log_variance(&self, t: Times<'_>, space: &Space) -> Option<Tensor<2>> {
        let layer = self.uncertainty.as_ref()?;
        Some(self.on_clock(t, |t| layer.forward(self.embedding.forward(t, space))))
    }

    /// The dynamics with the context bound: one row for all, or one for each state.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> Given<'_> {
        Given { model: self, context, noise: None }
    }
}

/// A [`Dynamics`] with its context bound, which is what a solver integrates.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    model: &'a Dynamics,
    context: Option<Tensor<2>>,
    noise: Option<Noise>,
}

impl<'a> Given<'a> {
    /// The same in training: as [`Dynamics::output_dropping`].
    #[must_use]
    pub fn dropping(self, noise: &Noise) -> Self {
        Self { noise: Some(noise.clone()), ..self }
    }

    fn dual(&self, x: Dual<2>, t: Times<'_>) -> Dual<2> {
        self.model.dual(x, t, self.context.clone(), self.noise.as_ref())
    }

    fn output(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.dual(x.into(), t).value
    }

    fn convert(&self, to: Prediction, given: Tensor<2>, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.model.head.convert(to, given, x, t, &self.model.schedule)
    }

    /// The same model read as the field of another prediction, such as the score.
    #[must_use]
    pub fn predicting(self, prediction: Prediction) -> Predicting<'a> {
        Predicting { given: self, prediction }
    }

    fn jvp_of(
        &self,
        to: Prediction,
        x: Tensor<2>,
        t: Times<'_>,
        u: Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>) {
        let Dual { value, along } = self.dual(Dual::new(x.clone(), Some(u.clone())), t);
        let tangent = along.unwrap_or_else(|| u.zeros_like());
        (self.convert(to, value, x, t), self.convert(to, tangent, u, t))
    }

    /// The output and its divergence: all directions of a network of vectors in one pass, those of a
    /// network of images, or with features dropped, one by one.
    fn output_and_divergence(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        let model = self.model;
        match &model.net {
            Some(net) if self.noise.is_none() => {
                let scaled = t.scale(x, |t| model.input_scale(t));
                let (output, inner) =
                    model.on_clock(t, |t| net.divergence(scaled, t, self.context.clone()));
                let n = inner.dims()[0];
                let inner = t.scale(inner.reshape([n, 1]), |t| model.input_scale(t));
                (output, inner.reshape([n]))
            }
            _ => Output(self).divergence(x, t),
        }
    }

    /// `∇·(a x + b out(x)) = a d + b ∇·out`.
    fn divergence_of(&self, to: Prediction, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        let (model, [n, d]) = (self.model, x.dims());
        let (output, inner) = self.output_and_divergence(x.clone(), t);
        let change = |t: f64| model.head.to(to, &model.schedule.at(t));
        let own = t.column(&Space::of(&x), |t| change(t).on_x * d as f64);
        let divergence = t.scale(inner.reshape([n, 1]), |t| change(t).on_given) + own;
        (self.convert(to, output, x, t), divergence.reshape([n]))
    }
}

/// The network's own output as a field.
struct Output<'a>(&'a Given<'a>);

impl Field for Output<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.output(x, t)
    }
}

impl Jvp for Output<'_> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let Dual { value, along } = self.0.dual(Dual::new(x, Some(u.clone())), t);
        (value, along.unwrap_or_else(|| u.zeros_like()))
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
        self.jvp_of(Prediction::Velocity, x, t, u)
    }

    fn divergence(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        self.divergence_of(Prediction::Velocity, x, t)
    }
}

/// A [`Given`] as the field of one prediction, derivatives included: made by [`Given::predicting`].
#[derive(Clone, Debug)]
pub struct Predicting<'a> {
    given: Given<'a>,
    prediction: Prediction,
}

impl Field for Predicting<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let output = self.given.output(x.clone(), t);
        self.given.convert(self.prediction, output, x, t)
    }
}

impl Jvp for Predicting<'_> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.given.jvp_of(self.prediction, x, t, u)
    }

    fn divergence(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<1>) {
        self.given.divergence_of(self.prediction, x, t)
    }
}
