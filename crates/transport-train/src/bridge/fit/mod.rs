//! From tables to a process that carries rows: what `transport bridge` runs.

mod error;
mod left_out;
mod process;
mod settings;
mod training;

pub use error::JoinError;
pub use left_out::{LeftOut, MEASURED, leave_out, w1};
pub use process::{Bridge, BridgeCard};
pub use settings::{FitConfig, Method, Pairs};

use super::{SnapshotError, Source};
use crate::batch::Rows;
use crate::trainer::StepReport;
use std::sync::Arc;
use transport_core::Space;
use transport_data::{Scaler, Table};

/// Fits a process through tables at rising times. `watch` sees each step and says whether to stop
/// there, with what has been learned so far.
///
/// Columns are those of the first table, taken by name from the others; they are standardised
/// together.
///
/// # Errors
/// [`JoinError`] when a setting, a table or a time does not fit, or training diverges.
pub fn fit(
    config: &FitConfig,
    snapshots: &[(f64, Table)],
    space: &Space,
    watch: &mut dyn FnMut(&StepReport) -> bool,
) -> Result<Bridge, JoinError> {
    check(config)?;
    let (card, laws) = prepare(config, snapshots)?;
    suits(config, laws.len())?;
    let process = training::train(config, &card, laws, space, watch)?;
    Ok(Bridge::new(card, process, space))
}

/// The settings that are numbers.
fn check(config: &FitConfig) -> Result<(), JoinError> {
    let most = "a whole number of at least 1 and at most 2^40";
    let batch = (2..=1 << 24).contains(&config.batch_size);
    let components = (1..=1 << 16).contains(&config.components);
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let ranges = [
        ("--steps", config.steps as f64, (1..=1 << 40).contains(&config.steps), most),
        ("--batch-size", config.batch_size as f64, batch, "2 to 16777216"),
        ("width", config.width as f64, (1..=1 << 16).contains(&config.width), "1 to 65536"),
        ("depth", config.depth as f64, (1..=1024).contains(&config.depth), "1 to 1024"),
        ("--components", config.components as f64, components, "1 to 65536"),
        ("--reflow", config.reflow as f64, config.reflow <= 100, "0 to 100"),
        ("--rho", config.rho, positive(config.rho), "finite and above 0"),
        ("--lr", config.lr, positive(config.lr), "finite and above 0"),
        ("--sigma", config.sigma, positive(config.sigma), "finite and above 0"),
    ];
    match ranges.into_iter().find(|(_, _, holds, _)| !holds) {
        Some((what, value, _, expected)) => Err(JoinError::Setting { what, value, expected }),
        None => Ok(()),
    }
}

/// Whether the method has these settings, and joins that many laws.
fn suits(config: &FitConfig, laws: usize) -> Result<(), JoinError> {
    let method = config.method.name();
    if config.batch_size < laws - 1 {
        let (what, value) = ("--batch-size", config.batch_size as f64);
        let expected = "at least one row for each interval between snapshots";
        return Err(JoinError::Setting { what, value, expected });
    }
    if laws > 2 && !config.method.through_many() {
        let many = Method::ALL.into_iter().filter(Method::through_many);
        let others = many.map(|m| m.name()).collect::<Vec<_>>().join(", ");
        return Err(JoinError::Many { method, found: laws, others });
    }
    if config.pairs.is_some() && config.method.pairs().is_none() {
        let (what, reason) = ("--pairs", "it makes its own pairs, or needs none");
        return Err(JoinError::Foreign { method, what, reason });
    }
    if config.pairs == Some(Pairs::Unbalanced) && !config.method.through_many() {
        let (what, reason) = ("--pairs unbalanced", "its potentials balance");
        return Err(JoinError::Foreign { method, what, reason });
    }
    if config.reflow > 0 && !(config.method.straight() && laws == 2) {
        let (what, reason) = ("--reflow", "i-cfm and ot-cfm between two tables are rectified");
        return Err(JoinError::Foreign { method, what, reason });
    }
    Ok(())
}

/// The tables in common columns and units.
fn prepare(
    config: &FitConfig,
    snapshots: &[(f64, Table)],
) -> Result<(BridgeCard, Vec<Source>), JoinError> {
    let times: Vec<f64> = snapshots.iter().map(|(t, _)| *t).collect();
    let Some((_, first)) = snapshots.first().filter(|_| snapshots.len() > 1) else {
        return Err(SnapshotError::Few { found: snapshots.len() }.into());
    };
    let names = first.names().to_vec();
    let (tables, scaler) = together(snapshots, &names)?;
    let mut laws = Vec::with_capacity(tables.len());
    for table in &tables {
        let rows = Rows::plain(scaler.transform(table)?, scaler.output_dim());
        laws.push(Source::Rows(Arc::new(rows)));
    }
    Ok((BridgeCard { config: *config, times, names, scaler }, laws))
}

/// The tables with the same columns, and their common scale.
fn together(
    snapshots: &[(f64, Table)],
    names: &[String],
) -> Result<(Vec<Table>, Scaler), JoinError> {
    let mut tables = Vec::with_capacity(snapshots.len());
    for (time, table) in snapshots {
        if table.rows() < 2 {
            return Err(JoinError::Rows { time: *time, rows: table.rows() });
        }
        tables.push(columns(table, names, *time)?);
    }
    let values = tables.iter().flat_map(|t| t.values()).copied().collect();
    let scaler = Scaler::standardize(&Table::new(names.to_vec(), values)?)?;
    Ok((tables, scaler))
}

fn columns(table: &Table, names: &[String], time: f64) -> Result<Table, JoinError> {
    let find = |name: &String| {
        let missing = |_| JoinError::Columns { time, column: name.clone() };
        table.index_of(name).map_err(missing)
    };
    Ok(table.select_columns(&names.iter().map(find).collect::<Result<Vec<_>, _>>()?))
}
