//! Stochastic dynamics `dX = a(X, t) dt + b(X, t) dW`, in the sense of Itô.

mod family;
mod geometric;
mod jacobian;
mod relaxing;

pub use family::{Epsilon, Family};
pub use geometric::Geometric;
pub use jacobian::{AdditiveNoise, Capabilities, DiagonalNoise, DiffusionJacobian, SemiLinear};
pub use relaxing::Relaxing;
mod forward;
mod nonlinear;
pub use forward::Forward;

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
            Self::Matrix(b) => b.matmul(dw.unsqueeze_dim(2)).squeeze_dim(2),
        }
    }
}
