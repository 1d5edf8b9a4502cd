//! Classifier guidance: the gradient of a log-likelihood of noised data.

use super::Guidance;
use burn::tensor::Tensor;
use transport_core::Times;

/// `log p(y | x_t = x)` of one `y` (or one for each row), in operations that reverse
/// differentiation follows.
pub trait Likelihood: Send + Sync {
    /// The log-likelihood, row by row.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n]`.
    fn log_likelihood(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<1>;
}

/// The gradient of a [`Likelihood`] by one reverse pass.
///
/// # Checked by
/// `tests/it/guidance.rs`
#[derive(Clone, Copy, Debug)]
pub struct Classified<L>(pub L);

impl<L: Likelihood> Guidance for Classified<L> {
    fn gradient(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        gradient(&x, |x| self.0.log_likelihood(x, t))
    }
}

/// `∇ₓ Σᵢ f(x)ᵢ`, by one reverse pass: the gradient of each row where rows do not see each other.
///
/// # Shapes
/// `x`: `[n, d]`; `f`: `[n, d]` to `[n]`; returns `[n, d]`, outside autodiff; 0 where `f` does not
/// depend on `x`.
#[must_use]
pub fn gradient(x: &Tensor<2>, f: impl FnOnce(Tensor<2>) -> Tensor<1>) -> Tensor<2> {
    let leaf = x.clone().autodiff().require_grad();
    let gradients = f(leaf.clone()).sum().backward();
    leaf.grad(&gradients).unwrap_or_else(|| x.zeros_like())
}
