//! Transport between Gaussians: the Bures–Wasserstein geometry.
//!
//! ```text
//! W₂²(N(m, A), N(k, B)) = |m − k|² + tr A + tr B − 2 tr (A^½ B A^½)^½
//! T(x) = k + A^{−½} (A^½ B A^½)^½ A^{−½} (x − m)
//! ```
//!
//! # References
//! Peyré & Cuturi (2019), "Computational optimal transport", §2.6; Álvarez-Esteban et al. (2016), "A
//! fixed-point approach to barycenters in Wasserstein space".

use crate::error::OtError;
use crate::solved::{Effort, Solution, Solved};
use crate::weights::{mass, positive};
use transport_core::linalg::{of_spectrum, of_symmetric, product, symmetric_eigen};

/// A mean and a covariance `[d, d]`, row-major, which may be singular.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    mean: Vec<f64>,
    covariance: Vec<f64>,
    /// `A^½`.
    root: Vec<f64>,
    /// The smallest and the largest eigenvalue.
    range: [f64; 2],
}

/// Eigenvalues this far below zero, relatively, are rounding.
const ROUNDING: f64 = 1e-10;

impl Moments {
    /// Checks the sizes, that all is finite, and that the covariance is symmetric and positive
    /// semidefinite.
    ///
    /// # Errors
    /// [`OtError::Size`], [`OtError::NotFinite`], [`OtError::Covariance`].
    pub fn new(mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self, OtError> {
        let d = mean.len();
        if d == 0 || covariance.len() != d * d {
            let (expected, found) = (d.max(1) * d.max(1), covariance.len());
            return Err(OtError::Size { what: "the covariance", expected, found });
        }
        for (what, values) in
            [("value of the mean", &mean), ("value of the covariance", &covariance)]
        {
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                return Err(OtError::NotFinite { what, index, value: values[index] });
            }
        }
        let scale = covariance.iter().fold(0f64, |m, v| m.max(v.abs()));
        for k in 0..d * d {
            if (covariance[k] - covariance[k % d * d + k / d]).abs() > ROUNDING * scale {
                return Err(OtError::Covariance { eigenvalue: f64::NAN });
            }
        }
        let (values, v) = symmetric_eigen(&covariance, d);
        let least = values.iter().fold(f64::INFINITY, |m, v| m.min(*v));
        if least < -ROUNDING * scale {
            return Err(OtError::Covariance { eigenvalue: least });
        }
        let root = of_spectrum(&values, &v, |l| l.max(0.0).sqrt());
        let most = values.iter().fold(0f64, |m, v| m.max(*v));
        Ok(Self { mean, covariance, root, range: [least, most] })
    }

    /// The moments of a sample, `[n, d]`, divided by n.
    ///
    /// # Errors
    /// As [`Moments::new`], and [`OtError::TooFewPoints`].
    pub fn of(points: &[f64], d: usize) -> Result<Self, OtError> {
        if d == 0 || points.len() < d {
            return Err(OtError::TooFewPoints { side: "source", points: 0, needed: 1 });
        }
        let (mean, covariance) = transport_core::linalg::mean_and_covariance(points, d);
        Self::new(mean, covariance)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance.
    #[must_use]
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn same_dim(&self, other: &Self) -> Result<usize, OtError> {
        let (expected, found) = (self.dim(), other.dim());
        if expected == found {
            return Ok(expected);
        }
        Err(OtError::Size { what: "the mean", expected, found })
    }
}

/// `(A^½ B A^½)^½`.
fn middle(a: &Moments, b: &[f64], d: usize) -> Vec<f64> {
    let inner = product(&product(&a.root, b, d), &a.root, d);
    of_symmetric(&inner, d, |l| l.max(0.0).sqrt())
}

fn trace(a: &[f64], d: usize) -> f64 {
    (0..d).map(|i| a[i * d + i]).sum()
}

/// `W₂²` between two Gaussians; for other laws a lower bound (Gelbrich, 1990).
///
/// # Errors
/// [`OtError::Size`] when the dimensions differ.
///
/// # Example
/// ```
/// use transport_ot::gaussian::{Moments, bures_w2_squared};
/// let a = Moments::new(vec![0.0, 0.0], vec![1.0, 0.0, 0.0, 4.0]).unwrap();
/// let b = Moments::new(vec![3.0, 0.0], vec![4.0, 0.0, 0.0, 4.0]).unwrap();
/// assert!((bures_w2_squared(&a, &b).unwrap() - (9.0 + 1.0)).abs() < 1e-12);
/// ```
pub fn bures_w2_squared(a: &Moments, b: &Moments) -> Result<f64, OtError> {
    let d = a.same_dim(b)?;
    let means: f64 = a.mean.iter().zip(&b.mean).map(|(m, k)| (m - k) * (m - k)).sum();
    let cross = trace(&middle(a, &b.covariance, d), d);
    let spread = trace(&a.covariance, d) + trace(&b.covariance, d) - 2.0 * cross;
    Ok(means + spread.max(0.0))
}

/// An affine map, `T(x) = k + M (x − m)`.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineMap {
    /// `M`, symmetric, `[d, d]`.
    pub matrix: Vec<f64>,
    from: Vec<f64>,
    to: Vec<f64>,
}

impl AffineMap {
    /// `T(x)` for the rows of `x`: `[n, d]`.
    ///
    /// # Panics
    /// When there is a partial row.
    #[must_use]
    pub fn push(&self, x: &[f64]) -> Vec<f64> {
        let d = self.from.len();
        assert!(x.len().is_multiple_of(d), "{} values in rows of {d}", x.len());
        let entry = |x: &[f64], i: usize| {
            let row = &self.matrix[i * d..(i + 1) * d];
            let moved = row.iter().zip(x.iter().zip(&self.from)).map(|(m, (x, c))| m * (x - c));
            self.to[i] + moved.sum::<f64>()
        };
        x.chunks_exact(d).flat_map(|x| (0..d).map(move |i| entry(x, i))).collect()
    }
}

/// The optimal map from one Gaussian to another.
///
/// # Errors
/// [`OtError::Size`]; [`OtError::Covariance`] when the first covariance is singular: then there
/// need not be a map.
pub fn bures_map(a: &Moments, b: &Moments) -> Result<AffineMap, OtError> {
    let d = a.same_dim(b)?;
    let [least, most] = a.range;
    if least <= ROUNDING * most {
        return Err(OtError::Covariance { eigenvalue: least });
    }
    let inverse = of_symmetric(&a.covariance, d, |l| l.sqrt().recip());
    let matrix = product(&product(&inverse, &middle(a, &b.covariance, d), d), &inverse, d);
    Ok(AffineMap { matrix, from: a.mean.clone(), to: b.mean.clone() })
}

/// The barycentre of Gaussians.
#[derive(Debug, Clone, PartialEq)]
pub struct BuresBarycentre {
    /// Its mean and covariance.
    pub moments: Moments,
    /// `Σₖ wₖ W₂²` to the Gaussians, weights normalised.
    pub value: f64,
    /// Iterations, and the last relative change of the covariance.
    pub effort: Effort,
}

impl Solution for BuresBarycentre {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// The Gaussian that minimises `Σₖ wₖ W₂²(·, N(mₖ, Aₖ))`.
///
/// ```text
/// S ← S^{−½} (Σₖ wₖ (S^½ Aₖ S^½)^½)² S^{−½}
/// ```
///
/// # Errors
/// [`OtError::TooFewPoints`] without Gaussians; weights as everywhere; [`OtError::Covariance`] when
/// an iterate is singular.
pub fn bures_barycentre(
    laws: &[Moments],
    weights: &[f64],
    tolerance: f64,
    max_iterations: usize,
) -> Result<Solved<BuresBarycentre>, OtError> {
    let total = mass(weights, laws.len(), "measures")?;
    positive("the tolerance", tolerance)?;
    positive("the number of iterations", max_iterations as f64)?;
    let d = laws[0].dim();
    for law in laws {
        laws[0].same_dim(law)?;
    }
    let mean_of = |each: &dyn Fn(&Moments) -> Vec<f64>, size: usize| {
        let mut sum = vec![0.0; size];
        for (law, w) in laws.iter().zip(weights) {
            sum.iter_mut().zip(each(law)).for_each(|(s, v)| *s += w / total * v);
        }
        sum
    };
    let mean = mean_of(&|law| law.mean.clone(), d);
    let mut now = Moments::new(mean.clone(), mean_of(&|law| law.covariance.clone(), d * d))?;
    let mut iterations = 0;
    loop {
        let root = mean_of(&|law| middle(&now, &law.covariance, d), d * d);
        let [least, most] = now.range;
        if least <= ROUNDING * most {
            return Err(OtError::Covariance { eigenvalue: least });
        }
        let inverse = of_symmetric(&now.covariance, d, |l| l.sqrt().recip());
        let half = product(&inverse, &root, d);
        let next = product(&half, &product(&root, &inverse, d), d);
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
        let gap = norm(&mut next.iter().zip(&now.covariance).map(|(x, y)| x - y));
        let error = gap / norm(&mut next.iter().copied());
        iterations += 1;
        now = Moments::new(mean.clone(), symmetrised(next, d))?;
        if error <= tolerance || iterations >= max_iterations {
            let each = laws
                .iter()
                .zip(weights)
                .map(|(law, w)| Ok(w / total * bures_w2_squared(&now, law)?));
            let value = each.sum::<Result<f64, OtError>>()?;
            let effort = Effort { iterations, error, tolerance };
            return Ok(Solved::judge(BuresBarycentre { moments: now, value, effort }));
        }
    }
}

fn symmetrised(a: Vec<f64>, d: usize) -> Vec<f64> {
    (0..d * d).map(|k| 0.5 * (a[k] + a[k % d * d + k / d])).collect()
}
