//! The Gaussian, `N(m, Σ)`.

use super::{Density, LawError, Noisable, PointLaw, Posterior, PosteriorJvp, Score};
use crate::device::Space;
use crate::linalg::{cholesky, gram, invert_lower, mean_and_covariance, transpose};
use crate::noise::Stream;
use crate::schedule::Coefs;
use burn::tensor::Tensor;
use std::f64::consts::TAU;

/// A Gaussian law in `d` dimensions.
///
/// ```text
/// log p(x) = −½ |L⁻¹(x − m)|² − Σᵢ log Lᵢᵢ − ½ d log 2π,    Σ = L Lᵀ
/// ∇ log p(x) = −Σ⁻¹ (x − m)
/// ```
///
/// # Example
/// ```
/// use transport_core::law::Gaussian;
/// let law = Gaussian::new(vec![1.0, 0.0], vec![4.0, 2.0, 2.0, 5.0]).unwrap();
/// assert_eq!(law.cholesky(), [2.0, 0.0, 1.0, 2.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    mean: Vec<f64>,
    covariance: Vec<f64>,
    cholesky: Vec<f64>,
    whitening: Vec<f64>,
}

impl Gaussian {
    /// `N(mean, covariance)`; the covariance is `[d, d]`, row-major.
    ///
    /// # Errors
    /// [`LawError`] when the sizes disagree or the covariance is not positive definite.
    pub fn new(mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self, LawError> {
        let d = mean.len();
        if d == 0 || covariance.len() != d * d {
            let (expected, found) = (d.max(1) * d.max(1), covariance.len());
            return Err(LawError::Size { what: "the covariance", expected, found });
        }
        let cholesky = cholesky(&covariance, d)?;
        let whitening = invert_lower(&cholesky, d);
        Ok(Self { mean, covariance, cholesky, whitening })
    }

    /// `N(0, I)`.
    #[must_use]
    pub fn standard(d: usize) -> Self {
        Self::isotropic(vec![0.0; d], 1.0)
    }

    /// `N(mean, std² I)`.
    #[must_use]
    pub fn isotropic(mean: Vec<f64>, std: f64) -> Self {
        let d = mean.len();
        let diagonal = |v: f64| (0..d * d).map(|k| if k / d == k % d { v } else { 0.0 }).collect();
        Self {
            mean,
            covariance: diagonal(std * std),
            cholesky: diagonal(std),
            whitening: diagonal(1.0 / std),
        }
    }

    /// The maximum-likelihood Gaussian of row-major points `[n, d]`, with `ridge` added to each
    /// variance.
    ///
    /// # Errors
    /// [`LawError::Covariance`] when the points span fewer than `d` directions and the ridge is 0.
    pub fn fit(points: &[f64], d: usize, ridge: f64) -> Result<Self, LawError> {
        let (mean, mut covariance) = mean_and_covariance(points, d);
        (0..d).for_each(|i| covariance[i * d + i] += ridge);
        Self::new(mean, covariance)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance, `[d, d]` row-major.
    #[must_use]
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// The lower Cholesky factor `L`, `[d, d]` row-major.
    #[must_use]
    pub fn cholesky(&self) -> &[f64] {
        &self.cholesky
    }

    /// `Σᵢ log Lᵢᵢ = ½ log det Σ`.
    #[must_use]
    pub fn half_log_det(&self) -> f64 {
        let d = self.mean.len();
        (0..d).map(|i| self.cholesky[i * d + i].ln()).sum()
    }

    fn centred(&self, x: Tensor<2>) -> Tensor<2> {
        let space = Space::of(&x);
        x - space.tensor(self.mean.clone(), [1, self.mean.len()])
    }
}

impl PointLaw for Gaussian {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let d = self.mean.len();
        let mut z = vec![0.0; d];
        stream.fill_normal(&mut z);
        for (i, x) in out.iter_mut().enumerate() {
            let row = &self.cholesky[i * d..=i * d + i];
            *x = self.mean[i] + row.iter().zip(&z).map(|(l, z)| l * z).sum::<f64>();
        }
    }
}

impl Density for Gaussian {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let (d, space) = (self.mean.len(), Space::of(&x));
        let whitening = space.tensor(transpose(&self.whitening, d), [d, d]);
        let squared = self.centred(x).matmul(whitening).powi_scalar(2).sum_dim(1);
        let constant = self.half_log_det() + 0.5 * d as f64 * TAU.ln();
        squared.mul_scalar(-0.5).sub_scalar(constant).squeeze_dim(1)
    }
}

impl Score for Gaussian {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (d, space) = (self.mean.len(), Space::of(&x));
        let precision = space.tensor(gram(&self.whitening, d), [d, d]);
        self.centred(x).matmul(precision).neg()
    }
}

impl Noisable for Gaussian {
    type Noised = Self;

    /// `α x₁ + σ x₀ ~ N(α m, α² Σ + σ² I)`.
    fn noised(&self, c: &Coefs) -> Self {
        let d = self.mean.len();
        let mean = self.mean.iter().map(|m| c.alpha * m).collect();
        let covariance = self
            .covariance
            .iter()
            .enumerate()
            .map(|(k, v)| {
                c.alpha * c.alpha * v + if k / d == k % d { c.sigma * c.sigma } else { 0.0 }
            })
            .collect();
        // α²Σ + σ²I is positive definite whenever α and σ are not both zero.
        Self::new(mean, covariance).unwrap_or_else(|_| Self::isotropic(vec![0.0; d], f64::NAN))
    }

    /// `E[x₁ | x] = m − α Σ s(x)`.
    fn posterior(&self, x: Tensor<2>, c: &Coefs) -> (Tensor<2>, Tensor<2>) {
        let (d, space) = (self.mean.len(), Space::of(&x));
        let score = self.noised(c).score(x);
        let gain = space.tensor(self.covariance.clone(), [d, d]);
        let shift = score.clone().matmul(gain).mul_scalar(c.alpha);
        (space.tensor(self.mean.clone(), [1, d]) - shift, score)
    }
}

impl PosteriorJvp for Gaussian {
    /// `∂s[u] = −(α²Σ + σ²I)⁻¹ u`, `∂E[x₁|x][u] = −α Σ ∂s[u]`.
    fn posterior_jvp(&self, x: Tensor<2>, c: &Coefs, u: Tensor<2>) -> (Posterior, Posterior) {
        let (d, space) = (self.mean.len(), Space::of(&x));
        let precision = space.tensor(gram(&self.noised(c).whitening, d), [d, d]);
        let gain = space.tensor(self.covariance.clone(), [d, d]);
        let bend = u.matmul(precision).neg();
        let shift = bend.clone().matmul(gain).mul_scalar(-c.alpha);
        (self.posterior(x, c), (shift, bend))
    }
}
