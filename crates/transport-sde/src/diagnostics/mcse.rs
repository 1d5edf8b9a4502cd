//! Monte Carlo standard errors.

use super::{all, ess_mean, mapped, mean, valid, variance};

/// The standard error of the mean, `sd / √ESS`.
#[must_use]
pub fn mcse_mean<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !valid(chains, 1) {
        return f64::NAN;
    }
    (variance(&all(chains)) / ess_mean(chains)).sqrt()
}

/// The standard error of the mean of the squares.
#[must_use]
pub fn mcse_mean_square<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    mcse_mean(&mapped(chains, |v| v * v))
}

/// The standard error of the standard deviation, by the delta method from that of the variance.
///
/// ```text
/// MCSE(sd)² = Var(c²) / (4 E[c²] ESS(c²)),    c = x − x̄
/// ```
///
/// ArviZ 0.23 does the same; arviz-stats 0.8 divides by the ESS of `x` instead, which is too large
/// for antithetic chains.
///
/// # References
/// Kenney & Keeping (1951), p. 141.
#[must_use]
pub fn mcse_sd<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !valid(chains, 1) {
        return f64::NAN;
    }
    let centre = mean(&all(chains));
    let squares = mapped(chains, |v| (v - centre).powi(2));
    let flat = all(&squares);
    let expected = mean(&flat);
    let fourth = flat.iter().map(|v| v * v).sum::<f64>() / flat.len() as f64;
    let spread = (fourth - expected * expected) / ess_mean(&squares);
    (0.25 * spread / expected).sqrt()
}
