//! What can be typed.

mod bridge;
mod distance;
mod fit_density;
mod import;
mod inpaint;
mod langevin;
mod simulate;

pub(crate) use bridge::{BridgeArgs, CarryArgs};
pub(crate) use distance::DistanceArgs;
pub(crate) use fit_density::FitDensityArgs;
pub(crate) use import::{ExportArgs, ImportArgs};
pub(crate) use inpaint::InpaintArgs;
pub(crate) use langevin::LangevinArgs;
pub(crate) use simulate::SimulateArgs;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use transport_train::trainer::Keep;

/// Generative modelling as transport: train, sample, measure and see maps that push noise onto
/// data.
#[derive(Debug, Parser)]
#[command(
    name = "transport",
    version,
    after_help = "\
Examples:
  transport train --data digits --model flow-matching --out runs/digits
  transport train --data my.csv --model score-vp --columns height,weight --out runs/mine
  transport sample runs/digits -n 1000 -o x.npy
  transport evaluate runs/digits
  transport inpaint runs/wine --data gaps.csv --draws 5 -o filled.csv
  transport simulate --process ou --law moons -o paths.png
  transport langevin --target funnel --method hmc -o draws.csv
  transport bridge --source a.csv --target b.csv --out runs/ab
  transport distance a.csv b.csv --metric w2,sinkhorn
  transport import weights.pth --format ddpm-mnist-cnn --out runs/x
  transport info --list"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model on a data set or a file.
    Train(TrainArgs),
    /// Draw samples from a trained run, in the data's own units.
    Sample(SampleArgs),
    /// Fill the gaps of rows with draws given the values that are there.
    Inpaint(InpaintArgs),
    /// The log-density of rows under a trained run, in nats.
    Density(DensityArgs),
    /// Compare a run's samples with its held-out data, a fitted Gaussian and the floor.
    Evaluate(EvaluateArgs),
    /// Average a trained run's weights over another width, without training it again.
    Average(AverageArgs),
    /// Run a process forwards from a law, a point or a file.
    Simulate(SimulateArgs),
    /// Sample a density by Langevin dynamics or its relatives, with diagnostics.
    Langevin(LangevinArgs),
    /// Learn a process that carries one table to another, or through snapshots in time.
    Bridge(BridgeArgs),
    /// Carry rows along a learned bridge.
    Carry(CarryArgs),
    /// Fit a normalizing flow to an unnormalised density, without data.
    FitDensity(FitDensityArgs),
    /// How far apart two samples are, by optimal transport and other distances.
    Distance(DistanceArgs),
    /// Make a run of weights that others trained.
    Import(ImportArgs),
    /// Write a run as one file that others can read.
    Export(ExportArgs),
    /// Say what a run is, or list every model, process, solver and data set.
    Info(InfoArgs),
}

/// Train a model on a data set or a file.
///
/// Leaves config.toml, model.safetensors, metrics.jsonl and figures in the output folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport train --data digits --model flow-matching --out runs/digits
  transport train --data moons --model score-vp --steps 3000 --out runs/moons
  transport train --data wine.csv.gz --model flow-matching --columns alcohol,ph --out runs/wine
  transport train --data digits --model flow-matching --context label --context-dropout 0.1 \\
    --out runs/by-label
  transport train --data digits --model flow-matching --relative 0.1 --out runs/averaged
  transport train --data digits --model edm --net unet --set channels=16 --out runs/unet
  transport train --config runs/digits/config.toml --out runs/again
  transport train --resume --out runs/digits")]
pub(crate) struct TrainArgs {
    /// A data set by name (digits, moons, …; see `transport info --list`) or a path: CSV, NPY or
    /// IDX file (.gz too), a folder of PNGs.
    #[arg(long)]
    pub(crate) data: Option<String>,
    /// A model by name; see `transport info --list`.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// The network, where the model has a choice: mlp, unet or dit for learned dynamics, mlp or conv
    /// for GANs.
    #[arg(long)]
    pub(crate) net: Option<String>,
    /// Other settings of the model, as name=value; see `transport info --list` and config.toml.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// The folder of the run.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Start from this configuration; flags given beside it win.
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// Points to draw where the data are a law or a simulator.
    #[arg(long)]
    pub(crate) points: Option<usize>,
    /// Optimiser steps.
    #[arg(long)]
    pub(crate) steps: Option<u64>,
    /// Rows of a step.
    #[arg(long)]
    pub(crate) batch_size: Option<usize>,
    /// The peak learning rate.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// Keep a power-function average of the weights of this relative width, and what `transport
    /// average` makes other widths of: sets relative of [optim].
    #[arg(long, value_name = "WIDTH", allow_negative_numbers = true)]
    pub(crate) relative: Option<f64>,
    /// What every random draw derives from.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The device: flex, ndarray, wgpu, wgpu:0, wgpu:cpu, vulkan, cuda:0, as compiled in.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Feature columns by name, comma-separated.
    #[arg(long, value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// Context columns by name, comma-separated: the model learns the law given them.
    #[arg(long, value_delimiter = ',')]
    pub(crate) context: Option<Vec<String>>,
    /// How often the context is left out in training, so that samples can be guided: sets
    /// context_dropout of [model].
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub(crate) context_dropout: Option<f64>,
    /// The fraction of rows held out for evaluation.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) split: Option<f64>,
    /// The fraction of rows held out to choose weights by; a tenth by default for models that keep
    /// the best weights.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) validation: Option<f64>,
    /// Looks at the validation rows without a new lowest loss after which training stops; 0 for
    /// never.
    #[arg(long, value_name = "LOOKS")]
    pub(crate) patience: Option<u64>,
    /// The weights that are kept: those with the lowest validation loss, or the last.
    #[arg(long, value_name = "best|last", value_parser = keep)]
    pub(crate) keep: Option<Keep>,
    /// Threads; all cores by default. The result does not depend on it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Steps between checkpoints.
    #[arg(long, value_name = "STEPS")]
    pub(crate) checkpoint_every: Option<u64>,
    /// Continue the run in the output folder; begins one where there is none.
    #[arg(long, conflicts_with = "overwrite")]
    pub(crate) resume: bool,
    /// Replace the run in the output folder.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport sample runs/digits -n 1000 -o x.npy
  transport sample runs/digits -n 100 --seed 7 -o digits.png
  transport sample runs/moons -n 500 --solver euler-maruyama --steps 200 -o x.csv
  transport sample runs/by-label -n 50 --given label=3 -o threes.png
  transport sample runs/by-label -n 50 --given label=3 --guidance 2 -o sharper.png")]
pub(crate) struct SampleArgs {
    /// The folder of a trained run.
    pub(crate) run: PathBuf,
    /// How many samples.
    #[arg(short, long = "count", value_name = "N")]
    pub(crate) n: usize,
    /// What the draws derive from; sample i of a seed is the same whatever N.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The method; the run's own by default.
    #[arg(long)]
    pub(crate) solver: Option<String>,
    /// Its number of steps; the run's own by default.
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Values of the context columns, as name=value.
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',')]
    pub(crate) given: Vec<String>,
    /// The weight of classifier-free guidance: 0 unconditional, 1 conditional, above 1 guided. Needs a
    /// run that was trained with --context and --context-dropout.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) guidance: Option<f64>,
    /// Guide between these times alone, of a clock from 0 (noise) to 1 (data).
    #[arg(
        long,
        value_name = "FROM,TO",
        value_delimiter = ',',
        requires = "guidance",
        allow_negative_numbers = true
    )]
    pub(crate) guidance_interval: Option<Vec<f64>>,
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

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport density runs/wine --data new.csv -o log_prob.csv
  transport density runs/moons --data moons -o log_prob.npy
  transport density runs/vae --data digits --draws 256 -o bound.csv
  transport density runs/digits --data digits --probes 8 -o log_prob.csv
  transport density runs/digits --data digits --bound -o bound.csv")]
pub(crate) struct DensityArgs {
    /// The folder of a trained run.
    pub(crate) run: PathBuf,
    /// The rows: a file with the model's columns (by name, or in order) and its context columns,
    /// or a data set by name.
    #[arg(long)]
    pub(crate) data: String,
    /// Estimate the divergence along a flow by so many random probes a row, with the error of
    /// each row, instead of a derivative for each column.
    #[arg(long, value_name = "K", conflicts_with = "bound")]
    pub(crate) probes: Option<usize>,
    /// The variational bound of a diffusion, from `--draws` noise levels a row.
    #[arg(long)]
    pub(crate) bound: bool,
    /// Draws a row, for a model whose density is bounded rather than known (vae), where the bound
    /// rises towards the log-density with them, and for `--bound` [default: 64].
    #[arg(long)]
    pub(crate) draws: Option<usize>,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Threads; all cores by default. The result does not depend on it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Where to write one number for each row: .csv or .npy.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport evaluate runs/digits
  transport evaluate runs/digits -n 500 --seed 1
  transport evaluate runs/digits --metrics energy,mmd,c2st --json report.json
  transport evaluate runs/mnist --classifier mnist.safetensors")]
pub(crate) struct EvaluateArgs {
    /// The folder of a trained run.
    pub(crate) run: PathBuf,
    /// How many samples to compare.
    #[arg(short, long = "count", value_name = "N", default_value_t = 1000)]
    pub(crate) n: usize,
    /// What the draws derive from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Some metrics by name, comma-separated; all by default: log-likelihood, bits-per-dim, energy, mmd,
    /// sliced-w2, c2st, frechet, precision, recall, density, coverage, neighbour-ratio, memorised,
    /// std, knn-sure, class-share.
    #[arg(long, value_delimiter = ',')]
    pub(crate) metrics: Option<Vec<String>>,
    /// Write the report as JSON too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Weights of the MNIST classifier (safetensors): adds its judgement of the samples.
    #[arg(long, value_name = "FILE")]
    pub(crate) classifier: Option<PathBuf>,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Threads; all cores by default.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport train --data digits --model flow-matching --relative 0.1 --out runs/averaged
  transport average runs/averaged --relative 0.15 --out runs/wide")]
pub(crate) struct AverageArgs {
    /// The folder of a run that was trained with --relative (`relative` under [optim]).
    pub(crate) run: PathBuf,
    /// The width of the power-function average: its standard deviation as a share of the training.
    #[arg(long, value_name = "WIDTH", allow_negative_numbers = true)]
    pub(crate) relative: f64,
    /// The folder of the new run.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport info runs/digits
  transport info --list")]
pub(crate) struct InfoArgs {
    /// The folder of a run.
    #[arg(required_unless_present = "list")]
    pub(crate) run: Option<PathBuf>,
    /// List every model, process, solver, data set and device.
    #[arg(long)]
    pub(crate) list: bool,
}

fn keep(text: &str) -> Result<Keep, String> {
    match text {
        "best" => Ok(Keep::Best),
        "last" => Ok(Keep::Last),
        _ => Err("`best` or `last`".to_owned()),
    }
}
