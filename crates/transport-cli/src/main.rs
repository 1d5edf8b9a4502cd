//! The `transport` binary: arguments become a plan, the plan becomes library calls.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | what can be typed |
//! | [`train`], [`average`], [`sample`], [`inpaint`], [`density`], [`evaluate`], [`info`] | runs |
//! | [`simulate`], [`langevin`], [`fit_density`] | what needs no data |
//! | [`bridge`], [`distance`] | from one table to another |
//! | [`import`] | others' weights, and ours for others |
//! | [`start`] | where a simulation starts |
//! | [`targets`] | the densities that samplers can be pointed at, by name |
//! | [`counter`] | the bar of a loop whose length is known |
//! | [`figures`] | the pictures a run leaves |
//! | [`progress`] | the bar, or plain lines, and Ctrl-C |
//! | [`output`] | the only place that prints |
#![forbid(unsafe_code)]

mod args;
mod average;
mod bridge;
mod counter;
mod density;
mod distance;
mod error;
mod evaluate;
mod figures;
mod fit_density;
mod import;
mod info;
mod inpaint;
mod langevin;
mod output;
mod places;
mod progress;
mod sample;
mod simulate;
mod start;
mod targets;
mod train;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a run stopped by Ctrl-C, as shells report it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => whole(run(cli)),
        // Help and the version too, with exit code 0.
        Err(said) => {
            output::remember(said.print());
            whole(u8::try_from(said.exit_code()).unwrap_or(2))
        }
    }
}

/// The exit code, unless a part of the output was lost.
fn whole(code: u8) -> ExitCode {
    match output::lost() {
        Some(error) if code == 0 => {
            output::error(&format!("standard output: cannot be written: {error}"));
            ExitCode::from(1)
        }
        _ => ExitCode::from(code),
    }
}

fn run(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Sample(args) => sample::run(&args).map(|()| 0),
        Command::Inpaint(args) => inpaint::run(&args).map(|()| 0),
        Command::Density(args) => density::run(&args).map(|()| 0),
        Command::Evaluate(args) => evaluate::run(&args).map(|()| 0),
        Command::Average(args) => average::run(&args).map(|()| 0),
        Command::Simulate(args) => simulate::run(&args),
        Command::Langevin(args) => langevin::run(&args),
        Command::Bridge(args) => bridge::run(&args),
        Command::Carry(args) => bridge::carry(&args).map(|()| 0),
        Command::FitDensity(args) => fit_density::run(&args),
        Command::Distance(args) => distance::run(&args).map(|()| 0),
        Command::Import(args) => import::run(&args).map(|()| 0),
        Command::Export(args) => import::export(&args).map(|()| 0),
        Command::Info(args) => info::run(&args).map(|()| 0),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&error.to_string());
            error.code()
        }
    }
}
