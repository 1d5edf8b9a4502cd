//! What was observed, and how.

use crate::driver::SolveError;
use burn::tensor::Tensor;
use transport_core::device::to_host;

/// A linear map `A` of states to observations.
pub trait Operator: Send + Sync {
    /// `A x`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, m]`.
    fn apply(&self, x: Tensor<2>) -> Tensor<2>;

    /// `Aᵀ r`.
    ///
    /// # Shapes
    /// `r`: `[n, m]`; returns `[n, d]`.
    fn adjoint(&self, r: Tensor<2>) -> Tensor<2>;

    /// `(v A Aᵀ + s² I)⁻¹ r`, on the range of `A` where `s = 0`.
    ///
    /// # Shapes
    /// `r`: `[n, m]`; `v`: `[n, 1]` or `[1, 1]`, one variance for each row or for all; returns `[n, m]`.
    fn precision(&self, r: Tensor<2>, v: Tensor<2>, s: f64) -> Tensor<2>;

    /// `m`.
    fn outputs(&self) -> usize;

    /// The number of rows that it is made for, if it differs from row to row.
    fn rows(&self) -> Option<usize> {
        None
    }
}

/// An inverse problem that cannot be posed or solved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InverseError {
    /// A mask or a matrix of the wrong size.
    #[error("{what} has {found} values where {expected} are needed")]
    Size {
        /// Which.
        what: &'static str,
        /// How many it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// Nothing of a row is observed.
    #[error("the mask leaves nothing of row {}: at least one value is to be observed", .row + 1)]
    Nothing {
        /// The row, counted from 0.
        row: usize,
    },
    /// An observation or a matrix entry that is not a number.
    #[error("{what} of row {}, column {} is {value}: a finite number", .row + 1, .column + 1)]
    NotFinite {
        /// Which.
        what: &'static str,
        /// The row, counted from 0.
        row: usize,
        /// The column, counted from 0.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// A setting out of its range.
    #[error("{what} is {value}: {expected}")]
    Setting {
        /// Which.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// A solver that takes no steps of the kind that the method corrects.
    #[error("`{solver}` is no diffusion sampler: inverse problems take one, such as ddpm or ddim")]
    Solver {
        /// The solver.
        solver: &'static str,
    },
    /// The integration.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

/// `y = A x₁ + s n`, checked.
#[derive(Clone, Debug)]
pub struct Observation<O> {
    pub(super) operator: O,
    pub(super) values: Tensor<2>,
    pub(super) noise: f64,
}

impl<O: Operator> Observation<O> {
    /// `values` seen through `operator` with noise of standard deviation `noise`.
    ///
    /// # Errors
    /// [`InverseError`] when the sizes disagree or a number is not finite.
    ///
    /// # Shapes
    /// `values`: `[n, m]`.
    pub fn new(operator: O, values: Tensor<2>, noise: f64) -> Result<Self, InverseError> {
        let [n, m] = values.dims();
        let size = |what, expected, found| InverseError::Size { what, expected, found };
        if m != operator.outputs() {
            return Err(size("a row of the observation", operator.outputs(), m));
        }
        if let Some(rows) = operator.rows().filter(|rows| *rows != n) {
            return Err(size("the mask, by rows,", n, rows));
        }
        finite("the observation", &to_host(values.clone()), m)?;
        if !(noise >= 0.0 && noise.is_finite()) {
            let (what, expected) = ("the observation's noise", "a finite number of at least 0");
            return Err(InverseError::Setting { what, value: noise, expected });
        }
        Ok(Self { operator, values, noise })
    }

    /// `y − A x`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, m]`.
    #[must_use]
    pub fn residual(&self, x: Tensor<2>) -> Tensor<2> {
        self.values.clone() - self.operator.apply(x)
    }
}

/// `Err` with the first value that is not finite.
pub(super) fn finite(
    what: &'static str,
    values: &[f64],
    columns: usize,
) -> Result<(), InverseError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(k) => {
            let (row, column) = (k / columns.max(1), k % columns.max(1));
            Err(InverseError::NotFinite { what, row, column, value: values[k] })
        }
    }
}
