//! Linear layers in LU form, and the reversal of coordinates.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::Space;

/// `z = x W` on the way to the reference, `W = L U`.
///
/// ```text
/// L = I + strictly lower,   U = diag(exp s) (I + strictly upper),   log|det ∂z/∂x| = Σ s
/// ```
///
/// Starts as the identity. The inverse of a unit triangular matrix is a finite product,
///
/// ```text
/// (I + N)⁻¹ = (I + M)(I + M²)(I + M⁴) …,   M = −N,   M^d = 0
/// ```
///
/// ⌈log₂ d⌉ matrix products that autodiff can follow.
///
/// # References
/// Oliva et al. (2018), "Transformation autoregressive networks"; Kingma & Dhariwal (2018), §3.2.
#[derive(Module, Debug)]
pub struct LuLinear {
    lower: Param<Tensor<2>>,
    upper: Param<Tensor<2>>,
    log_scale: Param<Tensor<2>>,
}

impl LuLinear {
    /// The identity on `dim` coordinates.
    #[must_use]
    pub fn new(dim: usize, space: &Space) -> Self {
        let zeros =
            |rows: usize| Param::from_tensor(space.tensor(vec![0.0; rows * dim], [rows, dim]));
        Self { lower: zeros(dim), upper: zeros(dim), log_scale: zeros(1) }
    }

    fn strictly_lower(&self) -> Tensor<2> {
        self.lower.val().tril(-1)
    }

    fn strictly_upper(&self) -> Tensor<2> {
        self.upper.val().triu(1)
    }

    fn log_det(&self, n: usize) -> Tensor<1> {
        self.log_scale.val().sum_dim(1).expand([n, 1]).squeeze_dim(1)
    }

    pub(super) fn push(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let n = z.dims()[0];
        // W⁻¹ = (I + upper)⁻¹ diag(exp −s) L⁻¹.
        let y = z.matmul(invert_unit(self.strictly_upper()));
        let y = y * self.log_scale.val().neg().exp();
        (y.matmul(invert_unit(self.strictly_lower())), self.log_det(n).neg())
    }

    pub(super) fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let n = x.dims()[0];
        let y = x.clone() + x.matmul(self.strictly_lower());
        let y = y * self.log_scale.val().exp();
        (y.clone() + y.matmul(self.strictly_upper()), self.log_det(n))
    }
}

/// `(I + N)⁻¹` for a nilpotent `N`.
fn invert_unit(nilpotent: Tensor<2>) -> Tensor<2> {
    let d = nilpotent.dims()[0];
    let identity = Tensor::<2>::eye(d, &nilpotent.device()).cast(nilpotent.dtype());
    let mut power = nilpotent.neg();
    let mut inverse = identity.clone() + power.clone();
    let mut reached = 2;
    while reached < d {
        power = power.clone().matmul(power);
        inverse = inverse.matmul(identity.clone() + power.clone());
        reached *= 2;
    }
    inverse
}

/// The coordinates in reverse: its own inverse.
pub(super) fn reversed(x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    let n = x.dims()[0];
    let zeros = x.clone().narrow(1, 0, 1).zeros_like().reshape([n]);
    (x.flip([1]), zeros)
}
