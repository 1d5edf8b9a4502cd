//! Gaussian kernels: the Markov kernel of a linear SDE between two times.

use crate::device::Space;
use crate::law::Gaussian;
use crate::map::PushForward;
use crate::noise::Noise;
use burn::tensor::Tensor;

/// `T(· | x) = N(a x, b² I)`.
///
/// Kernels compose: after `(a, b)` another `(c, e)` makes `(c a, √(c² b² + e²))`.
///
/// # Checked by
/// `tests/it/kernels.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianKernel {
    /// The factor `a` of the point.
    pub scale: f64,
    /// The standard deviation `b`.
    pub std: f64,
}

impl GaussianKernel {
    /// The exact conditional law at one point.
    #[must_use]
    pub fn law(&self, x: &[f64]) -> Gaussian {
        Gaussian::isotropic(x.iter().map(|x| self.scale * x).collect(), self.std)
    }

    /// This kernel, and `next` after it.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self { scale: next.scale * self.scale, std: (next.scale * self.std).hypot(next.std) }
    }
}

impl PushForward for GaussianKernel {
    fn push(&self, z: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let xi = noise.normal(z.dims()[1], &Space::of(&z));
        z.mul_scalar(self.scale) + xi.mul_scalar(self.std)
    }
}
