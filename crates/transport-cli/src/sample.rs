//! `transport sample`.

use crate::args::SampleArgs;
use crate::error::{CliError, unknown};
use crate::{figures, output, train};
use std::path::Path;
use transport_data::{Table, write_csv, write_npy};
use transport_sde::Solver;
use transport_train::config::SampleConfig;
use transport_train::{Guidance, Request, Run};

pub(crate) fn run(args: &SampleArgs) -> Result<(), CliError> {
    train::threads(args.threads)?;
    let ending = ending(&args.output)?;
    if args.n == 0 {
        return Err(transport_train::RunError::NoSamples.into());
    }
    let run = Run::open_on(&args.run, args.device.as_deref())?;
    let plan = plan(args, run.config().sample)?;
    let given = args.given.iter().map(|text| pair(text)).collect::<Result<_, _>>()?;
    let guidance = guidance(args)?;
    let request = Request { n: args.n, seed: args.seed, plan: Some(plan), given, guidance };
    let samples: Table = run.draw(&request)?;
    write(&run, &samples, ending, &args.output)?;
    output::note(&format!(
        "wrote {} of {} to {}",
        output::count(samples.rows(), "sample"),
        output::count(samples.cols(), "column"),
        args.output.display()
    ));
    Ok(())
}

/// Rows of a run, as a table or a figure.
pub(crate) fn write(run: &Run, rows: &Table, ending: Ending, path: &Path) -> Result<(), CliError> {
    match ending {
        Ending::Csv => Ok(write_csv(path, rows)?),
        Ending::Npy => Ok(write_npy(path, rows)?),
        Ending::Figure => figures::samples(run, rows, path),
    }
}

fn guidance(args: &SampleArgs) -> Result<Option<Guidance>, CliError> {
    let Some(weight) = args.guidance else { return Ok(None) };
    let interval = match args.guidance_interval.as_deref() {
        None => (0.0, 1.0),
        Some([start, end]) => (*start, *end),
        Some(_) => {
            let message = "--guidance-interval: two times, as 0.2,0.8".to_owned();
            return Err(CliError::Usage(message));
        }
    };
    Ok(Some(Guidance { weight, interval }))
}

/// What is written, as the ending of the path says.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    Csv,
    Npy,
    Figure,
}

/// The format of rows that are no picture.
pub(crate) fn table_ending(output: &Path) -> Result<Ending, CliError> {
    match ending(output)? {
        Ending::Figure => {
            let path = output.display();
            Err(CliError::Usage(format!("{path}: rows are written as .csv or .npy")))
        }
        ending => Ok(ending),
    }
}

/// The format, decided before any work is done.
pub(crate) fn ending(output: &Path) -> Result<Ending, CliError> {
    let extension = output.extension().and_then(|e| e.to_str()).map(str::to_lowercase);
    match extension.as_deref() {
        Some("csv") => Ok(Ending::Csv),
        Some("npy") => Ok(Ending::Npy),
        Some("png" | "svg") => Ok(Ending::Figure),
        // A device such as /dev/stdout has no ending; text is what a pipe can use.
        None if output.starts_with("/dev") => Ok(Ending::Csv),
        _ => Err(CliError::Usage(format!(
            "{}: the ending picks the format: .csv, .npy, .png or .svg",
            output.display()
        ))),
    }
}

fn plan(args: &SampleArgs, own: SampleConfig) -> Result<SampleConfig, CliError> {
    let solver = match &args.solver {
        None => own.solver,
        Some(name) => Solver::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = Solver::ALL.iter().map(|s| s.name()).collect();
            unknown("solver", name, &known)
        })?,
    };
    Ok(SampleConfig { solver, steps: args.steps.unwrap_or(own.steps) })
}

pub(crate) fn pair(text: &str) -> Result<(String, f64), CliError> {
    let wrong = || CliError::Usage(format!("--given {text}: expected NAME=NUMBER"));
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim().parse::<f64>().map_err(|_| wrong())?);
    if !value.is_finite() {
        return Err(CliError::Usage(format!("--given {name} = {value}: a finite number")));
    }
    Ok((name.to_owned(), value))
}
