//! The family of SDEs that share a flow's marginals, with a matrix field for the noise.

use super::{Clock, Diffusion, DivSigma, Sde};
use burn::tensor::Tensor;
use transport_core::{ScoredField, Times};

/// A field of symmetric, positive semi-definite matrices `𝒟(x, t)`, known by a root and by its
/// divergence.
pub trait Dissipation: Send + Sync {
    /// `√(2𝒟)`: some `R` with `R Rᵀ = 2𝒟`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    fn root(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion;

    /// `∇·𝒟`, by rows: `Σⱼ ∂ⱼ 𝒟ᵢⱼ`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn divergence(&self, x: &Tensor<2>, t: Times<'_>) -> Tensor<2>;
}

/// `dX = [v + ∇·𝒟 + 𝒟 s](X, t) dt + √(2𝒟) dW` on the transport clock.
///
/// Its marginals do not depend on `𝒟`: in the Fokker–Planck equation
///
/// ```text
/// −∇·((∇·𝒟 + 𝒟 s) q) + ∇·∇·(𝒟 q) = 0
/// ```
///
/// `𝒟 = ε(t) I` is [`super::Family`]; `𝒟 = ½ S Σ` around the probability flow is
/// [`super::Reversed`]; `v = 0` is Langevin dynamics with a metric.
///
/// # References
/// Ma, Chen & Fox (2015), "A complete recipe for stochastic gradient MCMC"; Song et al. (2021),
/// app. D.1.
/// # Checked by
/// `tests/it/state_dependent.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatrixFamily<F, D> {
    /// The velocity and the score.
    pub field: F,
    /// The noise.
    pub dissipation: D,
}

impl<F: ScoredField, D: Dissipation> Sde for MatrixFamily<F, D> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let (velocity, score) = self.field.velocity_and_score(x.clone(), t);
        let pull = self.dissipation.root(&x, t).covariance_times(score).mul_scalar(0.5);
        velocity + self.dissipation.divergence(&x, t) + pull
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.dissipation.root(x, t)
    }
}

/// A multiple of a process's own noise, on the transport clock: `𝒟 = ½ c S Σ(x, S(1 − t))`.
///
/// Around the process's probability flow, c = 0 is that flow, c = 1 Anderson's reversal, and
/// values between or beyond churn less or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn<S> {
    /// The process.
    pub sde: S,
    /// How its clock meets the transport's.
    pub clock: Clock,
    /// The multiple `c ≥ 0`.
    pub amount: f64,
}

impl<S: DivSigma> Dissipation for Churn<S> {
    fn root(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        let b = self.clock.at(t, |s| self.sde.diffusion(x, s));
        b.scaled((self.amount * self.clock.horizon).sqrt())
    }

    fn divergence(&self, x: &Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let divergence = self.clock.at(t, |s| self.sde.div_sigma(x, s));
        divergence.mul_scalar(0.5 * self.amount * self.clock.horizon)
    }
}
