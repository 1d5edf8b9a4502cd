//! Activations and their derivatives.

use burn::tensor::{Tensor, activation::sigmoid};

/// `silu(x) = x σ(x)`, σ the logistic function.
///
/// # References
/// Hendrycks & Gimpel (2016); Elfwing, Uchibe & Doya (2018).
#[must_use]
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() * sigmoid(x)
}

/// `silu(x)` and `silu′(x) = σ(x) (1 + x (1 − σ(x)))`.
#[must_use]
pub fn silu_with_slope<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let s = sigmoid(x.clone());
    let value = x * s.clone();
    // σ (1 + x (1 − σ)) = σ + silu (1 − σ).
    let slope = s.clone() + value.clone() * (s.neg() + 1.0);
    (value, slope)
}
