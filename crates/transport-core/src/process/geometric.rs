//! Geometric Brownian motion, in several coordinates with correlated noise.

use super::Transition;
use crate::device::Space;
use crate::linalg::{NotPositiveDefinite, cholesky, transpose};
use crate::noise::Noise;
use burn::tensor::Tensor;

/// Geometric Brownian motion: the noise is as large as the state.
///
/// ```text
/// dXᵢ = μ Xᵢ dt + Xᵢ Σⱼ Lᵢⱼ dWⱼ,      L Lᵀ = σ² ((1 − ρ) I + ρ 1 1ᵀ)
/// Xᵢ(t) = Xᵢ(0) exp((μ − σ²/2) t + (L W_t)ᵢ)            in the sense of Itô
/// E Xᵢ(t) = E Xᵢ(0) e^{μt},     E Xᵢ²(t) = E Xᵢ²(0) e^{(2μ + σ²)t}
/// ```
///
/// With ρ = 0 the coefficient b is diagonal, otherwise a full matrix, diag(x) L.
///
/// # References
/// Øksendal (2003), "Stochastic differential equations", ex. 5.1.1.
#[derive(Clone, Debug, PartialEq)]
pub struct GeometricBrownian {
    mu: f64,
    sigma: f64,
    factor: Vec<f64>,
    dim: usize,
}

impl GeometricBrownian {
    /// Growth `mu`, noise `sigma > 0` and correlation `rho` between any two of `d` coordinates.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] unless `sigma ≠ 0` and `−1/(d − 1) < rho < 1`.
    pub fn new(mu: f64, sigma: f64, rho: f64, d: usize) -> Result<Self, NotPositiveDefinite> {
        let entry = |k: usize| sigma * sigma * if k / d == k % d { 1.0 } else { rho };
        let factor = cholesky(&(0..d * d).map(entry).collect::<Vec<_>>(), d)?;
        Ok(Self { mu, sigma, factor, dim: d })
    }

    /// The growth μ.
    #[must_use]
    pub fn mu(&self) -> f64 {
        self.mu
    }

    /// The noise σ of each coordinate.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// The factor `L`, `[d, d]` row-major, lower triangular.
    #[must_use]
    pub fn factor(&self) -> &[f64] {
        &self.factor
    }

    /// `X_t` from `X₀` and the path's end `W_t`.
    ///
    /// # Shapes
    /// `x0`, `w`: `[n, d]`; returns `[n, d]`.
    ///
    /// # Panics
    /// When they do not have the `d` columns of the process.
    #[must_use]
    pub fn solution(&self, x0: Tensor<2>, t: f64, w: Tensor<2>) -> Tensor<2> {
        let (d, space) = (self.dim, Space::of(&x0));
        let factor = space.tensor::<2>(transpose(&self.factor, d), [d, d]);
        x0 * w.matmul(factor).add_scalar((self.mu - 0.5 * self.sigma * self.sigma) * t).exp()
    }

    /// Whether the coordinates are independent.
    #[must_use]
    pub fn is_diagonal(&self) -> bool {
        let d = self.dim;
        (0..d * d).all(|k| k / d == k % d || self.factor[k] == 0.0)
    }
}

impl Transition for GeometricBrownian {
    /// # Panics
    /// When `x` does not have the `d` columns of the process.
    fn advance(&self, x: Tensor<2>, from: f64, to: f64, noise: &Noise) -> Tensor<2> {
        let passed = to - from;
        let w = noise.normal(x.dims()[1], &Space::of(&x)).mul_scalar(passed.sqrt());
        self.solution(x, passed, w)
    }

    fn moments(&self, mean: &[f64], variance: &[f64], from: f64, to: f64) -> (Vec<f64>, Vec<f64>) {
        let growth = (self.mu * (to - from)).exp();
        let spread = (self.sigma * self.sigma * (to - from)).exp_m1();
        // (v + m²) e^{(2μ+σ²)t} − m² e^{2μt}, without the cancellation.
        let var = |(m, v): (&f64, &f64)| growth * growth * (v + (v + m * m) * spread);
        let grown = mean.iter().map(|m| growth * m).collect();
        (grown, mean.iter().zip(variance).map(var).collect())
    }
}
