//! The arguments of `transport distance`.

use clap::Args;
use std::path::PathBuf;

/// How far apart two samples are, by distances of optimal transport and others.
///
/// Every number is of the two samples as they are, without an error bar: two samples of one law are
/// not at distance 0. A solver that does not converge ends the command with exit code 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Metrics:
  w2          exact W2, by linear programming
  w1          exact W1, likewise
  sliced      sliced W2, over --directions random directions
  max-sliced  the largest W2 between projections that was found
  sinkhorn    the debiased Sinkhorn divergence of the squared distance, at --epsilon
  bures       W2 between the Gaussians of the same moments, a lower bound of w2
  energy      the energy distance, unbiased

Examples:
  transport distance a.csv b.csv
  transport distance a.csv b.npy --metric w2,sinkhorn --epsilon 0.1
  transport distance a.csv b.csv --columns x,y --json")]
pub(crate) struct DistanceArgs {
    /// The first sample: any file that `train --data` takes.
    pub(crate) source: PathBuf,
    /// The second sample, with as many columns.
    pub(crate) target: PathBuf,
    /// Metrics, comma-separated; all by default.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) metric: Option<Vec<String>>,
    /// The regularisation of sinkhorn, in units of the squared distance; by default a hundredth of
    /// the mean squared distance between the samples.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) epsilon: Option<f64>,
    /// Directions of sliced [default: 500].
    #[arg(long)]
    pub(crate) directions: Option<usize>,
    /// Columns by name, comma-separated; all by default, of images the pixels without the labels
    /// that stand beside them (IDX).
    #[arg(long, value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// What the directions derive from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Threads; all cores by default. The result does not depend on it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}
