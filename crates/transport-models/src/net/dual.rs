//! Values, and their derivatives along a direction where one is asked for.

use super::activation::{Activation, silu_with_slope};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use transport_kernels::ops;

/// A value `y(x)`, and its derivative `∂y/∂x u` along a direction where one is carried: forward-mode
/// differentiation, in operations that one reverse pass can differentiate once more. Without a
/// direction an operation costs what it costs on the value.
#[derive(Clone, Debug)]
pub struct Dual<const D: usize> {
    /// `y`.
    pub value: Tensor<D>,
    /// `∂y/∂x u`.
    pub along: Option<Tensor<D>>,
}

impl<const D: usize> From<Tensor<D>> for Dual<D> {
    fn from(value: Tensor<D>) -> Self {
        Self { value, along: None }
    }
}

impl<const D: usize> Dual<D> {
    /// A value and its derivative.
    #[must_use]
    pub fn new(value: Tensor<D>, along: Option<Tensor<D>>) -> Self {
        Self { value, along }
    }

    /// A linear map, which carries both alike.
    #[must_use]
    pub fn linear<const E: usize>(self, f: impl Fn(Tensor<D>) -> Tensor<E>) -> Dual<E> {
        Dual { along: self.along.map(&f), value: f(self.value) }
    }

    /// An affine map and its linear part.
    #[must_use]
    pub fn affine<const E: usize>(
        self,
        map: impl FnOnce(Tensor<D>) -> Tensor<E>,
        linear: impl FnOnce(Tensor<D>) -> Tensor<E>,
    ) -> Dual<E> {
        Dual { value: map(self.value), along: self.along.map(linear) }
    }

    /// `y + c`.
    #[must_use]
    pub fn plus(self, constant: Tensor<D>) -> Self {
        Self { value: self.value + constant, along: self.along }
    }

    /// `c ⊙ y`.
    #[must_use]
    pub fn times(self, constant: Tensor<D>) -> Self {
        self.linear(|y| y * constant.clone())
    }

    /// `silu(y)`.
    #[must_use]
    pub fn silu(self) -> Self {
        match self.along {
            None => ops::activate(Activation::Silu, self.value).into(),
            Some(along) => {
                let (value, slope) = silu_with_slope(self.value);
                Self { value, along: Some(along * slope) }
            }
        }
    }

    /// `gelu(y)`.
    #[must_use]
    pub fn gelu(self) -> Self {
        match self.along {
            None => ops::activate(Activation::Gelu, self.value).into(),
            Some(along) => {
                let (value, slope) = ops::activate_with_slope(Activation::Gelu, self.value);
                Self { value, along: Some(along * slope) }
            }
        }
    }

    /// Both, one after the other along an axis.
    #[must_use]
    pub fn cat(self, other: Self, axis: usize) -> Self {
        let along = self.along.zip(other.along).map(|(a, b)| Tensor::cat(vec![a, b], axis));
        Self { value: Tensor::cat(vec![self.value, other.value], axis), along }
    }

    /// To mean 0 and variance 1 along the last axis.
    ///
    /// ```text
    /// z = (y − μ)/s,   s = √(mean (y − μ)² + ε),     ż = (ẏ − mean ẏ − z mean(z ẏ))/s
    /// ```
    #[must_use]
    pub fn normalised(self, epsilon: f64) -> Self {
        let last = D - 1;
        let centred = self.value.clone() - self.value.mean_dim(last);
        let variance = centred.clone().powi_scalar(2).mean_dim(last);
        let inverse = variance.add_scalar(epsilon).sqrt().recip();
        let value = centred * inverse.clone();
        let along = self.along.map(|u| {
            let drift = (value.clone() * u.clone()).mean_dim(last);
            (u.clone() - u.mean_dim(last) - value.clone() * drift) * inverse
        });
        Self { value, along }
    }
}

impl<const D: usize> std::ops::Add for Dual<D> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let along = self.along.zip(other.along).map(|(a, b)| a + b);
        Self { value: self.value + other.value, along }
    }
}

impl Dual<4> {
    /// `softmax(q kᵀ/√d) v`, for each row and head.
    ///
    /// ```text
    /// A = softmax(S),  S = q kᵀ/√d:     Ȧ = A ⊙ (Ṡ − Σ_columns A ⊙ Ṡ),   out· = Ȧ v + A v̇
    /// ```
    ///
    /// # Shapes
    /// `self` (the queries), `keys`, `values`: `[n, heads, tokens, d]`; returns the same.
    ///
    /// # References
    /// Vaswani et al. (2017), eq. (1).
    #[must_use]
    pub fn attend(self, keys: Self, values: Self) -> Self {
        let scale = 1.0 / (self.value.dims()[3] as f64).sqrt();
        let q = self.linear(|q| q.mul_scalar(scale));
        let k = keys.linear(|k| k.swap_dims(2, 3));
        let weights = softmax(q.value.clone().matmul(k.value.clone()), 3);
        let along = match (q.along, k.along, values.along) {
            (Some(dq), Some(dk), Some(dv)) => {
                let slope = dq.matmul(k.value) + q.value.matmul(dk);
                let weighted = weights.clone() * slope;
                let change = weighted.clone() - weights.clone() * weighted.sum_dim(3);
                Some(change.matmul(values.value.clone()) + weights.clone().matmul(dv))
            }
            _ => None,
        };
        Self { value: weights.matmul(values.value), along }
    }
}
