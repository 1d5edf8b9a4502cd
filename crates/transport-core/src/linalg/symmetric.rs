//! Functions of symmetric matrices: `f(A) = V diag(f(λ)) Vᵀ`.

use super::symmetric_eigen;

/// `f(A)` of a symmetric matrix.
///
/// # Shapes
/// `a`: `[d, d]` row-major, symmetric; returns the same, symmetric.
///
/// # Example
/// ```
/// let root = transport_core::linalg::of_symmetric(&[4.0, 0.0, 0.0, 9.0], 2, f64::sqrt);
/// assert_eq!(root, [2.0, 0.0, 0.0, 3.0]);
/// ```
#[must_use]
pub fn of_symmetric(a: &[f64], d: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    let (values, vectors) = symmetric_eigen(a, d);
    of_spectrum(&values, &vectors, f)
}

/// `V diag(f(λ)) Vᵀ` of what [`symmetric_eigen`] gave, for several functions of one matrix.
#[must_use]
pub fn of_spectrum(values: &[f64], vectors: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let d = values.len();
    let mapped: Vec<f64> = values.iter().map(|l| f(*l)).collect();
    let entry = |i: usize, j: usize| {
        (0..d).map(|k| vectors[i * d + k] * mapped[k] * vectors[j * d + k]).sum()
    };
    (0..d * d).map(|k| entry(k / d, k % d)).collect()
}

/// `A B` of square matrices.
///
/// # Shapes
/// `a`, `b`: `[d, d]` row-major.
#[must_use]
pub fn product(a: &[f64], b: &[f64], d: usize) -> Vec<f64> {
    let mut out = vec![0.0; d * d];
    for (i, row) in out.chunks_exact_mut(d.max(1)).enumerate() {
        for k in 0..d {
            let scale = a[i * d + k];
            row.iter_mut().zip(&b[k * d..(k + 1) * d]).for_each(|(o, b)| *o += scale * b);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;
    use crate::linalg::gram;

    #[test]
    fn functions_compose() {
        let d = 7;
        let a = gram(&Noise::new(1, d).normal_values(d), d);
        let root = of_symmetric(&a, d, f64::sqrt);
        let back = product(&root, &root, d);
        assert!(a.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12));
        let one = product(&a, &of_symmetric(&a, d, f64::recip), d);
        let identity = |k: usize| f64::from(u8::from(k / d == k % d));
        assert!(one.iter().enumerate().all(|(k, v)| (v - identity(k)).abs() < 1e-9));
    }
}
