//! The running covariance of a stream of points.

/// Mean and covariance, updated point by point without cancellation.
///
/// ```text
/// m ← m + (x − m)/n,    S ← S + (x − m_old)(x − m_new)ᵀ,    covariance = S/(n − 1)
/// ```
///
/// # References
/// Welford (1962).
///
/// # Example
/// ```
/// let mut points = transport_sde::langevin::Welford::new(1);
/// [1.0, 2.0, 6.0].iter().for_each(|x| points.add(&[*x]));
/// assert_eq!(points.covariance(), [7.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Welford {
    count: f64,
    mean: Vec<f64>,
    scatter: Vec<f64>,
}

impl Welford {
    /// No point yet, in `d` dimensions.
    #[must_use]
    pub fn new(d: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; d], scatter: vec![0.0; d * d] }
    }

    /// Takes a point in.
    pub fn add(&mut self, x: &[f64]) {
        let d = self.mean.len();
        self.count += 1.0;
        let before: Vec<f64> = x.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        self.mean.iter_mut().zip(&before).for_each(|(m, gap)| *m += gap / self.count);
        for (i, row) in self.scatter.chunks_exact_mut(d).enumerate() {
            let after = x[i] - self.mean[i];
            row.iter_mut().zip(&before).for_each(|(s, gap)| *s += after * gap);
        }
    }

    /// The covariance, `[d, d]` row-major; NaN below two points.
    #[must_use]
    pub fn covariance(&self) -> Vec<f64> {
        self.scatter.iter().map(|s| s / (self.count - 1.0)).collect()
    }

    /// The covariance drawn towards a small multiple of its diagonal.
    ///
    /// ```text
    /// n/(n+5) S/(n−1) + 10⁻³ 5/(n+5) diag(S/(n−1))
    /// ```
    ///
    /// Stan's weights, but on the variances where Stan has the identity: with hundreds of chains'
    /// draws a tight direction can have a variance far below 10⁻³ 5/n, and the result should not
    /// depend on the units of the parameters.
    #[must_use]
    pub fn regularised(&self) -> Vec<f64> {
        let (d, n) = (self.mean.len(), self.count);
        let mut covariance = self.covariance();
        let variances: Vec<f64> = (0..d).map(|i| covariance[i * d + i]).collect();
        covariance.iter_mut().for_each(|c| *c *= n / (n + 5.0));
        (0..d).for_each(|i| covariance[i * d + i] += 1e-3 * 5.0 / (n + 5.0) * variances[i]);
        covariance
    }
}
