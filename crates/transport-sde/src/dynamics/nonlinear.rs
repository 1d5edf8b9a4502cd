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

use super::{Diffusion, Sde};
use burn::tensor::Tensor;
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
}

impl Sde for SquareRoot {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.sub_scalar(self.theta()).mul_scalar(-self.kappa())
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(x.clone().clamp_min(0.0).sqrt().mul_scalar(self.sigma()))
    }
}

impl Sde for DoubleWell {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        self.force(x)
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.sigma)
    }
}
