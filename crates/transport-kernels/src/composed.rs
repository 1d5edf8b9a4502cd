//! The operations of [`crate::ops`] in Burn's own: any backend, any float.

pub mod monotone;
mod spline;

use crate::activation::{Activation, SELU_ALPHA, SELU_LAMBDA};
use crate::mask::Mask;
use burn::tensor::activation::{gelu, relu, sigmoid, softplus};
use burn::tensor::{Tensor, module::linear};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `f(x)`.
#[must_use]
pub fn activate<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::Exp => x.exp(),
        Activation::Sigmoid => sigmoid(x),
        Activation::Silu => x.clone() * sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Softplus => softplus(x, 1.0),
        Activation::Gelu => gelu(x),
        Activation::Selu => {
            // By masks: at 0 the gradient is that of one branch.
            let above = x.clone().greater_elem(0.0);
            let below = x.clone().mask_fill(above.clone(), 0.0).exp().sub_scalar(1.0);
            let below = below.mul_scalar(SELU_LAMBDA * SELU_ALPHA);
            below.mask_where(above, x.mul_scalar(SELU_LAMBDA))
        }
        Activation::Relu => relu(x),
    }
}

/// `f(x)` and `f′(x)`, as operations that can be differentiated once more.
#[must_use]
pub fn activate_with_slope<const D: usize>(
    kind: Activation,
    x: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    let value = activate(kind, x.clone());
    let slope = match kind {
        Activation::Exp => value.clone(),
        Activation::Sigmoid => value.clone() * sigmoid(x.neg()),
        // σ (1 + x σ(−x)) = σ + silu σ(−x).
        Activation::Silu => sigmoid(x.clone()) + value.clone() * sigmoid(x.neg()),
        Activation::Tanh => value.clone().powi_scalar(2).neg().add_scalar(1.0),
        Activation::Softplus => sigmoid(x),
        Activation::Gelu => {
            let density = x.clone().powi_scalar(2).mul_scalar(-0.5).exp();
            let density = density.mul_scalar(1.0 / (2.0 * PI).sqrt());
            let half = x.clone().mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
            half + x * density
        }
        Activation::Selu => {
            let above = x.clone().greater_elem(0.0);
            let below = x.mask_fill(above.clone(), 0.0).exp();
            below.mul_scalar(SELU_LAMBDA * SELU_ALPHA).mask_fill(above, SELU_LAMBDA)
        }
        Activation::Relu => x.zeros_like().mask_fill(x.greater_elem(0.0), 1.0),
    };
    (value, slope)
}

/// `f(x) W + b`, with `x` added on the way around.
#[must_use]
pub fn layer(
    kind: Activation,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    around: bool,
) -> Tensor<2> {
    let y = linear(activate(kind, x.clone()), weight, Some(bias));
    if around { x + y } else { y }
}

/// `f(x) (W ⊙ M) + b`, with `x` added on the way around; without a kind `f` is the identity.
#[must_use]
pub fn masked_layer(
    kind: Option<Activation>,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    mask: Option<&Mask>,
    around: bool,
) -> Tensor<2> {
    let weight = match mask {
        Some(mask) => weight * mask.tensor().clone(),
        None => weight,
    };
    let value = kind.map_or_else(|| x.clone(), |kind| activate(kind, x.clone()));
    let y = linear(value, weight, Some(bias));
    if around { x + y } else { y }
}

/// `base + x W + b`.
#[must_use]
pub fn onto(base: Tensor<2>, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    linear(x, weight, Some(bias)) + base
}

/// `(slope ⊙ u) W` block by block, with `u` added on the way around.
#[must_use]
pub fn tangent(u: Tensor<2>, slope: Tensor<2>, weight: Tensor<2>, around: bool) -> Tensor<2> {
    let ([rows, k], [n, _]) = (u.dims(), slope.dims());
    let scaled = if rows == n {
        u.clone() * slope
    } else {
        let blocks = rows.checked_div(n).unwrap_or(0);
        let scaled = u.clone().reshape([blocks, n, k]) * slope.reshape([1, n, k]);
        scaled.reshape([rows, k])
    };
    let y = scaled.matmul(weight);
    if around { u + y } else { y }
}

/// The mean of `(a − b)²`.
///
/// `sum_dim` twice: the order of additions is fixed by the shape, not by the threads.
#[must_use]
pub fn mean_square_error(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let [n, d] = a.dims();
    let per_row = (a - b).powi_scalar(2).sum_dim(1);
    per_row.sum_dim(0).reshape([1]).div_scalar((n * d) as f64)
}
