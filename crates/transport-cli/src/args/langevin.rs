//! The arguments of `transport langevin`.

use clap::Args;
use std::path::PathBuf;

/// Sample a density by Langevin dynamics or its relatives, with diagnostics.
///
/// A flag of another method than the chosen one is refused. Writes a table with the columns chain, draw, x, y (CSV, or NPY of shape [chains · draws, 4]),
/// chain after chain, and prints moments, their standard errors, effective sample sizes and R̂.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport langevin --target funnel --method mala --chains 16 -n 2000 -o draws.csv
  transport langevin --target rings --method hmc --leapfrogs 10 -o draws.npy
  transport langevin --target 8gaussians --method tempered -o draws.png
  transport langevin --target 8gaussians --method annealed --chains 2000 -n 1 -o draws.csv
  transport langevin --target gaussian --method ula --step 0.5 --warmup 50 -o draws.csv")]
pub(crate) struct LangevinArgs {
    /// The density: gaussian, mixture, 8gaussians, banana, funnel, neal-funnel, rings, checkerboard.
    #[arg(long)]
    pub(crate) target: String,
    /// The sampler: ula, mala, hmc, underdamped, annealed, tempered.
    #[arg(long, default_value = "mala")]
    pub(crate) method: String,
    /// Chains, side by side.
    #[arg(long, default_value_t = 16)]
    pub(crate) chains: usize,
    /// Draws of each chain.
    #[arg(short, long = "draws", value_name = "N", default_value_t = 1000)]
    pub(crate) n: usize,
    /// Steps before the draws; annealing descends in them.
    #[arg(long, default_value_t = 1000)]
    pub(crate) warmup: usize,
    /// Steps from one draw to the next.
    #[arg(long, default_value_t = 1)]
    pub(crate) thin: usize,
    /// The step; warm-up starts from it where the sampler judges its proposals, and adapts it.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) step: Option<f64>,
    /// Keep the step as it is.
    #[arg(long)]
    pub(crate) fixed: bool,
    /// The acceptance rate that warm-up aims at; 0.574 for mala and tempered, 0.8 for hmc.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) acceptance: Option<f64>,
    /// What warm-up learns of the geometry: none, diagonal, dense. Diagonal for mala and hmc, none
    /// for the others.
    #[arg(long)]
    pub(crate) metric: Option<String>,
    /// Leapfrogs of hmc, on average [default: 5].
    #[arg(long)]
    pub(crate) leapfrogs: Option<usize>,
    /// Friction of underdamped [default: 1].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) friction: Option<f64>,
    /// Noise levels of annealed, or temperatures of tempered [default: 10].
    #[arg(long)]
    pub(crate) levels: Option<usize>,
    /// The hottest temperature of tempered [default: 50].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) hottest: Option<f64>,
    /// The largest noise of annealed [default: 5].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) sigma_max: Option<f64>,
    /// The smallest noise of annealed [default: 0.1].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) sigma_min: Option<f64>,
    /// The standard deviation of the starting points.
    #[arg(long, default_value_t = 2.0, allow_negative_numbers = true)]
    pub(crate) spread: f64,
    /// What the draws derive from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Threads; all cores by default. The result does not depend on it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Where to write: .csv, .npy, or .png/.svg for a figure.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

impl LangevinArgs {
    pub(crate) fn leapfrogs(&self) -> usize {
        self.leapfrogs.unwrap_or(5)
    }

    pub(crate) fn friction(&self) -> f64 {
        self.friction.unwrap_or(1.0)
    }

    pub(crate) fn levels(&self) -> usize {
        self.levels.unwrap_or(10)
    }

    pub(crate) fn hottest(&self) -> f64 {
        self.hottest.unwrap_or(50.0)
    }

    pub(crate) fn sigma_max(&self) -> f64 {
        self.sigma_max.unwrap_or(5.0)
    }

    pub(crate) fn sigma_min(&self) -> f64 {
        self.sigma_min.unwrap_or(0.1)
    }
}
