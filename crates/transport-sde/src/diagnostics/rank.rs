//! Ranks: normal scores of draws, and quantiles.

use super::{all, normal_quantile};

/// Every draw replaced by the normal score of its rank among all draws of all chains.
///
/// ```text
/// z = Φ⁻¹((r − 3/8) / (S + 1/4)),    r the average rank (ties share it), S the number of draws
/// ```
///
/// # References
/// Vehtari et al. (2021), §3.1; Blom (1958).
#[must_use]
pub fn rank_normalised<C: AsRef<[f64]>>(chains: &[C]) -> Vec<Vec<f64>> {
    let values = all(chains);
    let size = values.len() as f64;
    let score = |rank: f64| normal_quantile((rank - 0.375) / (size + 0.25));
    let mut scores = average_ranks(&values).into_iter().map(score);
    chains.iter().map(|c| scores.by_ref().take(c.as_ref().len()).collect()).collect()
}

/// Ranks counted from 1; equal values share the mean of theirs.
fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    // `==`, not the total order: 0 and −0 are tied.
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + 0.5 * (tied.len() as f64 + 1.0);
        tied.iter().for_each(|i| ranks[*i] = rank);
        before += tied.len();
    }
    ranks
}

/// The `p`-quantile of values, linear between order statistics (type 7 of Hyndman & Fan, 1996).
///
/// # Panics
/// When there is no value.
#[must_use]
pub fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = p * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    (1.0 - part) * sorted[low] + part * sorted[high]
}
