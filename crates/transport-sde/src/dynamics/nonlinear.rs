//! The processes with a known law that are not linear, as SDEs.
//!
//! ```text
//! geometric:    a = μ x,            b = diag(x) L      (diagonal when L is)
//! square root:  a = κ (θ − x),      b = σ √max(x, 0)
//! double well:  a = −V′(x),         b = σ
//! ```
//!
//! The square root is continued by 0 below 0, where a discretised path may stray and the exact one
//! never goes.

use super::{AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, DiffusionJacobian, Sde};
use burn::tensor::Tensor;
use transport_core::linalg::transpose;
use transport_core::process::{DoubleWell, GeometricBrownian, SquareRoot};
use transport_core::{Space, Times};

impl Sde for GeometricBrownian {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(self.mu())
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        if self.is_diagonal() {
            return Diffusion::Diagonal(x.clone().mul_scalar(self.sigma()));
        }
        let d = x.dims()[1];
        let factor = Space::of(x).tensor::<3>(self.factor().to_vec(), [1, d, d]);
        Diffusion::Matrix(x.clone().unsqueeze_dim::<3>(2) * factor)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        let diagonal = self.is_diagonal().then_some(self as &dyn DiagonalNoise);
        Capabilities { jacobian: Some(self), diagonal, ..Capabilities::default() }
    }
}

/// `(∂_u b) w = u ⊙ L w`.
impl DiffusionJacobian for GeometricBrownian {
    fn diffusion_jvp(&self, x: &Tensor<2>, _t: Times<'_>, u: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
        if self.is_diagonal() {
            return (u * w).mul_scalar(self.sigma());
        }
        let d = x.dims()[1];
        let factor = Space::of(x).tensor::<2>(transpose(self.factor(), d), [d, d]);
        u * w.matmul(factor)
    }

    /// `Σⱼ Lᵢⱼ² xᵢ = σ² xᵢ`.
    fn ito_correction(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.clone().mul_scalar(self.sigma() * self.sigma())
    }
}

/// For ρ = 0; [`Sde::capabilities`] offers it only then.
impl DiagonalNoise for GeometricBrownian {}

impl Sde for SquareRoot {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.sub_scalar(self.theta()).mul_scalar(-self.kappa())
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(x.clone().clamp_min(0.0).sqrt().mul_scalar(self.sigma()))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { jacobian: Some(self), diagonal: Some(self), ..Capabilities::default() }
    }
}

/// `b b′ = σ²/2` above 0; `b` is continued by 0, and so is its derivative.
impl DiffusionJacobian for SquareRoot {
    fn diffusion_jvp(&self, x: &Tensor<2>, _t: Times<'_>, u: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
        let slope = x.clone().clamp_min(f64::MIN_POSITIVE).sqrt().recip();
        let slope = slope.mask_fill(x.clone().lower_equal_scalar(0.0), 0.0);
        (slope * u * w).mul_scalar(0.5 * self.sigma())
    }

    fn ito_correction(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        let above = x.clone().greater_scalar(0.0).float().cast(x.dtype());
        above.mul_scalar(0.5 * self.sigma() * self.sigma())
    }
}

impl DiagonalNoise for SquareRoot {}

impl Sde for DoubleWell {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        self.force(x)
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.sigma)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for DoubleWell {}
impl DiagonalNoise for DoubleWell {}
