//! The arguments of `transport bridge` and `transport carry`.

use clap::Args;
use std::path::PathBuf;

/// Learn a process that carries one table to another, or through snapshots in time.
///
/// Leaves bridge.safetensors, transported.csv (the first table's rows at the last time), a figure and
/// report.json in the output folder. Prints W₁ to the last table, beside doing nothing and its floor.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport bridge --source a.csv --target b.csv --out runs/ab
  transport bridge --source moons --target 8gaussians --method sf2m --out runs/planar
  transport bridge --source a.csv --target b.csv --method light-sb --sigma 0.3 --out runs/light
  transport bridge --snapshots cells.csv --time-column day --method ot-cfm --out runs/cells
  transport bridge --snapshots cells.csv --time-column day --leave-out all --out runs/cells")]
pub(crate) struct BridgeArgs {
    /// The table at time 0: a file, or a data set by name.
    #[arg(long, requires = "target", required_unless_present = "snapshots")]
    pub(crate) source: Option<String>,
    /// The table at time 1, with the source's columns.
    #[arg(long, requires = "source")]
    pub(crate) target: Option<String>,
    /// One table with a column of times instead.
    #[arg(long, value_name = "FILE", requires = "time_column", conflicts_with = "source")]
    pub(crate) snapshots: Option<String>,
    /// The column of times.
    #[arg(long, value_name = "NAME", requires = "snapshots")]
    pub(crate) time_column: Option<String>,
    /// Feature columns by name, comma-separated; all (but the times) by default.
    #[arg(long, value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// i-cfm, ot-cfm, interpolant, sf2m, dsbm, dsbm-ipf, dsb, light-sb or light-sb-m.
    #[arg(long, default_value = "ot-cfm")]
    pub(crate) method: String,
    /// Optimiser steps; dsbm rounds them up to a multiple of 10, dsbm-ipf and dsb of 20.
    #[arg(long)]
    pub(crate) steps: Option<u64>,
    /// Rows of a step.
    #[arg(long)]
    pub(crate) batch_size: Option<usize>,
    /// The peak learning rate.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// The reference's standard deviation over the whole time, in standardised units (bridges).
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) sigma: Option<f64>,
    /// How the rows of a batch are paired: independent, exact, sinkhorn (regularised by 2 sigma²) or
    /// unbalanced (the same, where mass may grow or vanish); the method's own way by default.
    #[arg(long)]
    pub(crate) pairs: Option<String>,
    /// What mass that grows or vanishes costs, for unbalanced pairs, in standardised squared units.
    #[arg(long, requires = "pairs", allow_negative_numbers = true)]
    pub(crate) rho: Option<f64>,
    /// Rectify a flow of i-cfm or ot-cfm: learn it again on its own pairs, that often.
    #[arg(long, default_value_t = 0)]
    pub(crate) reflow: u64,
    /// Times of snapshots, comma-separated, or all: each is left out in turn and predicted from the
    /// others, before the bridge through all of them is learned.
    #[arg(
        long,
        value_name = "TIMES",
        value_delimiter = ',',
        requires = "snapshots",
        allow_hyphen_values = true
    )]
    pub(crate) leave_out: Vec<String>,
    /// Components of the light bridge.
    #[arg(long)]
    pub(crate) components: Option<usize>,
    /// What every random draw derives from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Threads; all cores by default. The result does not depend on it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// The folder to leave results in; made where there is none.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Replace what an earlier bridge left there.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// Carry rows along a learned bridge.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  transport carry runs/ab --data new.csv -o moved.csv
  transport carry runs/cells --data today.csv --from 1 --to 3 -o later.csv
  transport carry runs/ab --data b.csv --from 1 --to 0 -o back.csv")]
pub(crate) struct CarryArgs {
    /// The folder of a bridge.
    pub(crate) run: PathBuf,
    /// The rows, with the bridge's columns.
    #[arg(long)]
    pub(crate) data: String,
    /// The time that they are at; the first by default.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) from: Option<f64>,
    /// The time to carry them to; the last by default.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) to: Option<f64>,
    /// Noise on the way forwards of an interpolant: √(2ε) with ε this much times its blur; 0 is the
    /// flow.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) noise: f64,
    /// What the draws of a stochastic bridge derive from.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The device.
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Where to write: .csv or .npy.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
