//! The Schrödinger bridge between two Gaussians, in closed form.

use crate::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, Sde};
use burn::tensor::Tensor;
use transport_core::law::{Density, Gaussian, LawError, PointLaw, by_time};
use transport_core::linalg::{of_symmetric, product, transpose};
use transport_core::{Field, ScoredField, Space, Times};

/// The law of paths from `N(m₀, S₀)` to `N(m₁, S₁)` that is nearest, in relative entropy, to
/// Brownian motion of variance `σ²` started from the first.
///
/// ```text
/// D = (4 S₀^½ S₁ S₀^½ + σ⁴ I)^½,   C = cov(X₀, X₁) = ½ (S₀^½ D S₀^−½ − σ² I)
/// μ_t = (1−t) m₀ + t m₁,   Σ_t = (1−t)² S₀ + t² S₁ + t(1−t)(C + Cᵀ + σ² I)
/// dX = [ m₁ − m₀ + A_t (X − μ_t) ] dt + σ dW
/// A_t = [ Cᵀ + t S₁ − (1−t) S₀ − t (C + Cᵀ + σ² I) ] Σ_t⁻¹
/// ```
///
/// `A_t` is `∂ₓ (E[X₁ | X_t = x] − x)/(1−t)` with the factor `1 − t` cancelled, so that it is
/// finite at both ends. The velocity of the probability flow is `drift − ½ σ² score`.
///
/// # References
/// Bunne, Hsieh, Cuturi & Krause (2023), "The Schrödinger bridge between Gaussian measures has a
/// closed form"; Janati et al. (2020) for the static plan; Mallasto et al. (2022).
/// # Checked by
/// `tests/it/gaussian_bridge.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianBridge {
    source: Gaussian,
    target: Gaussian,
    variance: f64,
    cross: Vec<f64>,
}

/// What cannot be bridged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// Ends of different dimensions.
    #[error("the source has {source_dim} coordinates and the target {target_dim}")]
    Dimensions {
        /// Coordinates of the source.
        source_dim: usize,
        /// Coordinates of the target.
        target_dim: usize,
    },
    /// A reference without noise.
    #[error("the variance of the reference is {value}: a finite number above 0")]
    Variance {
        /// The value.
        value: f64,
    },
    /// A marginal that is degenerate.
    #[error(transparent)]
    Law(#[from] LawError),
}

/// The dimension of two ends that a reference of a variance can join.
pub(super) fn joined(
    source: &Gaussian,
    target: &Gaussian,
    variance: f64,
) -> Result<usize, BridgeError> {
    let (source_dim, target_dim) = (source.dim(), target.dim());
    if source_dim != target_dim {
        return Err(BridgeError::Dimensions { source_dim, target_dim });
    }
    if !(variance > 0.0 && variance.is_finite()) {
        return Err(BridgeError::Variance { value: variance });
    }
    Ok(source_dim)
}

impl GaussianBridge {
    /// The bridge from `source` to `target` whose reference has variance `variance = σ²`.
    ///
    /// # Errors
    /// [`BridgeError`] when the dimensions differ or the variance is not above 0.
    pub fn new(source: Gaussian, target: Gaussian, variance: f64) -> Result<Self, BridgeError> {
        let dim = joined(&source, &target, variance)?;
        let cross = cross_covariance(source.covariance(), target.covariance(), dim, variance);
        Ok(Self { source, target, variance, cross })
    }

    /// The dimension `d`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.source.dim()
    }

    /// `C = cov(X₀, X₁)`, `[d, d]` row-major.
    #[must_use]
    pub fn cross_covariance(&self) -> &[f64] {
        &self.cross
    }

    /// `μ_t`.
    #[must_use]
    pub fn mean(&self, t: f64) -> Vec<f64> {
        let ends = self.source.mean().iter().zip(self.target.mean());
        ends.map(|(a, b)| (1.0 - t) * a + t * b).collect()
    }

    /// `Σ_t`, `[d, d]` row-major.
    #[must_use]
    pub fn covariance(&self, t: f64) -> Vec<f64> {
        let between = self.between();
        let (s0, s1) = (self.source.covariance(), self.target.covariance());
        let at = |k: usize| (1.0 - t).powi(2) * s0[k] + t * t * s1[k] + t * (1.0 - t) * between[k];
        (0..between.len()).map(at).collect()
    }

    /// The law of `X_t`.
    ///
    /// # Errors
    /// [`BridgeError::Law`] when rounding has made it degenerate.
    pub fn marginal(&self, t: f64) -> Result<Gaussian, BridgeError> {
        Ok(Gaussian::new(self.mean(t), self.covariance(t))?)
    }

    /// The law of `X₁` given `X₀ = x₀`: `N(m₁ + Cᵀ S₀⁻¹ (x₀ − m₀), S₁ − Cᵀ S₀⁻¹ C)`.
    ///
    /// # Errors
    /// [`BridgeError::Law`] when rounding has made it degenerate.
    ///
    /// # Panics
    /// When `x0` has another dimension.
    pub fn end_given(&self, x0: &[f64]) -> Result<Gaussian, BridgeError> {
        let d = self.dim();
        assert_eq!(x0.len(), d, "a point of {} coordinates in {d} dimensions", x0.len());
        let (gain, covariance) = self.regression();
        let shift = |i: usize| -> f64 {
            (0..d).map(|j| gain[i * d + j] * (x0[j] - self.source.mean()[j])).sum()
        };
        let mean = (0..d).map(|i| self.target.mean()[i] + shift(i)).collect();
        Ok(Gaussian::new(mean, covariance)?)
    }

    /// `KL(bridge ‖ reference)` of the path laws, the reference started from the source.
    ///
    /// ```text
    /// KL = E|X₁ − X₀|²/(2σ²) − d/2 − ½ log det(K/σ²),    K = S₁ − Cᵀ S₀⁻¹ C
    /// ```
    ///
    /// # Errors
    /// [`BridgeError::Law`] when `K` is degenerate to rounding.
    pub fn divergence(&self) -> Result<f64, BridgeError> {
        let d = self.dim();
        let (s0, s1) = (self.source.covariance(), self.target.covariance());
        let trace: f64 =
            (0..d).map(|i| s0[i * d + i] + s1[i * d + i] - 2.0 * self.cross[i * d + i]).sum();
        let gap: f64 = self.velocity_of_mean().iter().map(|v| v * v).sum();
        let spread = Gaussian::new(vec![0.0; d], self.regression().1)?;
        let log_det = 2.0 * spread.half_log_det() - d as f64 * self.variance.ln();
        Ok(0.5 * ((gap + trace) / self.variance - d as f64 - log_det))
    }

    /// `C + Cᵀ + σ² I`.
    fn between(&self) -> Vec<f64> {
        let d = self.dim();
        let entry = |k: usize| {
            let (i, j) = (k / d, k % d);
            let own = if i == j { self.variance } else { 0.0 };
            self.cross[k] + self.cross[j * d + i] + own
        };
        (0..d * d).map(entry).collect()
    }

    /// `Cᵀ S₀⁻¹` and `K = S₁ − Cᵀ S₀⁻¹ C`.
    fn regression(&self) -> (Vec<f64>, Vec<f64>) {
        let d = self.dim();
        let inverse = of_symmetric(self.source.covariance(), d, f64::recip);
        let gain = product(&transpose(&self.cross, d), &inverse, d);
        let explained = product(&gain, &self.cross, d);
        let s1 = self.target.covariance();
        // Symmetric in exact arithmetic; kept so in floating point.
        let entry = |k: usize| s1[k] - 0.5 * (explained[k] + explained[(k % d) * d + k / d]);
        (gain, (0..d * d).map(entry).collect())
    }

    fn velocity_of_mean(&self) -> Vec<f64> {
        self.source.mean().iter().zip(self.target.mean()).map(|(a, b)| b - a).collect()
    }

    /// `Σ_t⁻¹` and `A_t`.
    fn gains(&self, t: f64) -> (Vec<f64>, Vec<f64>) {
        let d = self.dim();
        let precision = of_symmetric(&self.covariance(t), d, f64::recip);
        let (between, crossed) = (self.between(), transpose(&self.cross, d));
        let (s0, s1) = (self.source.covariance(), self.target.covariance());
        let numerator: Vec<f64> = (0..d * d)
            .map(|k| crossed[k] + t * s1[k] - (1.0 - t) * s0[k] - t * between[k])
            .collect();
        let gain = product(&numerator, &precision, d);
        (precision, gain)
    }

    /// `c + (x − μ_t) Mᵀ` for the matrix `M` and constant `c` of one time.
    fn affine(&self, x: Tensor<2>, t: f64, matrix: &[f64], constant: &[f64]) -> Tensor<2> {
        let (d, space) = (self.dim(), Space::of(&x));
        let centred = x - space.tensor(self.mean(t), [1, d]);
        centred.matmul(space.tensor(transpose(matrix, d), [d, d]))
            + space.tensor(constant.to_vec(), [1, d])
    }

    fn score_at(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        let precision: Vec<f64> = self.gains(t).0.iter().map(|v| -v).collect();
        self.affine(x, t, &precision, &vec![0.0; self.dim()])
    }

    fn velocity_at(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        let (precision, gain) = self.gains(t);
        let half = 0.5 * self.variance;
        let matrix: Vec<f64> = gain.iter().zip(&precision).map(|(a, p)| a + half * p).collect();
        self.affine(x, t, &matrix, &self.velocity_of_mean())
    }
}

/// `C = ½ (S₀^½ D S₀^−½ − σ² I)`.
fn cross_covariance(s0: &[f64], s1: &[f64], d: usize, variance: f64) -> Vec<f64> {
    let (root, inverse) =
        (of_symmetric(s0, d, f64::sqrt), of_symmetric(s0, d, |v| v.sqrt().recip()));
    let inner = product(&product(&root, s1, d), &root, d);
    let middle = of_symmetric(&inner, d, |v| (4.0 * v + variance * variance).sqrt());
    let whole = product(&product(&root, &middle, d), &inverse, d);
    let own = |k: usize| if k / d == k % d { variance } else { 0.0 };
    (0..d * d).map(|k| 0.5 * (whole[k] - own(k))).collect()
}

/// The velocity of the probability flow.
impl Field for GaussianBridge {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        by_time(x, t, |x, t| self.velocity_at(x, t))
    }
}

impl ScoredField for GaussianBridge {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let score = by_time(x.clone(), t, |x, t| self.score_at(x, t));
        (self.eval(x, t), score)
    }
}

impl Sde for GaussianBridge {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let velocity = self.velocity_of_mean();
        by_time(x, t, |x, t| self.affine(x, t, &self.gains(t).1, &velocity))
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.variance.sqrt())
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for GaussianBridge {}
impl DiagonalNoise for GaussianBridge {}

impl GaussianBridge {
    /// `log q_t(x)`.
    ///
    /// # Errors
    /// [`BridgeError::Law`] when rounding has made the marginal degenerate.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n]`.
    pub fn log_prob(&self, x: Tensor<2>, t: f64) -> Result<Tensor<1>, BridgeError> {
        Ok(self.marginal(t)?.log_prob(x))
    }
}
