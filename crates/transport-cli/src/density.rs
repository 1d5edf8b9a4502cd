//! `transport density`.

use crate::args::DensityArgs;
use crate::error::{CliError, unread};
use crate::output::count;
use crate::{output, places, train};
use std::path::Path;
use transport_data::{DataError, Table, write_csv, write_npy};
use transport_sde::likelihood::{Hutchinson, Probe, Variational};
use transport_train::registry::Estimated;
use transport_train::{Run, problem};

pub(crate) fn run(args: &DensityArgs) -> Result<(), CliError> {
    train::threads(args.threads)?;
    let write: Write = match args.output.extension().and_then(|e| e.to_str()) {
        Some("csv") => write_csv,
        Some("npy") => write_npy,
        _ => {
            let path = args.output.display();
            let message = format!("{path}: the ending picks the format: .csv or .npy");
            return Err(CliError::Usage(message));
        }
    };
    places::apart(&args.output, &[Path::new(&args.data)])?;
    let run = Run::open_on(&args.run, args.device.as_deref())?;
    let mut source = run.config().data.clone();
    source.source.clone_from(&args.data);
    let rows = problem::load(&source, run.config().train.seed)?.table;
    if run.bounds_density()? {
        if args.probes.is_some() {
            let model = &run.config().model.name;
            let message =
                format!("--probes: `{model}` has a bound by --draws, and no path to probe");
            return Err(CliError::Usage(message));
        }
        return bound(args, &run, &rows, write);
    }
    if let Some(probes) = args.probes {
        unread("--draws", args.draws, "--probes")?;
        let trace = Hutchinson::new(Probe::Rademacher, probes)
            .map_err(|e| CliError::Usage(format!("--probes {probes}: {e}")))?;
        let (plan, seed) = (run.config().sample, run.config().train.seed);
        let found = run.log_prob_estimate(&rows, trace, plan, seed)?;
        return estimated(args, &run, found, ["log_prob", "log-density ="], write);
    }
    if args.bound {
        let draws = args.draws.unwrap_or(DRAWS);
        let levels = Variational::whole(draws)
            .map_err(|e| CliError::Usage(format!("--draws {draws}: {e}")))?;
        let found = run.variational_bound(&rows, levels, run.config().train.seed)?;
        return estimated(args, &run, found, ["log_prob_bound", "log-density ≥"], write);
    }
    if run.capabilities()?.log_prob {
        unread("--draws", args.draws, "a density that is known")?;
    }
    let log_prob = run.log_prob(&rows)?;
    let finite: Vec<f64> = log_prob.iter().copied().filter(|v| v.is_finite()).collect();
    write(&args.output, &Table::new(vec!["log_prob".into()], log_prob)?)?;
    if !finite.is_empty() {
        let ((mean, error), over) = (mean_and_error(&finite), count(finite.len(), "row"));
        output::line(&format!("log-density: {mean:.4} ± {error:.4} nats over {over}"));
    }
    off_support(&run, &rows)?;
    output::note(&format!("wrote {}", args.output.display()));
    Ok(())
}

/// Says which rows have no density, and why.
fn off_support(run: &Run, rows: &Table) -> Result<(), CliError> {
    let schema = &run.card().schema;
    let features = rows.select_columns(&run.columns_in(rows)?);
    let left = |i: usize| schema.scaler.off_support(features.row(i)).map(|j| (i, j));
    let off: Vec<(usize, usize)> = (0..features.rows()).filter_map(left).collect();
    if let Some((i, j)) = off.first() {
        output::note(&format!(
            "{} of {} rows have log-density −∞: they leave a column that was constant in training \
             (row {}, column `{}`)",
            off.len(),
            features.rows(),
            i + 1,
            schema.names[*j],
        ));
    }
    Ok(())
}

/// Draws a row unless told otherwise.
const DRAWS: usize = 64;

type Write = fn(&Path, &Table) -> Result<(), DataError>;

/// Estimates with an error for each row.
fn estimated(
    args: &DensityArgs,
    run: &Run,
    found: Option<Estimated>,
    [name, says]: [&str; 2],
    write: Write,
) -> Result<(), CliError> {
    let model = &run.config().model.name;
    let found = found.ok_or_else(|| {
        let asked = if args.bound { "--bound" } else { "--probes" };
        CliError::Usage(format!("{asked}: `{model}` follows no path of that kind"))
    })?;
    let pairs = found.values.iter().zip(&found.std_errs).flat_map(|(v, e)| [*v, *e]).collect();
    write(&args.output, &Table::new(vec![name.to_owned(), "std_err".to_owned()], pairs)?)?;
    let finite: Vec<f64> = found.values.iter().copied().filter(|v| v.is_finite()).collect();
    let (mean, error) = mean_and_error(&finite);
    let rows = found.values.iter().zip(&found.std_errs).filter(|(v, _)| v.is_finite());
    let squares: f64 = rows.map(|(_, e)| e * e).sum();
    let own = squares.sqrt() / finite.len().max(1) as f64;
    output::line(&format!(
        "{says} {mean:.4} ± {error:.4} nats over {} (± {own:.4} of it from the estimate)",
        count(finite.len(), "row")
    ));
    if finite.len() < found.values.len() {
        let off = found.values.len() - finite.len();
        output::note(&format!("{off} rows leave a column that was constant in training: −∞ each"));
    }
    output::note(&format!("wrote {}", args.output.display()));
    Ok(())
}

/// A bound where the model has one in the place of a density.
fn bound(args: &DensityArgs, run: &Run, rows: &Table, write: Write) -> Result<(), CliError> {
    let draws = args.draws.unwrap_or(DRAWS);
    if draws == 0 {
        let message = "--draws is 0: a whole number of at least 1".to_owned();
        return Err(CliError::Usage(message));
    }
    let bound = run.log_prob_bound(rows, draws, run.config().train.seed)?;
    let names = vec!["log_prob_bound".to_owned(), "std_err".to_owned()];
    let pairs = bound.values.iter().zip(&bound.std_errs).flat_map(|(v, e)| [*v, *e]);
    write(&args.output, &Table::new(names, pairs.collect())?)?;
    let finite: Vec<f64> = bound.values.iter().copied().filter(|v| v.is_finite()).collect();
    let (mean, error) = mean_and_error(&finite);
    let what = if bound.discrete { "log-probability" } else { "log-density" };
    output::line(&format!(
        "{what} ≥ {mean:.4} ± {error:.4} nats over {} ({} a row)",
        count(finite.len(), "row"),
        count(draws, "draw")
    ));
    if finite.len() < rows.rows() {
        let off = rows.rows() - finite.len();
        output::note(&format!("{off} rows leave a column that was constant in training: −∞ each"));
    }
    if bound.discrete {
        let d = run.card().schema.names.len() as f64;
        let bits = |nats: f64| nats / (d * std::f64::consts::LN_2);
        output::line(&format!("bits/dim ≤ {:.4} ± {:.4}", -bits(mean), bits(error)));
    }
    output::note(&format!("wrote {}", args.output.display()));
    Ok(())
}

/// The mean and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}
