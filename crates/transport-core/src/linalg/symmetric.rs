//! Functions of symmetric matrices: `f(A) = V diag(f(λ)) Vᵀ`.

/// The eigenvalues and eigenvectors of a symmetric matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// The eigenvalues, in no order.
    pub values: Vec<f64>,
    /// The eigenvectors as columns, `[d, d]` row-major.
    pub vectors: Vec<f64>,
}

/// `A = V diag(λ) Vᵀ` by cyclic Jacobi rotations, to the rounding of the entries.
///
/// # Shapes
/// `a`: `[d, d]` row-major, symmetric (the lower triangle is not read).
///
/// # References
/// Golub & Van Loan (2013), "Matrix Computations", §8.5.
///
/// # Example
/// ```
/// let e = transport_core::linalg::eigen(&[2.0, 1.0, 1.0, 2.0], 2);
/// let mut values = e.values.clone();
/// values.sort_by(f64::total_cmp);
/// assert!((values[0] - 1.0).abs() < 1e-14 && (values[1] - 3.0).abs() < 1e-14);
/// ```
#[must_use]
pub fn eigen(a: &[f64], d: usize) -> Eigen {
    /// Sweeps that are ever needed: convergence is quadratic.
    const SWEEPS: usize = 60;
    let mut a: Vec<f64> =
        (0..d * d).map(|k| a[(k / d).min(k % d) * d + (k / d).max(k % d)]).collect();
    let mut v: Vec<f64> = (0..d * d).map(|k| f64::from(u8::from(k / d == k % d))).collect();
    let size = a.iter().map(|x| x * x).sum::<f64>().sqrt();
    for _ in 0..SWEEPS {
        let off: f64 = (0..d * d).filter(|k| k / d != k % d).map(|k| a[k] * a[k]).sum();
        if off.sqrt() <= f64::EPSILON * size {
            break;
        }
        for p in 0..d {
            for q in p + 1..d {
                rotate(&mut a, &mut v, d, p, q);
            }
        }
    }
    Eigen { values: (0..d).map(|i| a[i * d + i]).collect(), vectors: v }
}

/// One rotation that makes `a[p, q]` zero.
fn rotate(a: &mut [f64], v: &mut [f64], d: usize, p: usize, q: usize) {
    let apq = a[p * d + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * d + q] - a[p * d + p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let turn = |m: &mut [f64], i: usize, j: usize| {
        let (x, y) = (m[i], m[j]);
        m[i] = c * x - s * y;
        m[j] = s * x + c * y;
    };
    for k in 0..d {
        turn(a, k * d + p, k * d + q);
    }
    for k in 0..d {
        turn(a, p * d + k, q * d + k);
    }
    for k in 0..d {
        turn(v, k * d + p, k * d + q);
    }
}

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
    let Eigen { values, vectors } = eigen(a, d);
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
