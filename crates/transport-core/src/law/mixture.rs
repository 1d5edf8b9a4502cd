//! Mixtures of Gaussians.

use super::noised::row_dot;
use super::{Density, Gaussian, LawError, Noisable, PointLaw, Posterior, PosteriorJvp, Score};
use crate::device::Space;
use crate::noise::Stream;
use crate::schedule::Coefs;
use burn::tensor::{Tensor, activation::softmax};

/// `p(x) = Σₖ wₖ N(x; mₖ, Σₖ)`.
///
/// ```text
/// log p = logsumexpₖ (log wₖ + log pₖ),     ∇ log p = Σₖ rₖ ∇ log pₖ,     r = softmax(log w + log p)
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    weights: Vec<f64>,
    components: Vec<Gaussian>,
}

impl Mixture {
    /// A mixture; the weights are normalised.
    ///
    /// # Errors
    /// [`LawError`] when the numbers of weights, components or dimensions disagree, or a weight
    /// is negative or not finite.
    pub fn new(weights: Vec<f64>, components: Vec<Gaussian>) -> Result<Self, LawError> {
        let (expected, found) = (components.len().max(1), weights.len());
        if expected != found {
            return Err(LawError::Size { what: "the weight vector", expected, found });
        }
        let expected = PointLaw::dim(&components[0]);
        if let Some(odd) = components.iter().map(PointLaw::dim).find(|d| *d != expected) {
            return Err(LawError::Size { what: "a component's mean", expected, found: odd });
        }
        let total: f64 = weights.iter().sum();
        for (index, value) in weights.iter().copied().enumerate() {
            if !(value >= 0.0 && value.is_finite() && total > 0.0) {
                return Err(LawError::Weight { index, value });
            }
        }
        Ok(Self { weights: weights.iter().map(|w| w / total).collect(), components })
    }

    /// `n` equal round components on a circle, the classic `8gaussians` when `n = 8`.
    #[must_use]
    pub fn circle(n: usize, radius: f64, std: f64) -> Self {
        let components = (0..n)
            .map(|k| {
                let (sin, cos) = (std::f64::consts::TAU * k as f64 / n as f64).sin_cos();
                Gaussian::isotropic(vec![radius * cos, radius * sin], std)
            })
            .collect();
        Self { weights: vec![1.0 / n as f64; n], components }
    }

    /// `side²` equal round components on a square grid about the origin.
    #[must_use]
    pub fn grid(side: usize, spacing: f64, std: f64) -> Self {
        let place = |k: usize| spacing * (k as f64 - 0.5 * (side as f64 - 1.0));
        let row = |i: usize| (0..side).map(move |j| vec![place(i), place(j)]);
        let means = (0..side).flat_map(row);
        let components: Vec<_> = means.map(|mean| Gaussian::isotropic(mean, std)).collect();
        Self { weights: vec![1.0 / components.len() as f64; components.len()], components }
    }

    /// The weights, which sum to 1.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The components.
    #[must_use]
    pub fn components(&self) -> &[Gaussian] {
        &self.components
    }

    /// `log wₖ + log pₖ(x)`, `[n, K]`.
    fn joint(&self, x: &Tensor<2>) -> Tensor<2> {
        let columns = self
            .components
            .iter()
            .zip(&self.weights)
            .map(|(c, w)| c.log_prob(x.clone()).add_scalar(w.ln()).unsqueeze_dim(1))
            .collect();
        Tensor::cat(columns, 1)
    }

    /// The posterior probability of each component, `[n, K]`.
    #[must_use]
    pub fn responsibilities(&self, x: &Tensor<2>) -> Tensor<2> {
        softmax(self.joint(x), 1)
    }
}

/// `log Σₖ exp(aₖ)` along the columns, `[n]`, without overflow.
pub(super) fn log_sum_exp(a: Tensor<2>) -> Tensor<1> {
    let top = a.clone().max_dim(1);
    ((a - top.clone()).exp().sum_dim(1).log() + top).squeeze_dim(1)
}

impl PointLaw for Mixture {
    fn dim(&self) -> usize {
        PointLaw::dim(&self.components[0])
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let mut rest = stream.uniform();
        let chosen = self.weights.iter().position(|w| {
            rest -= w;
            rest < 0.0
        });
        self.components[chosen.unwrap_or(self.components.len() - 1)].draw(stream, out);
    }
}

impl Density for Mixture {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        log_sum_exp(self.joint(&x))
    }
}

impl Score for Mixture {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let responsibilities = self.responsibilities(&x);
        let mut total = x.zeros_like();
        for (k, component) in self.components.iter().enumerate() {
            total = total + responsibilities.clone().narrow(1, k, 1) * component.score(x.clone());
        }
        total
    }
}

impl Noisable for Mixture {
    type Noised = Self;

    fn noised(&self, c: &Coefs) -> Self {
        let components = self.components.iter().map(|g| g.noised(c)).collect();
        Self { weights: self.weights.clone(), components }
    }

    fn posterior(&self, x: Tensor<2>, c: &Coefs) -> (Tensor<2>, Tensor<2>) {
        let responsibilities = self.noised(c).responsibilities(&x);
        let (mut data, mut score) = (x.zeros_like(), x.zeros_like());
        for (k, component) in self.components.iter().enumerate() {
            let weight = responsibilities.clone().narrow(1, k, 1);
            let (mean, slope) = component.posterior(x.clone(), c);
            data = data + weight.clone() * mean;
            score = score + weight * slope;
        }
        (data, score)
    }
}

impl PosteriorJvp for Mixture {
    fn posterior_jvp(&self, x: Tensor<2>, c: &Coefs, u: Tensor<2>) -> (Posterior, Posterior) {
        let responsibilities = self.noised(c).responsibilities(&x);
        let (data, score) = self.posterior(x.clone(), c);
        let along = row_dot(score.clone(), u.clone());
        let (mut shift, mut bend) = (x.zeros_like(), x.zeros_like());
        for (k, component) in self.components.iter().enumerate() {
            let weight = responsibilities.clone().narrow(1, k, 1);
            let ((mean, slope), (d_mean, d_slope)) =
                component.posterior_jvp(x.clone(), c, u.clone());
            let gain = row_dot(slope.clone(), u.clone()) - along.clone();
            shift = shift + weight.clone() * (d_mean + gain.clone() * mean);
            bend = bend + weight * (d_slope + gain * slope);
        }
        ((data, score), (shift, bend))
    }
}

impl Mixture {
    /// The law's space is the points' own; this makes a tensor of component means, `[K, d]`.
    #[must_use]
    pub fn means(&self, space: &Space) -> Tensor<2> {
        let d = PointLaw::dim(self);
        let values = self.components.iter().flat_map(|c| c.mean().to_vec()).collect();
        space.tensor(values, [self.components.len(), d])
    }
}
