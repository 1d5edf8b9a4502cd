//! What `transport import` and `transport export` take.

use clap::Args;
use std::path::PathBuf;

/// Make a run of weights that others trained.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport import ddpm_mnist_100ep.safetensors --format ddpm-mnist-cnn --out runs/ddpm
  transport import ddpm_mnist.pth --format ddpm-mnist-cnn --data mnist/ --out runs/ddpm
  transport import ddpm-butterflies/ --format unet2d --out runs/butterflies
  transport import weights.bin --format unet2d --config config.json --map keys.toml --out runs/x")]
pub(crate) struct ImportArgs {
    /// The weights (.safetensors, .pt, .pth, .bin), or a folder of diffusers'.
    pub(crate) path: PathBuf,
    /// What they are: ddpm-mnist-cnn, unet2d, or transport for what `transport export` wrote.
    #[arg(long)]
    pub(crate) format: String,
    /// The network's configuration: config.json of a unet2d, found beside the weights by default; for
    /// a ddpm-mnist-cnn what its weights do not say.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The scheduler_config.json of a unet2d; found beside the weights by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) scheduler: Option<PathBuf>,
    /// Rules for the names of the arrays (TOML or JSON).
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// The data that `transport evaluate` compares samples with.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) data: Option<String>,
    /// The folder of the run.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Replace the run in the output folder.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// Write a run as one file that others can read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport export runs/moons -o moons.safetensors")]
pub(crate) struct ExportArgs {
    /// The folder of a trained run.
    pub(crate) run: PathBuf,
    /// Where to write: safetensors with a JSON card.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
