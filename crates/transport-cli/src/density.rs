//! `transport density`.

use crate::args::DensityArgs;
use crate::error::CliError;
use crate::{output, train};
use transport_data::{Table, write_csv, write_npy};
use transport_train::{Run, problem};

pub(crate) fn run(args: &DensityArgs) -> Result<(), CliError> {
    train::threads(args.threads)?;
    let write = match args.output.extension().and_then(|e| e.to_str()) {
        Some("csv") => write_csv,
        Some("npy") => write_npy,
        _ => {
            let path = args.output.display();
            let message = format!("{path}: the ending picks the format: .csv or .npy");
            return Err(CliError::Usage(message));
        }
    };
    let run = Run::open_on(&args.run, args.device.as_deref())?;
    let mut source = run.config().data.clone();
    source.source.clone_from(&args.data);
    let rows = problem::load(&source, run.config().train.seed)?.table;
    let log_prob = run.log_prob(&rows)?;
    let (mean, error) = mean_and_error(&log_prob);
    write(&args.output, &Table::new(vec!["log_prob".into()], log_prob)?)?;
    output::line(&format!("log-density: {mean:.4} ± {error:.4} nats over {} rows", rows.rows()));
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
