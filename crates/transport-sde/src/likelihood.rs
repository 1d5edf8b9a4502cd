//! The instantaneous change of variables along a flow.
//!
//! ```text
//! d/dt log p_t(x_t) = −∇·v(x_t, t),     log p₁(x₁) = log p₀(x₀) − ∫₀¹ ∇·v(x_t, t) dt
//! ```
//!
//! # References
//! Chen et al. (2018), "Neural ordinary differential equations", app. A.

use burn::tensor::Tensor;
use transport_core::{Field, Jvp, Times};

/// The field on `[n, d + 1]` whose last column integrates the divergence of the first `d`.
///
/// Run backwards from (x, 0) it ends at `(T⁻¹(x), log |det ∂T⁻¹/∂x|)`.
#[derive(Clone, Copy, Debug)]
pub struct Augmented<F> {
    /// The field to follow.
    pub field: F,
}

impl<F: Jvp> Field for Augmented<F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let d = x.dims()[1] - 1;
        let (value, divergence) = self.field.divergence(x.narrow(1, 0, d), t);
        Tensor::cat(vec![value, divergence.unsqueeze_dim(1)], 1)
    }
}
