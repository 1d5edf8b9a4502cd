//! The arguments of `transport simulate`.

use clap::Args;
use std::path::PathBuf;

/// Run a process forwards from a law, a point or a file.
///
/// Writes the states at each time: CSV with the columns t, particle and the coordinates, or NPY of
/// shape [times, n, d]. Prints mean and standard deviation beside their closed forms.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport simulate --process ou --law moons --set theta=1.5 --times 0,0.5,1,5 -o paths.npy
  transport simulate --process vp --law 8gaussians -n 10000 -o noising.png
  transport simulate --process cir --law 1 --solver euler-maruyama --steps 400 -o cir.csv
  transport simulate --process gbm --law=-1,2 --set rho=0.5 --times 0,1 -o gbm.csv
  transport simulate --process double-well --law my.csv --times 0,1,2 -o wells.csv")]
pub(crate) struct SimulateArgs {
    /// A process by name (vp, ou, cir, …; see `transport info --list`).
    #[arg(long)]
    pub(crate) process: String,
    /// Where it starts: a 2-D law or data set by name, `gaussian`, a file, or a point such as 1,0.5.
    #[arg(long)]
    pub(crate) law: String,
    /// How many particles; of a file, its rows by default.
    #[arg(short, long = "count", value_name = "N")]
    pub(crate) n: Option<usize>,
    /// Parameters of the process, as name=value.
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) set: Vec<String>,
    /// The times reported, comma-separated; five over the process's domain by default.
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) times: Vec<f64>,
    /// An SDE method, or `exact` for the process's own kernels; exact by default where known.
    #[arg(long)]
    pub(crate) solver: Option<String>,
    /// Equal steps of the solver up to the last time [default: 200].
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// What every random draw derives from; particle i is the same whatever N.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Where to write: .csv, .npy, or .png/.svg for a figure.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
