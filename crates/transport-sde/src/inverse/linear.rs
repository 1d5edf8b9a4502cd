//! A matrix of observations, with what its inverse problem needs worked out once.

use super::observation::finite;
use super::{InverseError, Operator};
use burn::tensor::Tensor;
use transport_core::Space;
use transport_core::linalg::symmetric_eigen;

/// `A x` for a matrix `A`, `[m, d]`.
///
/// ```text
/// A Aᵀ = U diag(λ) Uᵀ,     (v A Aᵀ + s² I)⁻¹ = U diag(1/(v λ + s²)) Uᵀ
/// ```
///
/// with 0 for a direction that is neither seen (λ = 0) nor noisy (s = 0).
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, device};
/// use transport_sde::inverse::{Linear, Operator};
/// let space = Space::f64(&device::select(None).unwrap());
/// let halves = Linear::average(4, 4, 2).unwrap();
/// assert_eq!((halves.outputs(), halves.values()[..2].to_vec()), (4, vec![0.25, 0.25]));
/// # let _ = space;
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    values: Vec<f64>,
    inputs: usize,
    spectrum: Vec<f64>,
    /// The eigenvectors as columns, `[m, m]`; none when `A Aᵀ` is diagonal already.
    basis: Option<Vec<f64>>,
}

impl Linear {
    /// The matrix of `values`, `[m, d]` row-major.
    ///
    /// # Errors
    /// [`InverseError`] when there are no whole rows, an entry is not finite, or all are 0.
    pub fn new(values: Vec<f64>, d: usize) -> Result<Self, InverseError> {
        if values.is_empty() || d == 0 || !values.len().is_multiple_of(d) {
            let (what, found) = ("the matrix", values.len());
            return Err(InverseError::Size { what, expected: d.max(1), found });
        }
        finite("the matrix", &values, d)?;
        if values.iter().all(|v| *v == 0.0) {
            return Err(InverseError::Nothing { row: 0 });
        }
        let m = values.len() / d;
        let row = |i: usize| &values[i * d..(i + 1) * d];
        let dot = |k: usize| row(k / m).iter().zip(row(k % m)).map(|(a, b)| a * b).sum::<f64>();
        let gram: Vec<f64> = (0..m * m).map(dot).collect();
        let diagonal = (0..m * m).all(|k| k / m == k % m || gram[k] == 0.0);
        let (spectrum, basis) = if diagonal {
            ((0..m).map(|i| gram[i * m + i]).collect(), None)
        } else {
            let (spectrum, basis) = symmetric_eigen(&gram, m);
            (spectrum, Some(basis))
        };
        Ok(Self { values, inputs: d, spectrum, basis })
    }

    /// The means of blocks of `factor × factor` pixels of an image, row-major.
    ///
    /// # Errors
    /// [`InverseError::Setting`] when the blocks do not tile the image.
    pub fn average(height: usize, width: usize, factor: usize) -> Result<Self, InverseError> {
        let tiles = factor > 0 && height.is_multiple_of(factor) && width.is_multiple_of(factor);
        if !tiles || height * width == 0 {
            let (what, expected) = ("the factor", "a whole number that divides height and width");
            return Err(InverseError::Setting { what, value: factor as f64, expected });
        }
        let (down, across) = (height / factor, width / factor);
        let share = 1.0 / (factor * factor) as f64;
        let mut values = vec![0.0; down * across * height * width];
        for pixel in 0..height * width {
            let (i, j) = (pixel / width / factor, pixel % width / factor);
            values[(i * across + j) * height * width + pixel] = share;
        }
        Self::new(values, height * width)
    }

    /// The entries, `[m, d]` row-major.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// `d`.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    fn matrix(&self, space: &Space) -> Tensor<2> {
        space.tensor(self.values.clone(), [self.outputs(), self.inputs])
    }
}

impl Operator for Linear {
    fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let matrix = self.matrix(&Space::of(&x));
        x.matmul(matrix.transpose())
    }

    fn adjoint(&self, r: Tensor<2>) -> Tensor<2> {
        let matrix = self.matrix(&Space::of(&r));
        r.matmul(matrix)
    }

    fn precision(&self, r: Tensor<2>, v: Tensor<2>, s: f64) -> Tensor<2> {
        let (m, space) = (self.outputs(), Space::of(&r));
        let largest = self.spectrum.iter().copied().fold(0.0, f64::max);
        // Directions that A does not see, up to rounding.
        let seen = |l: f64| l > 1e-12 * largest;
        let row = |f: &dyn Fn(f64) -> f64| {
            space.tensor::<2>(self.spectrum.iter().map(|l| f(*l)).collect(), [1, m])
        };
        let spectrum = row(&|l| if seen(l) { l } else { 0.0 });
        // A direction without variance of its own has weight 1/s², or none.
        let blind = row(&|l| f64::from(u8::from(!seen(l) && s == 0.0)));
        let total = (v * spectrum).add_scalar(s * s) + blind.clone();
        let weight = (blind.neg().add_scalar(1.0)) / total;
        match &self.basis {
            None => r * weight,
            Some(basis) => {
                let basis = space.tensor::<2>(basis.clone(), [m, m]);
                (r.matmul(basis.clone()) * weight).matmul(basis.transpose())
            }
        }
    }

    fn outputs(&self) -> usize {
        self.spectrum.len()
    }
}
