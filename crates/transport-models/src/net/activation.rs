//! Activations and their derivatives: the kernels' own, under the names that networks use.

use burn::tensor::Tensor;
pub use transport_kernels::Activation;
use transport_kernels::ops;

/// `silu(x) = x σ(x)`, σ the logistic function.
///
/// # References
/// Hendrycks & Gimpel (2016); Elfwing, Uchibe & Doya (2018).
#[must_use]
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    ops::activate(Activation::Silu, x)
}

/// `silu(x)` and `silu′(x) = σ(x) (1 + x (1 − σ(x)))`.
#[must_use]
pub fn silu_with_slope<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    ops::activate_with_slope(Activation::Silu, x)
}
