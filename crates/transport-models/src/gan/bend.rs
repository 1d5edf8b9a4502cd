//! The activations of a critic: functions of one number whose slope can be differentiated again.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_kernels::{Activation, ops};

/// What bends a critic between its linear layers.
///
/// ```text
/// leaky      max(x, x/5)          1 or 1/5, and 0 is the second derivative
/// silu       x σ(x)               σ(x) (1 + x σ(−x))
/// softplus   ln(1 + eˣ)           σ(x)
/// ```
///
/// A gradient penalty differentiates the slope once more. A leaky critic is piecewise linear: the
/// penalty then moves the weights of the active pieces only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bend {
    /// The leaky rectifier of slope 1/5.
    Leaky,
    /// The logistic-weighted identity.
    Silu,
    /// The smooth rectifier.
    Softplus,
}

/// The slope of [`Bend::Leaky`] below 0.
const LEAK: f64 = 0.2;

impl Bend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Leaky, Self::Silu, Self::Softplus];

    fn kernel(self) -> Option<Activation> {
        match self {
            Self::Leaky => None,
            Self::Silu => Some(Activation::Silu),
            Self::Softplus => Some(Activation::Softplus),
        }
    }

    /// `f(x)`.
    #[must_use]
    pub fn value(self, x: Tensor<2>) -> Tensor<2> {
        match self.kernel() {
            Some(kind) => ops::activate(kind, x),
            None => self.with_slope(x).0,
        }
    }

    /// `f(x)` and `f′(x)`, made of operations that can be differentiated once more.
    #[must_use]
    pub fn with_slope(self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        if let Some(kind) = self.kernel() {
            return ops::activate_with_slope(kind, x);
        }
        // A constant, in one pass; to fill by a mask takes several times as long.
        let (_, above) = ops::activate_with_slope(Activation::Relu, x.clone().without_autodiff());
        let slope = above.mul_scalar(1.0 - LEAK).add_scalar(LEAK);
        (x * slope.clone(), slope)
    }
}
