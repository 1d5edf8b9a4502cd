//! Eigenvalues of symmetric matrices by Jacobi's rotations, and functions of such matrices.
//!
//! ```text
//! A = V diag(λ) Vᵀ,    f(A) = V diag(f(λ)) Vᵀ
//! ```
//!
//! # References
//! Golub & Van Loan (2013), "Matrix computations", §8.5.

/// Sweeps; convergence is quadratic, and a dozen is more than any matrix was seen to need.
const SWEEPS: usize = 40;

/// Eigenvalues, and the eigenvectors as columns, of a symmetric `[d, d]`.
pub(crate) fn symmetric(a: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = a.to_vec();
    let mut v = vec![0.0; d * d];
    (0..d).for_each(|i| v[i * d + i] = 1.0);
    for _ in 0..SWEEPS {
        let off = |(k, x): (usize, &f64)| if k / d == k % d { 0.0 } else { x * x };
        let (rest, all) =
            (a.iter().enumerate().map(off).sum::<f64>(), a.iter().map(|x| x * x).sum::<f64>());
        if rest <= 1e-34 * all {
            break;
        }
        for p in 0..d {
            for q in p + 1..d {
                rotate(&mut a, &mut v, d, p, q);
            }
        }
    }
    ((0..d).map(|i| a[i * d + i]).collect(), v)
}

/// The rotation in the plane (p, q) that makes `a[p][q]` zero.
fn rotate(a: &mut [f64], v: &mut [f64], d: usize, p: usize, q: usize) {
    let apq = a[p * d + q];
    if apq == 0.0 {
        return;
    }
    let tau = (a[q * d + q] - a[p * d + p]) / (2.0 * apq);
    let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let c = (1.0 + t * t).sqrt().recip();
    let s = t * c;
    for k in 0..d {
        let (x, y) = (a[k * d + p], a[k * d + q]);
        (a[k * d + p], a[k * d + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..d {
        let (x, y) = (a[p * d + k], a[q * d + k]);
        (a[p * d + k], a[q * d + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (v[k * d + p], v[k * d + q]);
        (v[k * d + p], v[k * d + q]) = (c * x - s * y, s * x + c * y);
    }
}

/// `f(A)` from eigenvalues and eigenvectors.
pub(crate) fn function(values: &[f64], v: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let d = values.len();
    let mapped: Vec<f64> = values.iter().map(|l| f(*l)).collect();
    let entry = |i: usize, j: usize| (0..d).map(|k| v[i * d + k] * mapped[k] * v[j * d + k]).sum();
    (0..d * d).map(|at| entry(at / d, at % d)).collect()
}

/// `A B` for square matrices.
pub(crate) fn product(a: &[f64], b: &[f64], d: usize) -> Vec<f64> {
    let mut out = vec![0.0; d * d];
    for i in 0..d {
        for k in 0..d {
            let x = a[i * d + k];
            for j in 0..d {
                out[i * d + j] += x * b[k * d + j];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::{Noise, linalg::gram};

    #[test]
    fn functions_compose() {
        let d = 7;
        let a = gram(&Noise::new(1, d).normal_values(d), d);
        let (values, v) = symmetric(&a, d);
        let root = function(&values, &v, f64::sqrt);
        let back = product(&root, &root, d);
        assert!(a.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12));
        let trace: f64 = (0..d).map(|i| a[i * d + i]).sum();
        assert!((values.iter().sum::<f64>() - trace).abs() < 1e-12);
    }
}
