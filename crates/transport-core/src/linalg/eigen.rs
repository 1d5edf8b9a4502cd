//! Eigenvalues and eigenvectors of a symmetric matrix.

/// `A = V diag(λ) Vᵀ` of a symmetric `[d, d]` matrix by cyclic Jacobi rotations: the eigenvalues
/// from the largest to the smallest, and `V` row-major with an eigenvector in each column.
///
/// # Panics
/// When `a` does not have `d²` entries.
///
/// # Example
/// ```
/// let (values, _) = transport_core::linalg::symmetric_eigen(&[2.0, 1.0, 1.0, 2.0], 2);
/// assert!((values[0] - 3.0).abs() < 1e-14 && (values[1] - 1.0).abs() < 1e-14);
/// ```
/// # References
/// Golub & Van Loan (2013), "Matrix computations", §8.5.
#[must_use]
pub fn symmetric_eigen(a: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    assert_eq!(a.len(), d * d, "entries of a matrix of order {d}");
    let mut a = a.to_vec();
    let mut v: Vec<f64> = (0..d * d).map(|k| f64::from(u8::from(k / d == k % d))).collect();
    let size: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let off: f64 = (0..d * d).filter(|k| k / d != k % d).map(|k| a[k] * a[k]).sum();
        if off <= size * f64::EPSILON * f64::EPSILON {
            break;
        }
        for p in 0..d {
            (p + 1..d).for_each(|q| rotate(&mut a, &mut v, d, p, q));
        }
    }
    sorted(&a, &v, d)
}

/// Convergence is quadratic: matrices of order 1000 take about ten.
const SWEEPS: usize = 60;

/// The rotation of rows and columns `p`, `q` that makes `a[p, q]` zero.
fn rotate(a: &mut [f64], v: &mut [f64], d: usize, p: usize, q: usize) {
    let off = a[p * d + q];
    if off == 0.0 {
        return;
    }
    let tau = (a[q * d + q] - a[p * d + p]) / (2.0 * off);
    let t = if tau >= 0.0 { 1.0 } else { -1.0 } / (tau.abs() + tau.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let turn = |x: &mut [f64], i: usize, j: usize| {
        let (xi, xj) = (x[i], x[j]);
        (x[i], x[j]) = (c * xi - s * xj, s * xi + c * xj);
    };
    (0..d).for_each(|k| turn(a, k * d + p, k * d + q));
    (0..d).for_each(|k| turn(a, p * d + k, q * d + k));
    (0..d).for_each(|k| turn(v, k * d + p, k * d + q));
}

fn sorted(a: &[f64], v: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|i, j| a[j * d + j].total_cmp(&a[i * d + i]));
    let values = order.iter().map(|i| a[i * d + i]).collect();
    let vectors = (0..d).flat_map(|row| order.iter().map(move |j| v[row * d + j])).collect();
    (values, vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;
    use crate::linalg::gram;

    #[test]
    fn the_decomposition_multiplies_back_and_is_orthogonal() {
        for d in [1, 2, 7, 30] {
            let a = gram(&Noise::new(4, d).normal_values(d), d);
            let (values, v) = symmetric_eigen(&a, d);
            assert!(values.windows(2).all(|w| w[0] >= w[1]));
            for i in 0..d {
                for j in 0..d {
                    let dot = |weight: &dyn Fn(usize) -> f64| -> f64 {
                        (0..d).map(|k| v[i * d + k] * weight(k) * v[j * d + k]).sum()
                    };
                    assert!((dot(&|k| values[k]) - a[i * d + j]).abs() < 1e-12 * values[0]);
                    let one = f64::from(u8::from(i == j));
                    assert!((dot(&|_| 1.0) - one).abs() < 1e-13);
                }
            }
        }
    }

    /// A matrix of rank 1 has one eigenvalue that is not 0; equal eigenvalues are no trouble.
    #[test]
    fn degenerate_matrices_are_decomposed() {
        let (values, _) = symmetric_eigen(&[1.0; 9], 3);
        assert!((values[0] - 3.0).abs() < 1e-14 && values[1].abs() < 1e-14);
        let (values, _) = symmetric_eigen(&[2.0, 0.0, 0.0, 2.0], 2);
        assert_eq!(values, [2.0, 2.0]);
    }
}
