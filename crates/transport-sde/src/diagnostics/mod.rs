//! Diagnostics of Markov chains, as ArviZ and Stan define them.
//!
//! | function | says |
//! |---|---|
//! | [`rhat`] | whether the chains agree: rank-normalised split R̂, the larger of bulk and folded |
//! | [`ess_bulk`], [`ess_tail`], [`ess_mean`] | how many independent draws they are worth |
//! | [`mcse_mean`], [`mcse_mean_square`], [`mcse_sd`] | standard errors of moments |
//! | [`Summary`] | all of them for one quantity |
//!
//! All take the chains of one scalar quantity, each a slice of draws, equally long. Values that are
//! not finite, fewer than 4 draws, and (for R̂) fewer than 2 chains give NaN. Chains that never
//! move, all at one value, have R̂ NaN (0/0) and ESS equal to the number of draws, as in ArviZ.
//!
//! # References
//! Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), "Rank-normalization, folding, and
//! localization: an improved R̂"; Geyer (1992), "Practical Markov chain Monte Carlo".
//! # Checked by
//! `tests/it/diagnostics.rs`, against ArviZ 0.23.4

mod autocovariance;
mod ess;
mod mcse;
mod normal_quantile;
mod rank;
mod rhat;
mod summary;

pub use autocovariance::autocovariance;
pub use ess::{ess_bulk, ess_mean, ess_tail};
pub use mcse::{mcse_mean, mcse_mean_square, mcse_sd};
pub use normal_quantile::normal_quantile;
pub use rank::{quantile, rank_normalised};
pub use rhat::rhat;
pub use summary::Summary;

/// Whether the chains can be diagnosed: enough of them, long enough, equally long, finite.
fn valid<C: AsRef<[f64]>>(chains: &[C], least: usize) -> bool {
    let length = chains.first().map_or(0, |c| c.as_ref().len());
    let whole = |c: &C| c.as_ref().len() == length && c.as_ref().iter().all(|v| v.is_finite());
    chains.len() >= least && length >= 4 && chains.iter().all(whole)
}

/// Each chain as two: its first and its last `⌊n/2⌋` draws.
fn split<C: AsRef<[f64]>>(chains: &[C]) -> Vec<&[f64]> {
    let half = chains.first().map_or(0, |c| c.as_ref().len() >> 1);
    let first = chains.iter().map(|c| &c.as_ref()[..half]);
    let last = chains.iter().map(|c| &c.as_ref()[c.as_ref().len() - half..]);
    first.chain(last).collect()
}

/// Every chain with `f` applied to its draws.
fn mapped<C: AsRef<[f64]>>(chains: &[C], f: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    chains.iter().map(|c| c.as_ref().iter().map(|v| f(*v)).collect()).collect()
}

fn all<C: AsRef<[f64]>>(chains: &[C]) -> Vec<f64> {
    chains.iter().flat_map(|c| c.as_ref().iter().copied()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance, divided by `n − 1`.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
