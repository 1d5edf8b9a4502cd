//! The divergence of `Σ = b bᵀ`: what reversal needs beyond the drift and the score.

use super::Sde;
use burn::tensor::Tensor;
use transport_core::Times;

/// An SDE whose `∇·Σ` is known.
///
/// ```text
/// (∇·Σ)ᵢ = Σⱼ ∂ⱼ Σᵢⱼ(x, t),    Σ = b bᵀ
/// ```
///
/// Zero when `b` depends on time only. There is no default: a state-dependent `b` that forgot it
/// would be reversed wrongly and silently.
///
/// # Checked by
/// `tests/it/state_dependent.rs`
pub trait DivSigma: Sde {
    /// `∇·Σ(x, t)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn div_sigma(&self, x: &Tensor<2>, t: Times<'_>) -> Tensor<2>;
}

/// An SDE whose drift is linear in the state and whose `b` depends on time only, so that
/// `drift(u, t)` is the drift's derivative along `u`.
pub trait LinearInState: DivSigma {}
