//! `transport inpaint`, as typed.

use clap::Args;
use std::path::PathBuf;

/// Fill the gaps of rows with draws given the values that are there.
///
/// Gaps are empty cells (or NaN, NA, ?) of a CSV file, or the zeros of a mask. Values that are there
/// come back as they are; a row with K draws becomes K rows, one after the other.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport inpaint runs/wine --data gaps.csv --draws 5 -o filled.csv
  transport inpaint runs/digits --data digits.csv --mask left_half.csv -o digits.png
  transport inpaint runs/digits --data digits.csv --mask left_half.csv --method replacement \\
    --resample 5 -o digits.csv")]
pub(crate) struct InpaintArgs {
    /// The folder of a trained run of a flow-matching or score model.
    pub(crate) run: PathBuf,
    /// The rows: the model's columns (by name, or in order), its context columns by name. Of a CSV
    /// file, cells may be empty.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What is seen: a table of ones and zeros (0 for a gap), one row for all rows or one for each.
    #[arg(long, value_name = "FILE")]
    pub(crate) mask: Option<PathBuf>,
    /// Draws for each row.
    #[arg(long, default_value_t = 1)]
    pub(crate) draws: usize,
    /// What the draws derive from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// How the values enter: pigdm, dps or replacement.
    #[arg(long, default_value = "pigdm")]
    pub(crate) method: String,
    /// replacement: times that each step is taken (RePaint) [default: 1].
    #[arg(long)]
    pub(crate) resample: Option<usize>,
    /// dps: the length of its second step, in the model's space [default: 0.5].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) scale: Option<f64>,
    /// pigdm: the variance of a column given nothing, in the model's space [default: 1].
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) variance: Option<f64>,
    /// The standard deviation of noise on the values, in units of a column's standard deviation.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) noise: f64,
    /// A diffusion sampler: ddpm, ddim, dpmpp-2m, …
    #[arg(long, default_value = "ddpm")]
    pub(crate) solver: String,
    /// Its number of steps.
    #[arg(long, default_value_t = 100)]
    pub(crate) steps: usize,
    /// Values of the context columns, as name=value, where the table lacks them.
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',')]
    pub(crate) given: Vec<String>,
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
