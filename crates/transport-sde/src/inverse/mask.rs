//! Coordinates that are seen and coordinates that are not.

use super::{InverseError, Operator};
use burn::tensor::Tensor;
use transport_core::Space;

/// `A x = m ⊙ x`, `m` of zeros and ones: one for all rows, or one for each.
///
/// The observation keeps the state's width, with 0 where nothing is seen. `A Aᵀ = A = Aᵀ`.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, device};
/// use transport_sde::inverse::Mask;
/// let space = Space::f64(&device::select(None).unwrap());
/// assert!(Mask::new(&[true, false], 2, &space).is_ok());
/// assert!(Mask::new(&[false, false], 2, &space).is_err());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Mask {
    kept: Tensor<2>,
}

impl Mask {
    /// The mask of `kept`, row-major in rows of `d`: one row for all states, or one for each.
    ///
    /// # Errors
    /// [`InverseError`] when it is not made of rows of `d`, or nothing of a row is kept.
    pub fn new(kept: &[bool], d: usize, space: &Space) -> Result<Self, InverseError> {
        Self::check(kept, d)?;
        let values = kept.iter().map(|k| f64::from(u8::from(*k))).collect();
        Ok(Self { kept: space.tensor(values, [kept.len() / d, d]) })
    }

    /// That `kept` is a mask.
    ///
    /// # Errors
    /// As [`Mask::new`].
    pub fn check(kept: &[bool], d: usize) -> Result<(), InverseError> {
        if kept.is_empty() || d == 0 || !kept.len().is_multiple_of(d) {
            let (what, found) = ("the mask", kept.len());
            return Err(InverseError::Size { what, expected: d, found });
        }
        if let Some(row) = kept.chunks_exact(d).position(|row| row.iter().all(|k| !k)) {
            return Err(InverseError::Nothing { row });
        }
        Ok(())
    }
}

impl Operator for Mask {
    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        x * self.kept.clone()
    }

    fn adjoint(&self, r: Tensor<2>) -> Tensor<2> {
        r * self.kept.clone()
    }

    fn precision(&self, r: Tensor<2>, v: Tensor<2>, s: f64) -> Tensor<2> {
        r * self.kept.clone() / v.add_scalar(s * s)
    }

    fn outputs(&self) -> usize {
        self.kept.dims()[1]
    }

    fn rows(&self) -> Option<usize> {
        Some(self.kept.dims()[0]).filter(|rows| *rows > 1)
    }
}
