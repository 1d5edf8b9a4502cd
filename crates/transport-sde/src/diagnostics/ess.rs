//! The effective sample size.

use super::{all, autocovariance, mapped, mean, quantile, rank_normalised, split, valid, variance};

/// ESS of the bulk: of the rank-normalised split chains.
#[must_use]
pub fn ess_bulk<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !valid(chains, 1) {
        return f64::NAN;
    }
    effective(&rank_normalised(&split(chains)))
}

/// ESS of the tails: the smaller of the ESS of `1[x ≤ q₀.₀₅]` and of `1[x ≤ q₀.₉₅]`.
#[must_use]
pub fn ess_tail<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !valid(chains, 1) {
        return f64::NAN;
    }
    let values = all(chains);
    let below = |p: f64| {
        let bound = quantile(&values, p);
        effective(&split(&mapped(chains, |v| f64::from(u8::from(v <= bound)))))
    };
    below(0.05).min(below(0.95))
}

/// ESS of the mean: of the split chains as they are.
#[must_use]
pub fn ess_mean<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    if !valid(chains, 1) {
        return f64::NAN;
    }
    effective(&split(chains))
}

/// The effective sample size of `m` chains of `n` draws.
///
/// ```text
/// ESS = m n / τ,    τ = −1 + 2 Σ_{t ≤ T} ρ_t + ρ_{T+1},    ρ_t = 1 − (W − γ_t) / V
/// V = W (n−1)/n + Var(chain means)
/// ```
///
/// with γ_t the mean autocovariance of the chains, W the mean of their variances, the sum cut by
/// Geyer's initial positive sequence of pairs ρ_{2k} + ρ_{2k+1} and made monotone, and τ kept
/// above 1/log₁₀(m n), which bounds the gain of antithetic chains.
fn effective<C: AsRef<[f64]>>(chains: &[C]) -> f64 {
    let values = all(chains);
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let (m, n, size) = (chains.len(), chains[0].as_ref().len(), values.len() as f64);
    // The resolution (1e-15) that ArviZ takes for "never moved".
    if high - low < 1e-15 {
        return size;
    }
    let gamma = mean_autocovariance(chains);
    let draws = n as f64;
    let within = gamma[0] * draws / (draws - 1.0);
    let means: Vec<f64> = chains.iter().map(|c| mean(c.as_ref())).collect();
    let between = if m > 1 { variance(&means) } else { 0.0 };
    let total = within * (draws - 1.0) / draws + between;
    let tau = autocorrelation_time(n, |t| 1.0 - (within - gamma[t]) / total);
    size / tau.max(1.0 / size.log10())
}

fn mean_autocovariance<C: AsRef<[f64]>>(chains: &[C]) -> Vec<f64> {
    let mut sum = vec![0.0; chains[0].as_ref().len()];
    for chain in chains {
        sum.iter_mut().zip(autocovariance(chain.as_ref())).for_each(|(s, g)| *s += g);
    }
    sum.iter().map(|s| s / chains.len() as f64).collect()
}

/// `−1 + 2 Σ ρ_t` over Geyer's initial monotone sequence.
fn autocorrelation_time(n: usize, rho: impl Fn(usize) -> f64) -> f64 {
    let mut kept = vec![0.0; n.max(2)];
    let (mut even, mut odd) = (1.0, rho(1));
    (kept[0], kept[1]) = (even, odd);
    let mut t = 1;
    while t + 3 < n && even + odd > 0.0 {
        (even, odd) = (rho(t + 1), rho(t + 2));
        if even + odd >= 0.0 {
            (kept[t + 1], kept[t + 2]) = (even, odd);
        }
        t += 2;
    }
    // One past the last lag of the sum; the loop may not have run at all.
    let end = t - 1;
    if even > 0.0 {
        kept[end] = even;
    }
    for t in (1..).step_by(2).take_while(|t| t + 3 <= end) {
        let (before, here) = (kept[t - 1] + kept[t], kept[t + 1] + kept[t + 2]);
        if here > before {
            (kept[t + 1], kept[t + 2]) = (0.5 * before, 0.5 * before);
        }
    }
    -1.0 + 2.0 * kept[..end].iter().sum::<f64>() + kept[end]
}
