//! Suites for samples: do they follow a known law?

use super::Violation;

/// Standard errors allowed to a mean and to a variance: false alarm 6e-7 each, two-sided.
const ALLOWED: f64 = 5.0;
/// False alarm of the Kolmogorov–Smirnov test.
const FALSE_ALARM: f64 = 1e-6;

/// The values are draws of `N(mean, std²)`: mean, variance and Kolmogorov–Smirnov distance, at a
/// total false-alarm rate of 2.2e-6 for a random seed (none for a fixed one).
///
/// ```text
/// |m − μ| ≤ 5 σ/√n,   |s² − σ²| ≤ 5 σ² √(2/n),   D ≤ √(−½ ln(10⁻⁶/2)/n)
/// ```
///
/// # Errors
/// The first of the three that fails.
pub fn draws_are_normal(values: &[f64], mean: f64, std: f64) -> Result<(), Violation> {
    let n = values.len() as f64;
    let average = values.iter().sum::<f64>() / n;
    let place = || format!("{} draws", values.len());
    let judge = |property, got: f64, expected: f64, allowed: f64| {
        // Written so that NaN is a violation too.
        if (got - expected).abs() <= allowed {
            return Ok(());
        }
        Err(Violation { property, got, expected, place: place() })
    };
    judge("the draws have the mean", average, mean, ALLOWED * std / n.sqrt())?;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let allowed = ALLOWED * std * std * (2.0 / n).sqrt();
    judge("the draws have the variance", variance, std * std, allowed)?;
    let distance = kolmogorov_distance(values, |x| normal_cdf((x - mean) / std));
    judge("the draws have the law", distance, 0.0, (-0.5 * (FALSE_ALARM / 2.0).ln() / n).sqrt())
}

/// `sup |F_n − F|` between the empirical distribution function of the values and `cdf`.
#[must_use]
pub fn kolmogorov_distance(values: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let gap = |(i, x): (usize, &f64)| {
        let f = cdf(*x);
        (f - i as f64 / n).max((i as f64 + 1.0) / n - f)
    };
    sorted.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// `Φ(x) = ½ + φ(x) (x + x³/3 + x⁵/(3·5) + …)`, to 1e-15 for |x| < 8.
///
/// # References
/// Marsaglia (2004), "Evaluating the normal distribution".
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    if x.abs() >= 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Noise;

    /// Φ(1) and Φ(−2): Abramowitz & Stegun, table 26.1.
    #[test]
    fn phi_at_tabulated_points() {
        assert!((normal_cdf(1.0) - 0.841_344_746_068_543).abs() < 1e-15);
        assert!((normal_cdf(-2.0) - 0.022_750_131_948_179).abs() < 1e-15);
        assert_eq!(normal_cdf(0.0), 0.5);
    }

    #[test]
    fn normals_pass_and_others_fail() {
        let draws = Noise::new(0, 20_000).normal_values(1);
        draws_are_normal(&draws, 0.0, 1.0).unwrap();
        assert!(draws_are_normal(&draws, 0.05, 1.0).is_err());
        assert!(draws_are_normal(&draws, 0.0, 1.05).is_err());
        // The right mean and variance, the wrong law.
        let uniform: Vec<f64> = Noise::new(0, 20_000)
            .uniform_values(1)
            .iter()
            .map(|u| (u - 0.5) * 12f64.sqrt())
            .collect();
        let error = draws_are_normal(&uniform, 0.0, 1.0).unwrap_err();
        assert_eq!(error.property, "the draws have the law");
    }
}
