//! The law of the data given a decoder's outputs.

use super::bounded;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::{relu, sigmoid};
use std::f64::consts::TAU;
use transport_core::{Noise, Space};

/// Which law a decoder's outputs describe, coordinate by coordinate.
#[derive(Clone, Debug, PartialEq)]
pub enum Likelihood {
    /// `N(μ, σ² I)`; without a variance, one σ is learned for all coordinates.
    Gaussian {
        /// The fixed variance.
        variance: Option<f64>,
    },
    /// Two values per coordinate: the higher one with probability `sigmoid(l)`.
    Bernoulli(Levels),
    /// A logistic law rounded to levels: mean and scale of each coordinate are outputs.
    Logistic(Levels),
}

/// Equally spaced values that each coordinate takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// The lowest value of each coordinate.
    pub low: Vec<f64>,
    /// The highest.
    pub high: Vec<f64>,
    /// How many there are, at least 2.
    pub count: usize,
}

impl Levels {
    fn row(values: &[f64], space: &Space) -> Tensor<2> {
        space.tensor(values.to_vec(), [1, values.len()])
    }

    fn low(&self, space: &Space) -> Tensor<2> {
        Self::row(&self.low, space)
    }

    fn high(&self, space: &Space) -> Tensor<2> {
        Self::row(&self.high, space)
    }

    /// The distance from one to the next, `[1, d]`.
    fn spacing(&self, space: &Space) -> Tensor<2> {
        (self.high(space) - self.low(space)).div_scalar((self.count - 1) as f64)
    }

    /// Each value at the nearest level.
    fn rounded(&self, x: Tensor<2>) -> Tensor<2> {
        let space = Space::of(&x);
        let (low, spacing) = (self.low(&space), self.spacing(&space));
        let index = ((x - low.clone()) / spacing.clone()).round();
        low + index.clamp(0.0, (self.count - 1) as f64) * spacing
    }

    /// `(x − low)/(high − low)`.
    fn fraction(&self, x: Tensor<2>) -> Tensor<2> {
        let space = Space::of(&x);
        let low = self.low(&space);
        (x - low.clone()) / (self.high(&space) - low)
    }

    /// `low + f (high − low)`.
    fn value(&self, fraction: Tensor<2>) -> Tensor<2> {
        let space = Space::of(&fraction);
        let low = self.low(&space);
        fraction * (self.high(&space) - low.clone()) + low
    }
}

/// `p(x | z)`, of what a decoder puts out.
///
/// ```text
/// Gaussian     log N(x; μ, σ² I)
/// Bernoulli    Σ y l − softplus(l),              y = (x − low)/(high − low) ∈ {0, 1}
/// Logistic     Σ log [ F((x + w/2 − μ)/s) − F((x − w/2 − μ)/s) ],   F the logistic function
/// ```
///
/// with `w` the spacing of the levels; the lowest level takes the whole lower tail and the highest
/// the upper one, so that the masses of a coordinate's levels add up to 1. The last two are
/// probabilities of discrete data, not densities.
///
/// # References
/// Kingma & Welling (2014); Salimans, Karpathy, Chen & Kingma (2017), "PixelCNN++", §2.1.
/// # Checked by
/// `tests/it/vae.rs`
#[derive(Module, Debug)]
pub struct Observation {
    /// The learned `log σ` of a Gaussian.
    log_std: Option<Param<Tensor<1>>>,
    #[module(skip)]
    likelihood: Likelihood,
}

/// `|log σ|` and `|log s|` stay below this.
const LOG_SCALE: f64 = 8.0;
/// `log s` of a decoder that puts out 0.
const LOG_START: f64 = -1.0;

impl Observation {
    /// The law that a likelihood names.
    #[must_use]
    pub fn new(likelihood: Likelihood, space: &Space) -> Self {
        let learned = matches!(likelihood, Likelihood::Gaussian { variance: None });
        let log_std = learned.then(|| Param::from_tensor(space.tensor(vec![0.0], [1])));
        Self { log_std, likelihood }
    }

    /// Outputs that it needs for each coordinate.
    #[must_use]
    pub fn per_coordinate(&self) -> usize {
        if matches!(self.likelihood, Likelihood::Logistic(_)) { 2 } else { 1 }
    }

    /// Whether [`Observation::log_prob`] is the log of a probability rather than of a density.
    #[must_use]
    pub fn is_discrete(&self) -> bool {
        !matches!(self.likelihood, Likelihood::Gaussian { .. })
    }

    /// `log σ`, `[1, 1]`.
    fn log_std(&self, space: &Space) -> Tensor<2> {
        match (&self.log_std, &self.likelihood) {
            (Some(learned), _) => bounded(learned.val().reshape([1, 1]), LOG_SCALE),
            (None, Likelihood::Gaussian { variance: Some(v) }) => space.column(&[0.5 * v.ln()]),
            // Only a Gaussian asks.
            (None, _) => space.column(&[0.0]),
        }
    }

    /// What a likelihood sees of the data: for a Bernoulli, values between the two are rounded at
    /// random, the higher with probability `(x − low)/(high − low)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns the same.
    #[must_use]
    pub fn seen(&self, x: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let Likelihood::Bernoulli(levels) = &self.likelihood else { return x };
        levels.value(coins(levels.fraction(x), &noise.purpose("binarise")))
    }

    /// `log p(x | z)`, in nats.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `out`: the decoder's outputs, `[n, d · per_coordinate]`; returns `[n]`.
    #[must_use]
    pub fn log_prob(&self, x: Tensor<2>, out: Tensor<2>) -> Tensor<1> {
        let space = Space::of(&x);
        let each = match &self.likelihood {
            Likelihood::Gaussian { .. } => {
                let log_std = self.log_std(&space);
                let z = (x - out) * log_std.clone().neg().exp();
                z.powi_scalar(2).mul_scalar(-0.5).sub_scalar(0.5 * TAU.ln()) - log_std
            }
            Likelihood::Bernoulli(levels) => levels.fraction(x) * out.clone() - softplus(out),
            Likelihood::Logistic(levels) => log_mass(levels, x, out),
        };
        each.sum_dim(1).squeeze_dim(1)
    }

    /// The mean of `p(x | z)`; of a logistic its centre, kept between the levels' ends.
    ///
    /// # Shapes
    /// `out`: `[n, d · per_coordinate]`; returns `[n, d]`.
    #[must_use]
    pub fn mean(&self, out: Tensor<2>) -> Tensor<2> {
        match &self.likelihood {
            Likelihood::Gaussian { .. } => out,
            Likelihood::Bernoulli(levels) => levels.value(sigmoid(out)),
            Likelihood::Logistic(levels) => {
                let centre = split(out).0;
                let space = Space::of(&centre);
                centre.max_pair(levels.low(&space)).min_pair(levels.high(&space))
            }
        }
    }

    /// One draw of `p(x | z)` for each row.
    ///
    /// # Shapes
    /// `out`: `[n, d · per_coordinate]`, and `noise` names its `n` samples; returns `[n, d]`.
    #[must_use]
    pub fn draw(&self, out: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let space = Space::of(&out);
        match &self.likelihood {
            Likelihood::Gaussian { .. } => {
                let e = noise.normal(out.dims()[1], &space);
                out + e * self.log_std(&space).exp()
            }
            Likelihood::Bernoulli(levels) => levels.value(coins(sigmoid(out), noise)),
            Likelihood::Logistic(levels) => {
                let (centre, log_scale) = split(out);
                let shape = centre.dims();
                let logit = |u: f64| u.max(f64::MIN_POSITIVE).ln() - (-u).ln_1p();
                let e = noise.uniform_values(shape[1]).into_iter().map(logit).collect();
                levels.rounded(centre + space.tensor(e, shape) * log_scale.exp())
            }
        }
    }
}

/// 1 with probability `p`, else 0.
fn coins(p: Tensor<2>, noise: &Noise) -> Tensor<2> {
    let uniform = Space::of(&p).tensor(noise.uniform_values(p.dims()[1]), p.dims());
    let heads = uniform.lower(p.clone());
    p.zeros_like().mask_fill(heads, 1.0)
}

/// The centres and the log-scales among a logistic decoder's outputs.
fn split(out: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let d = out.dims()[1] >> 1;
    let log_scale = bounded(out.clone().narrow(1, d, d), LOG_SCALE).add_scalar(LOG_START);
    (out.narrow(1, 0, d), log_scale)
}

/// `F(a) − F(b) = F(a) F(−b) (1 − e^{−(a−b)})`: three factors without cancellation, of which the
/// end levels lose those of the tails that they take.
fn log_mass(levels: &Levels, x: Tensor<2>, out: Tensor<2>) -> Tensor<2> {
    let space = Space::of(&x);
    let (centre, log_scale) = split(out);
    let (spacing, inverse) = (levels.spacing(&space), log_scale.neg().exp());
    let (half, gap) = (spacing.clone().mul_scalar(0.5), x.clone() - centre);
    let above = softplus((gap.clone() + half.clone()).neg() * inverse.clone());
    let below = softplus((gap - half.clone()) * inverse.clone());
    let inner = |end: Tensor<2>| {
        let outside = (x.clone() - end).abs().lower(half.clone());
        x.ones_like().mask_fill(outside, 0.0)
    };
    let (not_low, not_high) = (inner(levels.low(&space)), inner(levels.high(&space)));
    let width = log_one_minus_exp(spacing * inverse);
    width * not_low.clone() * not_high.clone() - above * not_high - below * not_low
}

/// `log(1 + eˣ)`, without overflow.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    relu(x.clone()) + x.abs().neg().exp().log1p()
}

/// `log(1 − e^{−u})`, `u > 0`: by `log u − u/2 + u²/24 − u⁴/2880`, right to `u⁶/181440`, where the
/// difference would lose digits.
fn log_one_minus_exp(u: Tensor<2>) -> Tensor<2> {
    const SMALL: f64 = 0.03;
    let exact = u.clone().clamp_min(SMALL).neg().exp().neg().log1p();
    let square = u.clone().powi_scalar(2);
    let even = square.clone().div_scalar(24.0) - square.powi_scalar(2).div_scalar(2880.0);
    let series = u.clone().log() - u.clone().mul_scalar(0.5) + even;
    exact.mask_where(u.lower_scalar(SMALL), series)
}
