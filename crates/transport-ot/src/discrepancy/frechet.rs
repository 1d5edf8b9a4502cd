//! The Fréchet distance between the Gaussians of two samples.

use super::resample::{LANES, Statistic, Weights};

/// The squared 2-Wasserstein distance between the Gaussians fitted to two samples.
///
/// ```text
/// FD = |m₁ − m₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁ Σ₂)^{1/2}
/// ```
///
/// Means and covariances (divided by n − 1) of the rows, which are usually features of the data
/// rather than the data. `tr (Σ₁Σ₂)^{1/2} = ‖L₁ᵀ L₂‖_*` for any factors `Σᵢ = LᵢLᵢᵀ`: the sum of
/// singular values, from Jacobi rotations, also where covariances are singular. Biased upwards by
/// `O(d/n)`: compare values of equal sizes, and with the floor.
///
/// # Shapes
/// `x`: `[n, d]`, `y`: `[m, d]`, row-major, n, m ≥ 2. Cost `O((n + m) d² + d³)`.
///
/// # Panics
/// When a sample has fewer than two rows or a partial one.
///
/// # Example
/// ```
/// // Means 0 and 3, variances 2 and 2 on the line.
/// let fd = transport_ot::frechet_distance(&[-1.0, 1.0], &[2.0, 4.0], 1);
/// assert!((fd - 9.0).abs() < 1e-12);
/// ```
///
/// # References
/// Dowson & Landau (1982); Heusel et al. (2017) for features of a network; Golub & Van Loan
/// (2013), §8.6.3, for one-sided Jacobi.
/// # Checked by
/// `tests/it/frechet.rs`
#[must_use]
pub fn frechet_distance(x: &[f64], y: &[f64], d: usize) -> f64 {
    super::check(x, y, d, 2);
    let one = |n: usize| vec![1.0; n / d];
    between(&Moments::new(x, &one(x.len()), d), &Moments::new(y, &one(y.len()), d))
}

/// [`frechet_distance`] for a bootstrap.
#[derive(Clone, Debug)]
pub struct Frechet<'a> {
    x: &'a [f64],
    y: &'a [f64],
    d: usize,
}

impl<'a> Frechet<'a> {
    /// Of these samples.
    ///
    /// # Panics
    /// As [`frechet_distance`].
    #[must_use]
    pub fn new(x: &'a [f64], y: &'a [f64], d: usize) -> Self {
        super::check(x, y, d, 2);
        Self { x, y, d }
    }
}

impl Statistic for Frechet<'_> {
    fn rows(&self) -> (usize, usize) {
        (self.x.len() / self.d, self.y.len() / self.d)
    }

    fn at(&self, x: &[Weights], y: &[Weights]) -> [f64; LANES] {
        std::array::from_fn(|k| {
            let lane = |w: &[Weights]| w.iter().map(|w| w[k]).collect::<Vec<f64>>();
            let moments = |s: &[f64], w: &[Weights]| Moments::new(s, &lane(w), self.d);
            between(&moments(self.x, x), &moments(self.y, y))
        })
    }

    fn value(&self) -> f64 {
        frechet_distance(self.x, self.y, self.d)
    }
}

/// The mean, the trace of the covariance and a factor `Lᵀ` of it.
struct Moments {
    mean: Vec<f64>,
    trace: f64,
    /// `Lᵀ`, row `j` of which is column `j` of the Cholesky factor.
    columns: Vec<f64>,
}

impl Moments {
    /// Of rows that count as often as their weight says.
    fn new(points: &[f64], weights: &[f64], d: usize) -> Self {
        let total: f64 = weights.iter().sum();
        let mut mean = vec![0.0; d];
        for (row, w) in points.chunks_exact(d).zip(weights) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += w / total * x);
        }
        let mut covariance = vec![0.0; d * d];
        for (row, w) in points.chunks_exact(d).zip(weights).filter(|(_, w)| **w > 0.0) {
            let centred: Vec<f64> = row.iter().zip(&mean).map(|(x, m)| x - m).collect();
            for (i, line) in covariance.chunks_exact_mut(d).enumerate() {
                let factor = w / (total - 1.0) * centred[i];
                line[..=i].iter_mut().zip(&centred).for_each(|(c, x)| *c += factor * x);
            }
        }
        let trace = (0..d).map(|i| covariance[i * d + i]).sum();
        Self { mean, trace, columns: factor(covariance, d) }
    }
}

/// The Cholesky factor's columns, as rows, of a positive semidefinite matrix (its lower triangle):
/// a direction in which nothing is left has none.
fn factor(mut a: Vec<f64>, d: usize) -> Vec<f64> {
    let floor: Vec<f64> = (0..d).map(|j| a[j * d + j] * d as f64 * f64::EPSILON).collect();
    let mut columns = vec![0.0; d * d];
    for j in 0..d {
        let pivot = a[j * d + j];
        if pivot <= floor[j] {
            continue;
        }
        let column = &mut columns[j * d..(j + 1) * d];
        (j..d).for_each(|i| column[i] = a[i * d + j] / pivot.sqrt());
        for i in j + 1..d {
            let scale = column[i];
            a[i * d + j + 1..=i * d + i]
                .iter_mut()
                .zip(&column[j + 1..])
                .for_each(|(a, c)| *a -= scale * c);
        }
    }
    columns
}

fn between(a: &Moments, b: &Moments) -> f64 {
    let d = a.mean.len();
    let shift: f64 = a.mean.iter().zip(&b.mean).map(|(a, b)| (a - b) * (a - b)).sum();
    let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
    let product: Vec<f64> = a
        .columns
        .chunks_exact(d)
        .flat_map(|u| b.columns.chunks_exact(d).map(move |v| dot(u, v)))
        .collect();
    // Rounding alone can make a distance of 0 negative.
    (shift + a.trace + b.trace - 2.0 * nuclear_norm(product, d)).max(0.0)
}

/// The sum of singular values: rows are rotated until they are orthogonal, then their lengths are
/// the singular values (Hestenes).
fn nuclear_norm(mut rows: Vec<f64>, d: usize) -> f64 {
    let total: f64 = rows.iter().map(|v| v * v).sum();
    for _ in 0..SWEEPS {
        let mut largest = 0.0f64;
        for p in 0..d {
            for q in p + 1..d {
                largest = largest.max(orthogonalise(&mut rows, d, p, q, total));
            }
        }
        if largest <= 1e-14 {
            break;
        }
    }
    rows.chunks_exact(d).map(|r| r.iter().map(|v| v * v).sum::<f64>().sqrt()).sum()
}

/// Convergence is quadratic: a few sweeps more than log₂ d.
const SWEEPS: usize = 40;

/// Rotates rows `p` and `q` to be orthogonal; returns the cosine that they had.
fn orthogonalise(rows: &mut [f64], d: usize, p: usize, q: usize, total: f64) -> f64 {
    let (head, tail) = rows.split_at_mut(q * d);
    let (u, v) = (&mut head[p * d..(p + 1) * d], &mut tail[..d]);
    let (mut uu, mut vv, mut uv) = (0.0, 0.0, 0.0);
    for (u, v) in u.iter().zip(v.iter()) {
        uu += u * u;
        vv += v * v;
        uv += u * v;
    }
    // Rows of rounding errors have no direction to speak of.
    let negligible = total * f64::EPSILON * f64::EPSILON;
    if uv == 0.0 || uu <= negligible || vv <= negligible {
        return 0.0;
    }
    let cosine = uv.abs() / (uu * vv).sqrt();
    let zeta = (vv - uu) / (2.0 * uv);
    let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = c * t;
    for (u, v) in u.iter_mut().zip(v.iter_mut()) {
        (*u, *v) = (c * *u - s * *v, s * *u + c * *v);
    }
    cosine
}
