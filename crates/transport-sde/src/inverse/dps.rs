//! DPS: diffusion posterior sampling.

use super::{Observation, Operator};
use crate::driver::{SolveError, Stepper};
use crate::guide::gradient;
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// A sampler's step, and a step down the misfit of the denoised state.
///
/// ```text
/// x' = step(x) − ζ ∇ₓ ‖y − A D(x)‖² / ‖y − A D(x)‖ = step(x) − 2 ζ ∇ₓ ‖y − A D(x)‖
/// ```
///
/// The length of the second step does not come from the noise of the observation, and what is sampled
/// depends on `ζ` and on the number of steps: it is no posterior, even for a Gaussian.
///
/// # References
/// Chung et al. (2023), "Diffusion posterior sampling for general noisy inverse problems", alg. 1 with
/// `ζᵢ = ζ'/‖y − A x̂₀‖`.
/// # Checked by
/// `tests/it/inverse.rs`
pub(super) struct Descent<'a, D, O> {
    pub(super) inner: Box<dyn Stepper + 'a>,
    pub(super) model: &'a D,
    pub(super) observation: &'a Observation<O>,
    pub(super) scale: f64,
    pub(super) evals: usize,
}

impl<D: Denoiser, O: Operator> Stepper for Descent<'_, D, O> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        let n = x.dims()[0];
        let slope = gradient(&x, |x| {
            let data = self.model.data(x, Times::Same(t));
            let values = Tensor::from_inner(self.observation.values.clone());
            let residual = values - self.observation.operator.apply(data);
            // The floor is far below any misfit that is felt, and keeps the root's slope finite.
            (residual.powi_scalar(2).sum_dim(1).add_scalar(1e-20)).sqrt().reshape([n])
        });
        self.evals += 1;
        Ok(self.inner.step(k, x, t, h)? - slope.mul_scalar(2.0 * self.scale))
    }

    fn evals(&self) -> usize {
        self.evals + self.inner.evals()
    }
}
