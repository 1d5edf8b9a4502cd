//! Preconditioners: the geometry in which a sampler takes its steps.

use burn::tensor::Tensor;
use transport_core::Space;
use transport_core::linalg::{NotPositiveDefinite, cholesky, transpose};

/// A factor `L` of a covariance `C = L Lᵀ` that resembles the target's.
///
/// Samplers work in the whitened coordinates `y = L⁻¹ x`, in which the score is `Lᵀ s(x)`, and
/// need two maps of rows only:
///
/// ```text
/// pull(s) = s L       a score, to whitened coordinates
/// push(z) = z Lᵀ      a displacement, back;    push(z) ~ N(0, C) for z ~ N(0, I)
/// ```
///
/// `C` is the preconditioner of Langevin methods and the inverse mass matrix of Hamiltonian ones.
///
/// # References
/// Roberts & Stramer (2002), "Langevin diffusions and Metropolis–Hastings algorithms".
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Preconditioner {
    /// `L = I`.
    Identity,
    /// `L` diagonal: a scale for each coordinate.
    Diagonal(Vec<f64>),
    /// `L` lower triangular, `[d, d]` row-major.
    Dense(Vec<f64>),
    /// `L` times a factor for each chain.
    Rows {
        /// One factor a chain.
        scales: Vec<f64>,
        /// `L`.
        inner: Box<Preconditioner>,
    },
}

impl Preconditioner {
    /// From a variance for each coordinate.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] at the first variance that is not positive and finite.
    pub fn diagonal(variances: &[f64]) -> Result<Self, NotPositiveDefinite> {
        let bad = variances.iter().position(|v| !(*v > 0.0 && v.is_finite()));
        if let Some(pivot) = bad {
            let order = variances.len();
            return Err(NotPositiveDefinite { order, pivot, value: variances[pivot] });
        }
        Ok(Self::Diagonal(variances.iter().map(|v| v.sqrt()).collect()))
    }

    /// From a covariance, `[d, d]` row-major.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] at the first pivot that is not positive.
    pub fn dense(covariance: &[f64], d: usize) -> Result<Self, NotPositiveDefinite> {
        cholesky(covariance, d).map(Self::Dense)
    }

    /// `z Lᵀ`.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; returns `[n, d]`.
    #[must_use]
    pub fn push(&self, z: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(l) => {
                let (d, space) = (z.dims()[1], Space::of(&z));
                z.matmul(space.tensor(transpose(l, d), [d, d]))
            }
            _ => self.scale(z, Self::push),
        }
    }

    /// `s L`.
    ///
    /// # Shapes
    /// `s`: `[n, d]`; returns `[n, d]`.
    #[must_use]
    pub fn pull(&self, s: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(l) => {
                let (d, space) = (s.dims()[1], Space::of(&s));
                s.matmul(space.tensor(l.clone(), [d, d]))
            }
            _ => self.scale(s, Self::pull),
        }
    }

    fn scale(&self, z: Tensor<2>, inner_map: fn(&Self, Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        match self {
            Self::Diagonal(scales) => {
                let space = Space::of(&z);
                z * space.tensor(scales.clone(), [1, scales.len()])
            }
            Self::Rows { scales, inner } => {
                let factors = Space::of(&z).column(scales);
                inner_map(inner, z) * factors
            }
            Self::Identity | Self::Dense(_) => z,
        }
    }
}
