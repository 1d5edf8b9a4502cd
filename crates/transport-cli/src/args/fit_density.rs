//! The arguments of `transport fit-density`.

use clap::Args;
use std::path::PathBuf;

/// Fit a normalizing flow to an unnormalised density by the reverse Kullback–Leibler divergence,
/// without data.
///
/// Prints log Z with its standard error, the evidence lower bound, the effective number of points
/// and the shape k̂ of the importance weights' tail. Writes points of the flow with their log weights
/// when asked to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport fit-density --target banana
  transport fit-density --target neal-funnel --dim 10
  transport fit-density --target 8gaussians --model nsf --set layers=8 -o points.csv")]
pub(crate) struct FitDensityArgs {
    /// The density: banana, funnel, neal-funnel in any dimension; gaussian, mixture, 8gaussians,
    /// rings in the plane. All are normalised, so that the right log Z is 0.
    #[arg(long)]
    pub(crate) target: String,
    /// The dimension.
    #[arg(long, default_value_t = 2)]
    pub(crate) dim: usize,
    /// A normalizing flow by name; `iaf` and the couplings sample in one pass.
    #[arg(long, default_value = "realnvp")]
    pub(crate) model: String,
    /// Settings of the model, as name=value: layers, width, depth, bins.
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',')]
    pub(crate) set: Vec<String>,
    /// Optimiser steps.
    #[arg(long, default_value_t = 3000)]
    pub(crate) steps: u64,
    /// Points of a step.
    #[arg(long, default_value_t = 256)]
    pub(crate) batch_size: usize,
    /// The peak learning rate.
    #[arg(long, default_value_t = 2e-3, allow_negative_numbers = true)]
    pub(crate) lr: f64,
    /// What every random draw derives from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Points that the flow is judged by.
    #[arg(short, long = "count", value_name = "N", default_value_t = 100_000)]
    pub(crate) n: usize,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Threads; all cores by default. The result does not depend on it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Where to write points and log weights: .csv or .npy.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
