//! Small dense linear algebra on the host, row-major f64: what the closed forms need.

mod eigen;
mod symmetric;

pub use eigen::symmetric_eigen;
pub use symmetric::{of_spectrum, of_symmetric, product};

/// The matrix is not symmetric positive definite.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("matrix of order {order} is not positive definite: pivot {pivot} is {value}")]
pub struct NotPositiveDefinite {
    /// The matrix's order.
    pub order: usize,
    /// Where the factorisation stopped, counted from 0.
    pub pivot: usize,
    /// The pivot found there.
    pub value: f64,
}

/// The lower triangular `L` with `L Lᵀ = a`, `a` symmetric `[d, d]`.
///
/// # Errors
/// [`NotPositiveDefinite`] at the first pivot that is not positive.
///
/// # Example
/// ```
/// let l = transport_core::linalg::cholesky(&[4.0, 2.0, 2.0, 5.0], 2).unwrap();
/// assert_eq!(l, [2.0, 0.0, 1.0, 2.0]);
/// ```
pub fn cholesky(a: &[f64], d: usize) -> Result<Vec<f64>, NotPositiveDefinite> {
    let mut l = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * d + k] * l[j * d + k]).sum();
            let rest = a[i * d + j] - dot;
            if i != j {
                l[i * d + j] = rest / l[j * d + j];
            } else if rest > 0.0 {
                l[i * d + i] = rest.sqrt();
            } else {
                return Err(NotPositiveDefinite { order: d, pivot: i, value: rest });
            }
        }
    }
    Ok(l)
}

/// The inverse of a lower triangular matrix.
#[must_use]
pub fn invert_lower(l: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    for j in 0..d {
        inverse[j * d + j] = 1.0 / l[j * d + j];
        for i in j + 1..d {
            let dot: f64 = (j..i).map(|k| l[i * d + k] * inverse[k * d + j]).sum();
            inverse[i * d + j] = -dot / l[i * d + i];
        }
    }
    inverse
}

/// `aᵀ a` for a square matrix.
#[must_use]
pub fn gram(a: &[f64], d: usize) -> Vec<f64> {
    let mut out = vec![0.0; d * d];
    for row in a.chunks_exact(d) {
        for i in 0..d {
            for j in 0..d {
                out[i * d + j] += row[i] * row[j];
            }
        }
    }
    out
}

/// The transpose of a square matrix.
#[must_use]
pub fn transpose(a: &[f64], d: usize) -> Vec<f64> {
    (0..d * d).map(|k| a[(k % d) * d + k / d]).collect()
}

/// The mean and the covariance (divided by `n`) of row-major points `[n, d]`.
///
/// # Panics
/// When there are no rows.
#[must_use]
pub fn mean_and_covariance(points: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let n = points.len() / d;
    assert!(n > 0, "no rows");
    let mut mean = vec![0.0; d];
    for row in points.chunks_exact(d) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
    }
    mean.iter_mut().for_each(|m| *m /= n as f64);
    let mut covariance = vec![0.0; d * d];
    let mut centred = vec![0.0; d];
    for row in points.chunks_exact(d) {
        centred.iter_mut().zip(row).zip(&mean).for_each(|((c, x), m)| *c = x - m);
        for i in 0..d {
            for j in 0..=i {
                covariance[i * d + j] += centred[i] * centred[j];
            }
        }
    }
    for i in 0..d {
        for j in 0..=i {
            covariance[i * d + j] /= n as f64;
            covariance[j * d + i] = covariance[i * d + j];
        }
    }
    (mean, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;

    #[test]
    fn factor_and_inverse_multiply_back() {
        let d = 6;
        let a = Noise::new(1, d).normal_values(d);
        let mut spd = gram(&a, d);
        (0..d).for_each(|i| spd[i * d + i] += 0.5);
        let l = cholesky(&spd, d).unwrap();
        let back = gram(&transpose(&l, d), d);
        let precision = gram(&invert_lower(&l, d), d);
        for i in 0..d {
            for j in 0..d {
                assert!((back[i * d + j] - spd[i * d + j]).abs() < 1e-12);
                let product: f64 = (0..d).map(|k| precision[i * d + k] * spd[k * d + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        let error = cholesky(&[1.0, 2.0, 2.0, 1.0], 2).unwrap_err();
        assert_eq!((error.pivot, error.value), (1, -3.0));
    }
}
