//! R̂, the potential scale reduction factor.

use super::{all, mapped, mean, quantile, rank_normalised, split, valid, variance};

/// Rank-normalised split R̂: the larger of the bulk's and of the folded draws'.
///
/// ```text
/// R̂ = √((B/W + n − 1)/n),    B = n Var(chain means),    W = mean of the chain variances
/// ```
///
/// on normal scores of the split chains (bulk: different locations), and of `|x − median|`
/// (folded: different scales). Values above 1.01 say that the chains have not mixed. NaN for fewer
/// than two chains.
///
/// # References
/// Vehtari et al. (2021), §3.
#[must_use]
pub fn rhat<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !valid(chains, 2) {
        return f64::NAN;
    }
    let halves = split(chains);
    let median = quantile(&all(&halves), 0.5);
    let folded = mapped(&halves, |v| (v - median).abs());
    let (bulk, tail) = (plain(&rank_normalised(&halves)), plain(&rank_normalised(&folded)));
    // Where one of them is 0/0, as for a quantity with two values, the other one speaks.
    bulk.max(tail)
}

/// R̂ of chains as they are.
fn plain(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let variances: Vec<f64> = chains.iter().map(|c| variance(c)).collect();
    let (between, within) = (n * variance(&means), mean(&variances));
    ((between / within + n - 1.0) / n).sqrt()
}
