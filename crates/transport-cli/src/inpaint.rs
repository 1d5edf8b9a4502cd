//! `transport inpaint`.

use crate::args::InpaintArgs;
use crate::error::{CliError, unknown, unread};
use crate::output::count;
use crate::sample::{ending, pair, write};
use crate::{output, places, train};
use std::path::Path;
use transport_data::{Table, read_csv_with_gaps};
use transport_sde::Solver;
use transport_sde::inverse::Method;
use transport_train::config::SampleConfig;
use transport_train::{Conditioning, Run};

pub(crate) fn run(args: &InpaintArgs) -> Result<(), CliError> {
    train::threads(args.threads)?;
    let ending = ending(&args.output)?;
    let inputs = [Some(&args.data), args.mask.as_ref()];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().map(|path| path.as_path()).collect();
    places::apart(&args.output, &inputs)?;
    let (solver, method) = (solver(&args.solver)?, method(args)?);
    let given = args.given.iter().map(|text| pair(text)).collect::<Result<_, _>>()?;
    let run = Run::open_on(&args.run, args.device.as_deref())?;
    let table = read(&args.data)?;
    let rows = match &args.mask {
        None => table,
        Some(path) => masked(&table, path, &run)?,
    };
    let how = Conditioning {
        draws: args.draws,
        seed: args.seed,
        plan: SampleConfig { solver, steps: args.steps },
        method,
        noise: args.noise,
        given,
    };
    let filled = run.impute(&rows, &how)?;
    write(&run, &filled, ending, &args.output)?;
    let gaps = rows.values().iter().filter(|v| v.is_nan()).count();
    output::note(&format!(
        "filled {} of {}, {} each: wrote {}",
        count(gaps, "gap"),
        count(rows.rows(), "row"),
        count(args.draws, "draw"),
        args.output.display()
    ));
    Ok(())
}

fn solver(name: &str) -> Result<Solver, CliError> {
    Solver::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = Solver::ALL.iter().map(|s| s.name()).collect();
        unknown("solver", name, &known)
    })
}

fn method(args: &InpaintArgs) -> Result<Method, CliError> {
    let name = args.method.as_str();
    let method = match name {
        "pigdm" => Method::PiGdm { variance: args.variance.unwrap_or(1.0), from: 0.1 },
        "dps" => Method::Dps { scale: args.scale.unwrap_or(0.5) },
        "replacement" => Method::Replacement { resample: args.resample.unwrap_or(1) },
        name => return Err(unknown("method", name, &["pigdm", "dps", "replacement"])),
    };
    if name != "replacement" {
        unread("--resample", args.resample, name)?;
    }
    if name != "dps" {
        unread("--scale", args.scale, name)?;
    }
    if name != "pigdm" {
        unread("--variance", args.variance, name)?;
    }
    Ok(method)
}

/// Text may have gaps; other files have none.
fn read(path: &Path) -> Result<Table, CliError> {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let text = [".csv", ".tsv", ".txt", ".dat", ".data"].iter().any(|end| name.ends_with(end));
    Ok(if text { read_csv_with_gaps(path)? } else { transport_data::read(path)?.table })
}

/// The rows with NaN where the mask of the model's columns is 0.
fn masked(table: &Table, path: &Path, run: &Run) -> Result<Table, CliError> {
    let mask = read(path)?;
    let names = &run.card().schema.names;
    let wrong = |reason: String| CliError::Usage(format!("{}: {reason}", path.display()));
    if mask.cols() != names.len() {
        let (found, expected) = (mask.cols(), names.len());
        let found = count(found, "column");
        return Err(wrong(format!("a mask of {found} for a model of {expected}")));
    }
    if mask.rows() != 1 && mask.rows() != table.rows() {
        let (found, rows) = (mask.rows(), table.rows());
        let (found, rows) = (count(found, "row"), count(rows, "row"));
        return Err(wrong(format!("a mask of {found} for {rows}: 1, or one for each")));
    }
    if let Some(value) = mask.values().iter().find(|v| **v != 0.0 && **v != 1.0) {
        return Err(wrong(format!("a mask holds 1 (seen) and 0 (gap), not {value}")));
    }
    let places = run.columns_in(table)?;
    let mut values = table.values().to_vec();
    for i in 0..table.rows() {
        let kept = mask.row(if mask.rows() == 1 { 0 } else { i });
        let gaps = places.iter().zip(kept).filter(|(_, kept)| **kept == 0.0);
        gaps.for_each(|(j, _)| values[i * table.cols() + j] = f64::NAN);
    }
    Ok(Table::new(table.names().to_vec(), values)?)
}
