//! ΠGDM: pseudoinverse-guided diffusion.

use super::{Observation, Operator};
use crate::guide::{Guidance, gradient};
use burn::tensor::Tensor;
use transport_core::device::Space;
use transport_core::{Denoiser, Times};

/// The gradient of `log p(y | x_t)` with `p(x₁ | x_t)` taken for a Gaussian about the denoised state.
///
/// ```text
/// p(x₁ | x_t) ≈ N(D(x_t), r² I),     r² = σ² c/(α² c + σ²)
/// ∇ log p(y | x_t) ≈ (∂D/∂x)ᵀ Aᵀ (r² A Aᵀ + s² I)⁻¹ (y − A D(x_t))
/// ```
///
/// `c` is the variance of a coordinate of the data: `r²` is exact, and the gradient with it, for data
/// of `N(m, c I)` and any `A`. The derivative is one reverse pass through the denoiser.
///
/// # References
/// Song, Vahdat, Mardani & Kautz (2023), "Pseudoinverse-guided diffusion models for inverse problems",
/// with c = 1 and α = 1; Pokle et al. (2024), "Training-free linear image inverses via flows", for
/// other α.
/// # Checked by
/// `tests/it/inverse.rs`
#[derive(Clone, Copy, Debug)]
pub struct PiGdm<'a, D, O> {
    /// The model of the data.
    pub model: D,
    /// What was observed.
    pub observation: &'a Observation<O>,
    /// `c`.
    pub variance: f64,
}

impl<D: Denoiser, O: Operator> Guidance for PiGdm<'_, D, O> {
    fn gradient(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let n = x.dims()[0];
        let spread = t.column(&Space::of(&x), |t| {
            let c = self.model.schedule().at(t);
            let (signal, noise) = (c.alpha * c.alpha * self.variance, c.sigma * c.sigma);
            noise * self.variance / (signal + noise)
        });
        let Observation { operator, noise, .. } = self.observation;
        gradient(&x, |x| {
            let data = self.model.data(x, t);
            let residual = self.observation.residual(data.clone().detach().inner());
            let pull = operator.adjoint(operator.precision(residual, spread, *noise));
            (data * Tensor::from_inner(pull)).sum_dim(1).reshape([n])
        })
    }
}
