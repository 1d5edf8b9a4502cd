//! The variational autoencoder: a decoder that pushes a normal law onto the data, and an encoder
//! that says which part of it a point came from.
//!
//! ```text
//! p(x | c) = ∫ p(x | z, c) N(z; 0, I) dz
//! log p(x | c) ≥ ELBO = E_q log p(x | z, c) − KL(q(z | x, c) ‖ N(0, I)),   q = N(μ, diag σ²)
//! IWAE_k = E log 1/k Σⱼ p(x | zⱼ) N(zⱼ; 0, I) / q(zⱼ | x),                  zⱼ ~ q
//! ```
//!
//! `ELBO = IWAE₁ ≤ IWAE_k ≤ IWAE_{k+1} → log p(x)`.
//!
//! | file | holds |
//! |---|---|
//! | [`observation`] | `p(x \| z)`: Gaussian, Bernoulli, discretised logistic |
//! | [`network`] | perceptrons and convolutions, both ways |
//! | [`ppca`] | the case in closed form: probabilistic principal components |
//!
//! # References
//! Kingma & Welling (2014), "Auto-encoding variational Bayes"; Rezende, Mohamed & Wierstra (2014);
//! Burda, Grosse & Salakhutdinov (2016), "Importance weighted autoencoders".

pub mod network;
pub mod observation;
pub mod ppca;

pub use network::{ConvSizes, Network};
pub use observation::{Levels, Likelihood, Observation};
pub use ppca::Ppca;

use crate::net::{Canvas, ConditionerConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use network::{Growing, Perceptron, Shrinking};
use transport_core::device::to_host;
use transport_core::{DensityEstimate, Noise, Space, StdErr};

/// What a [`Vae`] is built from.
#[derive(Clone, Debug, PartialEq)]
pub struct VaeConfig {
    /// Coordinates of a code `z`.
    pub latent: usize,
    /// The perceptrons; depth 0 makes both maps linear.
    pub net: ConditionerConfig,
    /// Convolutions in their place, `channels` deep, for rows that are images.
    pub images: Option<(Canvas, usize)>,
    /// The law of the data given the decoder's outputs.
    pub likelihood: Likelihood,
}

/// An encoder, a decoder and the law of what it puts out.
///
/// # Checked by
/// `tests/it/vae.rs` here and in `transport-train`
#[derive(Module, Debug)]
pub struct Vae {
    encoder: Network,
    decoder: Network,
    observation: Observation,
    #[module(skip)]
    latent: usize,
}

/// `|log σ|` of a posterior stays below this.
const LOG_STD: f64 = 8.0;

/// `b tanh(x/b)`: `x` near 0, and within ±b.
pub(super) fn bounded(x: Tensor<2>, b: f64) -> Tensor<2> {
    x.div_scalar(b).tanh().mul_scalar(b)
}

/// `q(z | x) = N(μ, diag σ²)`.
#[derive(Clone, Debug)]
pub struct DiagonalNormal {
    /// `μ`, `[n, latent]`.
    pub mean: Tensor<2>,
    /// `log σ`, `[n, latent]`.
    pub log_std: Tensor<2>,
}

impl DiagonalNormal {
    /// `μ + σ ε`.
    ///
    /// # Shapes
    /// `e`: `[n, latent]`, standard normal; returns the same.
    #[must_use]
    pub fn at(&self, e: Tensor<2>) -> Tensor<2> {
        self.mean.clone() + self.log_std.clone().exp() * e
    }

    /// `KL(q ‖ N(0, I))` of each coordinate: `½ (μ² + σ² − 1) − log σ`.
    ///
    /// # Shapes
    /// Returns `[n, latent]`.
    #[must_use]
    pub fn divergence(&self) -> Tensor<2> {
        let square = self.mean.clone().powi_scalar(2);
        let variance = self.log_std.clone().mul_scalar(2.0).exp();
        (square + variance).sub_scalar(1.0).mul_scalar(0.5) - self.log_std.clone()
    }
}

impl Vae {
    /// A model of `dim` coordinates with `context` columns of context (0 for none).
    #[must_use]
    pub fn new(
        config: &VaeConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let VaeConfig { latent, net, images, likelihood } = config;
        let observation = Observation::new(likelihood.clone(), space);
        let blocks = observation.per_coordinate();
        let (there, back) = (noise.purpose("encoder"), noise.purpose("decoder"));
        let (encoder, decoder) = match images {
            Some((canvas, channels)) => {
                let sizes = ConvSizes { channels: *channels, width: net.width, context };
                let encoder = Shrinking::new(canvas, sizes, 2 * latent, &there, space);
                let decoder = Growing::new(canvas, sizes, *latent, blocks, &back, space);
                (Network::From(encoder), Network::To(decoder))
            }
            None => (
                Network::Perceptron(Perceptron::new(net, dim, 2 * latent, context, &there, space)),
                Network::Perceptron(Perceptron::new(
                    net,
                    *latent,
                    blocks * dim,
                    context,
                    &back,
                    space,
                )),
            ),
        };
        Self { encoder, decoder, observation, latent: *latent }
    }

    /// Coordinates of a code.
    #[must_use]
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// The law of the data given the decoder's outputs.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// `q(z | x, c)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]`.
    #[must_use]
    pub fn posterior(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> DiagonalNormal {
        let out = self.encoder.forward(x, context);
        let q = self.latent;
        let log_std = bounded(out.clone().narrow(1, q, q), LOG_STD);
        DiagonalNormal { mean: out.narrow(1, 0, q), log_std }
    }

    /// What the decoder says of codes: the parameters of `p(x | z, c)`.
    ///
    /// # Shapes
    /// `z`: `[n, latent]`; returns `[n, d · per_coordinate]`.
    #[must_use]
    pub fn decode(&self, z: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<2> {
        self.decoder.forward(z, context)
    }

    /// `log p(x | z, c)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `z`: `[n, latent]`; returns `[n]`.
    #[must_use]
    pub fn log_likelihood(
        &self,
        x: Tensor<2>,
        z: Tensor<2>,
        context: Option<&Tensor<2>>,
    ) -> Tensor<1> {
        self.observation.log_prob(x, self.decode(z, context))
    }

    /// `log [ p(x | z) N(z; 0, I) / q(z | x) ]` at `z = μ + σ ε`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `e`: `[n, latent]`; returns `[n]`.
    #[must_use]
    pub fn log_weight(
        &self,
        x: Tensor<2>,
        q: &DiagonalNormal,
        e: Tensor<2>,
        context: Option<&Tensor<2>>,
    ) -> Tensor<1> {
        let z = q.at(e.clone());
        let ratio = (e.powi_scalar(2) - z.clone().powi_scalar(2)).mul_scalar(0.5);
        let prior = (ratio + q.log_std.clone()).sum_dim(1).squeeze_dim(1);
        self.log_likelihood(x, z, context) + prior
    }

    /// The model with its context and the number of importance samples bound.
    ///
    /// # Panics
    /// With no draws.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>, draws: usize) -> GivenVae<'_> {
        assert!(draws > 0, "an estimate needs a draw");
        GivenVae { model: self, context, draws }
    }
}

/// A [`Vae`] as a law whose density is estimated.
///
/// ```text
/// log p̂(x) = log 1/k Σⱼ wⱼ,    wⱼ = p(x | zⱼ) N(zⱼ; 0, I) / q(zⱼ | x)
/// ```
///
/// `p̂` has no bias; its logarithm lies below `log p` in the mean, by about half its squared
/// standard error, `√(Var w / k) / w̄`.
#[derive(Clone, Debug)]
pub struct GivenVae<'a> {
    model: &'a Vae,
    context: Option<Tensor<2>>,
    draws: usize,
}

impl DensityEstimate for GivenVae<'_> {
    fn estimate(&self, x: Tensor<2>, noise: &Noise) -> (Tensor<1>, StdErr) {
        let (space, context) = (Space::of(&x), self.context.as_ref());
        let x = self.model.observation.seen(x, noise);
        let q = self.model.posterior(x.clone(), context);
        let mut sums = vec![Weighted::default(); x.dims()[0]];
        for j in 0..self.draws {
            let draws = noise.purpose("posterior").at_step(j as u64);
            let e = draws.normal(self.model.latent, &space);
            let weights = to_host(self.model.log_weight(x.clone(), &q, e, context));
            sums.iter_mut().zip(weights).for_each(|(sum, w)| sum.add(w));
        }
        let row = |f: fn(&Weighted, f64) -> f64| {
            let k = self.draws as f64;
            space.tensor::<1>(sums.iter().map(|s| f(s, k)).collect(), [sums.len()])
        };
        (row(Weighted::log_mean), StdErr(row(Weighted::relative_error)))
    }
}

/// `Σ w` and `Σ w²` relative to the largest weight so far.
#[derive(Clone, Copy, Debug)]
struct Weighted {
    top: f64,
    sum: f64,
    squares: f64,
}

impl Default for Weighted {
    fn default() -> Self {
        Self { top: f64::NEG_INFINITY, sum: 0.0, squares: 0.0 }
    }
}

impl Weighted {
    fn add(&mut self, log_weight: f64) {
        if log_weight > self.top {
            let shrink = (self.top - log_weight).exp();
            self.sum *= shrink;
            self.squares *= shrink * shrink;
            self.top = log_weight;
        }
        // A NaN is no weight: it goes through to the result.
        let w = if log_weight == self.top { 1.0 } else { (log_weight - self.top).exp() };
        self.sum += w;
        self.squares += w * w;
    }

    fn log_mean(&self, k: f64) -> f64 {
        self.top + (self.sum / k).ln()
    }

    /// The standard error of the mean weight, over the mean; not known from one draw.
    fn relative_error(&self, k: f64) -> f64 {
        if k < 2.0 {
            return f64::NAN;
        }
        let excess = k * self.squares / (self.sum * self.sum) - 1.0;
        (excess.max(0.0) / (k - 1.0)).sqrt()
    }
}
