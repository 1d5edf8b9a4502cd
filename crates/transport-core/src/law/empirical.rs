//! The empirical law of a sample, and its noised version.

use super::mixture::log_sum_exp;
use super::noised::row_dot;
use super::{Density, LawError, Noisable, PointLaw, Posterior, PosteriorJvp, Score};
use crate::device::Space;
use crate::noise::Stream;
use crate::schedule::Coefs;
use burn::tensor::{Tensor, activation::softmax};
use std::sync::Arc;

/// `p̂ = 1/n Σᵢ δ(x − xᵢ)`: what a data set is, before any model.
#[derive(Clone, Debug, PartialEq)]
pub struct Empirical {
    points: Arc<Vec<f64>>,
    dim: usize,
}

impl Empirical {
    /// The law that picks one of the rows of `points`, `[n, d]` row-major, evenly.
    ///
    /// # Errors
    /// [`LawError::Size`] when there is no row or the length is not a multiple of `dim`.
    pub fn new(points: Vec<f64>, dim: usize) -> Result<Self, LawError> {
        if points.is_empty() || dim == 0 || !points.len().is_multiple_of(dim) {
            let (expected, found) = (dim.max(1), points.len());
            return Err(LawError::Size { what: "the point matrix", expected, found });
        }
        Ok(Self { points: Arc::new(points), dim })
    }

    /// The points, `[n, d]` row-major.
    #[must_use]
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// The number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() / self.dim
    }

    /// Never true: a law has at least one point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

impl PointLaw for Empirical {
    fn dim(&self) -> usize {
        self.dim
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let row = stream.below(self.len());
        out.copy_from_slice(&self.points[row * self.dim..(row + 1) * self.dim]);
    }
}

/// `p̂ ∗ N`: the law of `α x₁ + σ x₀` with x₁ from the data, a kernel density estimate.
///
/// Its score is the true optimum of every denoising loss on that data set.
///
/// ```text
/// q(x) = 1/n Σᵢ N(x; α xᵢ, σ² I),     ∇ log q(x) = (Σᵢ rᵢ(x) α xᵢ − x) / σ²
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NoisedEmpirical {
    law: Empirical,
    alpha: f64,
    sigma: f64,
}

impl NoisedEmpirical {
    /// `−|x − α xᵢ|² / 2σ²`, `[n, N]`, and the scaled points, `[N, d]`.
    fn exponents(&self, x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let space = Space::of(x);
        let points: Tensor<2> =
            space.tensor(self.law.points.to_vec(), [self.law.len(), self.law.dim]);
        let centres = points.mul_scalar(self.alpha);
        let x_squared = x.clone().powi_scalar(2).sum_dim(1);
        let c_squared = centres.clone().powi_scalar(2).sum_dim(1).transpose();
        let cross = x.clone().matmul(centres.clone().transpose());
        let distances = x_squared + c_squared - cross.mul_scalar(2.0);
        (distances.mul_scalar(-0.5 / (self.sigma * self.sigma)), centres)
    }
}

impl PointLaw for NoisedEmpirical {
    fn dim(&self) -> usize {
        self.law.dim
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        self.law.draw(stream, out);
        let mut z = vec![0.0; out.len()];
        stream.fill_normal(&mut z);
        out.iter_mut().zip(z).for_each(|(x, z)| *x = self.alpha * *x + self.sigma * z);
    }
}

impl Density for NoisedEmpirical {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let d = self.law.dim as f64;
        let constant =
            (self.law.len() as f64).ln() + d * (self.sigma.ln() + 0.5 * std::f64::consts::TAU.ln());
        log_sum_exp(self.exponents(&x).0).sub_scalar(constant)
    }
}

impl Score for NoisedEmpirical {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (exponents, centres) = self.exponents(&x);
        (softmax(exponents, 1).matmul(centres) - x).div_scalar(self.sigma * self.sigma)
    }
}

impl Noisable for Empirical {
    type Noised = NoisedEmpirical;

    fn noised(&self, c: &Coefs) -> NoisedEmpirical {
        NoisedEmpirical { law: self.clone(), alpha: c.alpha, sigma: c.sigma }
    }

    /// The weighted mean of the points: what the optimum of every denoising loss returns.
    fn posterior(&self, x: Tensor<2>, c: &Coefs) -> (Tensor<2>, Tensor<2>) {
        let space = Space::of(&x);
        let weights = softmax(self.noised(c).exponents(&x).0, 1);
        let mean = weights.matmul(space.tensor(self.points.to_vec(), [self.len(), self.dim]));
        let score = (mean.clone().mul_scalar(c.alpha) - x).div_scalar(c.sigma * c.sigma);
        (mean, score)
    }
}

impl PosteriorJvp for Empirical {
    /// `∂E[x₁|x][u] = α/σ² Cov(x₁ | x) u`, `∂s[u] = (α ∂E[x₁|x][u] − u)/σ²`.
    fn posterior_jvp(&self, x: Tensor<2>, c: &Coefs, u: Tensor<2>) -> (Posterior, Posterior) {
        let space = Space::of(&x);
        let variance = c.sigma * c.sigma;
        let points: Tensor<2> = space.tensor(self.points.to_vec(), [self.len(), self.dim]);
        let weights = softmax(self.noised(c).exponents(&x).0, 1);
        let (data, score) = self.posterior(x, c);
        let along = u.clone().matmul(points.clone().transpose()) - row_dot(data.clone(), u.clone());
        let shift = (weights * along).matmul(points).mul_scalar(c.alpha / variance);
        let bend = (shift.clone().mul_scalar(c.alpha) - u).div_scalar(variance);
        ((data, score), (shift, bend))
    }
}
