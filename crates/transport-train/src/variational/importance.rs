//! What importance weights say of an approximation `q` to `p = p̃/Z`.

use super::psis::{khat_threshold, log_sum_exp, psis};

/// The summary of `log w = log p̃(x) − log q(x)` over points of `q`.
///
/// ```text
/// log Ẑ = log mean w,    s.e. = sd(w)/(mean(w) √S),    ESS = (Σ w)²/Σ w²,    ELBO = mean log w ≤ log Z
/// ```
///
/// # References
/// Owen (2013), "Monte Carlo theory, methods and examples", ch. 9; [`super::psis()`] for `k̂`.
/// # Checked by
/// `tests/it/variational.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Importance {
    /// Points.
    pub draws: usize,
    /// `log Ẑ`.
    pub log_z: f64,
    /// Its standard error, to be believed when `k̂` is good.
    pub log_z_error: f64,
    /// The mean of the log weights, `−KL(q ‖ p) + log Z`.
    pub elbo: f64,
    /// Its standard error.
    pub elbo_error: f64,
    /// The effective number of points.
    pub ess: f64,
    /// The shape of the weights' tail.
    pub khat: f64,
}

/// Weights that say nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportanceError {
    /// Fewer than two.
    #[error("{found} importance weights have no spread: at least 2")]
    TooFew {
        /// How many.
        found: usize,
    },
    /// A log weight that is no number, or `+∞`.
    #[error("log weight {index} is {value}: the target or the flow is not finite there")]
    NotFinite {
        /// Which.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// The target is 0 at every point.
    #[error("the target's density is 0 at all {draws} points of the flow")]
    Disjoint {
        /// How many points.
        draws: usize,
    },
}

impl Importance {
    /// The summary of log weights; `−∞` is a weight of 0.
    ///
    /// # Errors
    /// [`ImportanceError`] when there are too few, one is not finite, or all are 0.
    pub fn of(log_weights: &[f64]) -> Result<Self, ImportanceError> {
        let draws = log_weights.len();
        if draws < 2 {
            return Err(ImportanceError::TooFew { found: draws });
        }
        let bad = |v: &f64| v.is_nan() || *v == f64::INFINITY;
        if let Some(index) = log_weights.iter().position(bad) {
            return Err(ImportanceError::NotFinite { index, value: log_weights[index] });
        }
        let total = log_sum_exp(log_weights);
        if total == f64::NEG_INFINITY {
            return Err(ImportanceError::Disjoint { draws });
        }
        let n = draws as f64;
        let shares: f64 = log_weights.iter().map(|w| (2.0 * (w - total)).exp()).sum();
        let ess = 1.0 / shares;
        // Var(w)/mean(w)² = n Σ wᵢ²/(Σ w)² − 1, up to n/(n − 1).
        let relative = ((n * shares - 1.0).max(0.0) / (n - 1.0)).sqrt();
        let elbo = log_weights.iter().sum::<f64>() / n;
        let square: f64 = log_weights.iter().map(|w| (w - elbo).powi(2)).sum();
        Ok(Self {
            draws,
            log_z: total - n.ln(),
            log_z_error: relative,
            elbo,
            elbo_error: (square / (n - 1.0) / n).sqrt(),
            ess,
            khat: psis(log_weights).khat,
        })
    }

    /// Whether the tail of the weights is light enough for the estimates to be believed.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        self.khat < khat_threshold(self.draws)
    }
}
