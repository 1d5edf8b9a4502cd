//! What is said of one quantity.

use super::{all, ess_bulk, ess_tail, mcse_mean, mcse_sd, mean, rhat, variance};

/// Moments of one scalar quantity, their standard errors, and how far to trust them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
    /// The standard error of the mean.
    pub mcse_mean: f64,
    /// The standard error of the standard deviation.
    pub mcse_sd: f64,
    /// Effective sample size of the bulk.
    pub ess_bulk: f64,
    /// Effective sample size of the tails.
    pub ess_tail: f64,
    /// Rank-normalised split R̂.
    pub rhat: f64,
}

impl Summary {
    /// The summary of a quantity's chains.
    ///
    /// # Example
    /// ```
    /// use transport_core::Noise;
    /// use transport_sde::diagnostics::Summary;
    /// let chains: Vec<_> = (0..4).map(|k| Noise::new(k, 500).normal_values(1)).collect();
    /// let summary = Summary::of(&chains);
    /// assert!(summary.rhat < 1.01 && summary.ess_bulk > 1500.0);
    /// ```
    #[must_use]
    pub fn of<C: AsRef<[f64]>>(chains: &[C]) -> Self {
        let values = all(chains);
        Self {
            mean: mean(&values),
            sd: variance(&values).sqrt(),
            mcse_mean: mcse_mean(chains),
            mcse_sd: mcse_sd(chains),
            ess_bulk: ess_bulk(chains),
            ess_tail: ess_tail(chains),
            rhat: rhat(chains),
        }
    }
}
