//! Stochastic dynamics `dX = a(X, t) dt + b(X, t) dW`, in the sense of Itô.
//!
//! | file | holds |
//! |---|---|
//! | `div_sigma` | `∇·Σ`, what a reversal needs of a state-dependent `b` |
//! | `jacobian` | the derivative of `b`, what higher-order methods need |
//! | `forward`, `cld` | the noising processes as SDEs |
//! | `nonlinear`, `relaxing` | other SDEs with known laws |
//! | `score` | exact scores `∇ log q_s` of laws under those processes |
//! | `clock` | the process's time `s` on the transport clock |
//! | `reversal` | Anderson's reverse-time SDE |
//! | `probability_flow` | the ODE with the same marginals |
//! | `family`, `matrix_family` | the SDEs between: `ε(t)`, and a matrix field `𝒟(x, t)` |
//! | `channel`, `ddpm_posterior` | reversals that are explicit kernels |
//! | `mismatch` | what starting from the prior costs |

mod channel;
mod cld;
mod clock;
mod ddpm_posterior;
mod div_sigma;
mod family;
mod forward;
mod jacobian;
mod matrix_family;
mod mismatch;
mod nonlinear;
mod probability_flow;
mod relaxing;
mod reversal;
mod score;

pub use channel::{Channel, GaussianReverse, MixtureReverse, ReverseError};
pub use clock::Clock;
pub use ddpm_posterior::{DdpmPosterior, PosteriorKernel};
pub use div_sigma::{DivSigma, LinearInState};
pub use family::{Epsilon, Family};
pub use forward::Forward;
pub use jacobian::{AdditiveNoise, Capabilities, DiagonalNoise, DiffusionJacobian, SemiLinear};
pub use matrix_family::{Churn, Dissipation, MatrixFamily};
pub use mismatch::{Mismatch, gaussian_divergence, prior_mismatch};
pub use probability_flow::{OnTransportClock, ProbabilityFlow};
pub use relaxing::Relaxing;
pub use reversal::Reversed;
pub use score::{Curvature, ExactScore, Marginals, ScoreFn};

use burn::tensor::Tensor;
use transport_core::{Space, Times};

/// An Itô SDE on `ℝᵈ`.
pub trait Sde: Send + Sync {
    /// The drift `a(x, t)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2>;

    /// The diffusion coefficient `b(x, t)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion;

    /// What it offers to methods that ask for more, when they are picked by name.
    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::default()
    }
}

/// A diffusion coefficient `b`.
#[derive(Clone, Debug)]
pub enum Diffusion {
    /// `b` times the identity.
    Scalar(f64),
    /// One factor per coordinate, `[n, d]`, or per row, `[n, 1]`.
    Diagonal(Tensor<2>),
    /// A matrix per row, `[n, d, d]`.
    Matrix(Tensor<3>),
}

impl Diffusion {
    /// `b(t) I`, for a batch at one time or with a time for each row of `x`.
    #[must_use]
    pub fn of_time(x: &Tensor<2>, t: Times<'_>, b: impl Fn(f64) -> f64) -> Self {
        match t {
            Times::Same(t) => Self::Scalar(b(t)),
            Times::Each(_) => Self::Diagonal(t.column(&Space::of(x), b)),
        }
    }

    /// `b ΔW`.
    ///
    /// # Shapes
    /// `dw`: `[n, d]`; returns `[n, d]`.
    #[must_use]
    pub fn apply(self, dw: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Scalar(b) => dw.mul_scalar(b),
            Self::Diagonal(b) => b * dw,
            // Products and sums: cheaper than one small matrix product a row.
            Self::Matrix(b) => (b * dw.unsqueeze_dim(1)).sum_dim(2).squeeze_dim(2),
        }
    }

    /// `Σ u = b bᵀ u`.
    ///
    /// # Shapes
    /// `u`: `[n, d]`; returns `[n, d]`.
    #[must_use]
    pub fn covariance_times(self, u: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Scalar(b) => u.mul_scalar(b * b),
            Self::Diagonal(b) => b.powi_scalar(2) * u,
            Self::Matrix(b) => {
                let pulled = (b.clone() * u.unsqueeze_dim(2)).sum_dim(1);
                (b * pulled).sum_dim(2).squeeze_dim(2)
            }
        }
    }

    /// `c b`.
    #[must_use]
    pub fn scaled(self, c: f64) -> Self {
        match self {
            Self::Scalar(b) => Self::Scalar(c * b),
            Self::Diagonal(b) => Self::Diagonal(b.mul_scalar(c)),
            Self::Matrix(b) => Self::Matrix(b.mul_scalar(c)),
        }
    }
}
