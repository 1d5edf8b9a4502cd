//! A mean and its standard error.

/// The mean of independent values and the standard error of it.
///
/// # Example
/// ```
/// use transport_sde::fokker_planck::Estimate;
/// let e = Estimate::of(&[1.0, 3.0]);
/// assert_eq!((e.mean, e.std_error), (2.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation over `√n`; NaN for fewer than two values.
    pub std_error: f64,
}

impl Estimate {
    /// Of independent values.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        Self { mean, std_error: (spread / (n - 1.0) / n).sqrt() }
    }

    /// How many standard errors the mean lies from `exact`.
    #[must_use]
    pub fn z_score(&self, exact: f64) -> f64 {
        (self.mean - exact) / self.std_error
    }
}
