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
    let values: Vec<f64> = values.into_iter().map(f).collect();
    let entry = |i: usize, j: usize| {
        (0..d).map(|k| vectors[i * d + k] * values[k] * vectors[j * d + k]).sum()
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
