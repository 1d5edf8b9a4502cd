//! Stochastic interpolants: how much they are blurred, and the one between two Gaussians in closed
//! form.

use super::gaussian::BridgeError;
use burn::tensor::Tensor;
use std::f64::consts::PI;
use transport_core::law::{Gaussian, PointLaw, by_time};
use transport_core::linalg::{of_symmetric, product, transpose};
use transport_core::{Coefs, Field, Interval, Jvp, Schedule, ScoredField, Space, Times};

/// The blur `γ(t)` of `x_t = I(t, x₀, x₁) + γ(t) z`, 0 at both ends and above 0 between them.
///
/// | blur | γ(t) |
/// |---|---|
/// | `Root` | `a √(t(1−t))`: with straight `I` the Brownian bridge of variance `a²` |
/// | `Parabola` | `a t(1−t)` |
/// | `Sine` | `a sin² πt` |
///
/// Read as a [`Schedule`] its `σ` is `γ` (and its `α` is `t`), so that
/// [`Family`](crate::Family) makes of a velocity and a denoiser every SDE with noise `√(2ε)`:
/// `Epsilon::Sigma(c)` is `ε = c γ`, finite in drift at the ends too.
///
/// # References
/// Albergo, Boffi & Vanden-Eijnden (2023), "Stochastic interpolants: a unifying framework for flows
/// and diffusions".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Blur {
    /// `a √(t(1−t))`.
    Root(f64),
    /// `a t(1−t)`.
    Parabola(f64),
    /// `a sin² πt`.
    Sine(f64),
}

impl Blur {
    /// `γ(t)` and `γ′(t)`; the latter is infinite at the ends of a root.
    #[must_use]
    pub fn at(&self, t: f64) -> [f64; 2] {
        match *self {
            Self::Root(a) => {
                let root = (t * (1.0 - t)).max(0.0).sqrt();
                [a * root, a * (0.5 - t) / root]
            }
            Self::Parabola(a) => [a * t * (1.0 - t), a * (1.0 - 2.0 * t)],
            Self::Sine(a) => [a * (PI * t).sin().powi(2), a * PI * (2.0 * PI * t).sin()],
        }
    }
}

impl Schedule for Blur {
    fn at(&self, t: f64) -> Coefs {
        let [sigma, d_sigma] = Blur::at(self, t);
        Coefs { alpha: t, sigma, d_alpha: 1.0, d_sigma }
    }

    fn domain(&self) -> Interval {
        match self {
            // The derivative of a root is infinite at the ends themselves.
            Self::Root(_) => Interval { start: f64::EPSILON, end: 1.0 - f64::EPSILON },
            _ => Interval::UNIT,
        }
    }
}

/// The straight interpolant between independent Gaussians.
///
/// ```text
/// x_t = (1−t) x₀ + t x₁ + γ z,   μ_t = (1−t) m₀ + t m₁,   Σ_t = (1−t)² S₀ + t² S₁ + γ² I
/// b(x, t) = E[x₁ − x₀ + γ′ z | x_t = x] = m₁ − m₀ + ( t S₁ − (1−t) S₀ + γγ′ I ) Σ_t⁻¹ (x − μ_t)
/// η(x, t) = E[z | x_t = x] = γ Σ_t⁻¹ (x − μ_t),   ∇ log q_t = −η/γ
/// ```
///
/// # References
/// Albergo, Boffi & Vanden-Eijnden (2023), §2.
/// # Checked by
/// `tests/it/interpolants.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianInterpolant {
    source: Gaussian,
    target: Gaussian,
    blur: Blur,
}

impl GaussianInterpolant {
    /// Between `source` and `target`, blurred by `blur`.
    ///
    /// # Errors
    /// [`BridgeError::Dimensions`] when the dimensions differ.
    pub fn new(source: Gaussian, target: Gaussian, blur: Blur) -> Result<Self, BridgeError> {
        let (source_dim, target_dim) = (source.dim(), target.dim());
        if source_dim != target_dim {
            return Err(BridgeError::Dimensions { source_dim, target_dim });
        }
        Ok(Self { source, target, blur })
    }

    fn mean(&self, t: f64) -> Vec<f64> {
        let ends = self.source.mean().iter().zip(self.target.mean());
        ends.map(|(a, b)| (1.0 - t) * a + t * b).collect()
    }

    /// `u S₀ + v S₁ + w I`.
    fn combined(&self, [u, v, w]: [f64; 3]) -> Vec<f64> {
        let (d, s1) = (self.source.dim(), self.target.covariance());
        let own = |k: usize| if k / d == k % d { w } else { 0.0 };
        let entry = |(k, s0): (usize, &f64)| u * s0 + v * s1[k] + own(k);
        self.source.covariance().iter().enumerate().map(entry).collect()
    }

    fn covariance(&self, t: f64) -> Vec<f64> {
        self.combined([(1.0 - t).powi(2), t * t, self.blur.at(t)[0].powi(2)])
    }

    /// The law of `x_t`.
    ///
    /// # Errors
    /// [`BridgeError::Law`] when rounding has made it degenerate.
    pub fn marginal(&self, t: f64) -> Result<Gaussian, BridgeError> {
        Ok(Gaussian::new(self.mean(t), self.covariance(t))?)
    }

    /// The matrix of `b`: `γγ′` is finite where `γ′` is not.
    fn slope(&self, t: f64) -> Vec<f64> {
        let d = self.source.dim();
        let half_square = match self.blur {
            Blur::Root(a) => 0.5 * a * a * (1.0 - 2.0 * t),
            blur => blur.at(t)[0] * blur.at(t)[1],
        };
        let numerator = self.combined([t - 1.0, t, half_square]);
        product(&numerator, &of_symmetric(&self.covariance(t), d, f64::recip), d)
    }

    /// `(x − μ_t) Mᵀ`.
    fn centred(&self, x: Tensor<2>, t: f64, matrix: &[f64]) -> Tensor<2> {
        let (d, space) = (self.source.dim(), Space::of(&x));
        (x - space.tensor(self.mean(t), [1, d])).matmul(space.tensor(transpose(matrix, d), [d, d]))
    }

    fn precision(&self, t: f64) -> Vec<f64> {
        of_symmetric(&self.covariance(t), self.source.dim(), f64::recip)
    }
}

/// The velocity `b`.
impl Field for GaussianInterpolant {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let ends = self.source.mean().iter().zip(self.target.mean());
        let still: Vec<f64> = ends.map(|(a, b)| b - a).collect();
        let constant = Space::of(&x).tensor(still, [1, self.source.dim()]);
        by_time(x, t, |x, t| self.centred(x, t, &self.slope(t)) + constant.clone())
    }
}

impl Jvp for GaussianInterpolant {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let d = self.source.dim();
        let tangent = by_time(u, t, |u, t| {
            let space = Space::of(&u);
            u.matmul(space.tensor(transpose(&self.slope(t), d), [d, d]))
        });
        (self.eval(x, t), tangent)
    }
}

impl ScoredField for GaussianInterpolant {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let score = |x, t| self.centred(x, t, &self.precision(t)).neg();
        (self.eval(x.clone(), t), by_time(x, t, score))
    }
}
