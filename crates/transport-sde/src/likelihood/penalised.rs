//! The divergence along a flow with the two sizes that keep the flow easy to integrate.
//!
//! ```text
//! ẋ = v(x, t),    ℓ̇ = ∇·v,    k̇ = ‖v‖²,    ȷ̇ = ‖∂ₓv ε‖²,      E εεᵀ = I,  E ‖Jε‖² = ‖J‖² = E ‖εᵀJ‖²
//! ```
//!
//! `∂ₓv ε` is a directional derivative, written as ordinary operations: a reverse pass through this
//! field differentiates the divergence and both sizes in the parameters of `v`. The paper's
//! `‖εᵀJ‖²` has the same mean.
//!
//! # References
//! Grathwohl et al. (2019), "FFJORD"; Finlay et al. (2020), "How to train your neural ODE: the
//! world of Jacobian and kinetic regularization", §3.

use burn::tensor::Tensor;
use transport_core::{Field, Jvp, Times};

/// How the divergence is found, and whether `‖∂ₓv‖²` is.
#[derive(Clone, Debug)]
pub enum Trace {
    /// Exactly.
    Exact,
    /// Exactly, and `‖∂ₓv‖²` by a probe, `[n, d]`.
    Sized(Tensor<2>),
    /// Both by one probe, `[n, d]`, fixed along the path: `∇·v = E εᵀ ∂ₓv ε`.
    Probed(Tensor<2>),
}

/// The field on `[n, d + 3]` whose last columns integrate `∇·v`, `‖v‖²` and `‖∂ₓv ε‖²`, the last 0
/// where no probe asks for it.
///
/// Run backwards from (x, 0, 0, 0) it ends at `(z, log |det ∂z/∂x|, −∫‖v‖², −∫‖∂ₓv ε‖²)`.
///
/// # Checked by
/// `tests/it/adjoint.rs`
#[derive(Clone, Debug)]
pub struct Penalised<F> {
    /// The field to follow.
    pub field: F,
    /// How its derivative is seen.
    pub trace: Trace,
}

/// Columns beside the state.
pub const PENALISED: usize = 3;

impl<F: Jvp> Field for Penalised<F> {
    fn eval(&self, y: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let [n, m] = y.dims();
        let x = y.narrow(1, 0, m - PENALISED);
        let (value, divergence, size) = match &self.trace {
            Trace::Exact => {
                let (value, divergence) = self.field.divergence(x, t);
                let nothing = divergence.zeros_like();
                (value, divergence, nothing)
            }
            Trace::Sized(probe) => {
                let (_, tangent) = self.field.jvp(x.clone(), t, probe.clone());
                let (value, divergence) = self.field.divergence(x, t);
                (value, divergence, dot(tangent.clone(), tangent))
            }
            Trace::Probed(probe) => {
                let (value, tangent) = self.field.jvp(x, t, probe.clone());
                let divergence = dot(probe.clone(), tangent.clone());
                (value, divergence, dot(tangent.clone(), tangent))
            }
        };
        let kinetic = dot(value.clone(), value.clone());
        let column = |row: Tensor<1>| row.reshape([n, 1]);
        Tensor::cat(vec![value, column(divergence), column(kinetic), column(size)], 1)
    }
}

/// `aᵀb`, row by row.
fn dot(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let n = a.dims()[0];
    (a * b).sum_dim(1).reshape([n])
}
