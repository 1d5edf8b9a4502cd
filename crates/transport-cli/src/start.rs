//! Where a simulation starts: a law or data set by name, a file, or a point.

use crate::error::CliError;
use std::path::Path;
use transport_core::Noise;
use transport_core::law::{Empirical, Gaussian, PointLaw, plane};
use transport_data::Table;
use transport_train::config::DataConfig;
use transport_train::problem;

/// Particles unless told otherwise.
const PARTICLES: usize = 1000;

/// The particles at the start; a file gives its rows, or as many draws of them as asked for.
pub(crate) fn particles(name: &str, n: Option<usize>, seed: u64) -> Result<Table, CliError> {
    if n == Some(0) {
        return Err(CliError::Usage("-n 0: at least 1 particle".to_owned()));
    }
    let count = n.unwrap_or(PARTICLES);
    if let Some(point) = point(name) {
        return Ok(Table::from_rows_unnamed(point.len(), point.repeat(count))?);
    }
    let noise = Noise::new(seed, count).purpose("start");
    let named = if name == "gaussian" {
        Some(Box::new(Gaussian::standard(2)) as Box<dyn PointLaw>)
    } else {
        plane::by_name(name)
    };
    if let Some(law) = named {
        return Ok(Table::new(vec!["x".into(), "y".into()], law.draws(&noise))?);
    }
    let config = DataConfig {
        source: name.to_owned(),
        columns: None,
        context: Vec::new(),
        split: 0.0,
        validation: 0.0,
        points: count,
    };
    let rows = problem::load(&config, seed)?.select(None, &[])?.features;
    match n {
        None => Ok(rows),
        Some(_) => draws(&rows, &noise, name),
    }
}

fn draws(rows: &Table, noise: &Noise, name: &str) -> Result<Table, CliError> {
    let law = Empirical::new(rows.values().to_vec(), rows.cols())
        .map_err(|e| CliError::Usage(format!("{}: {e}", Path::new(name).display())))?;
    Ok(Table::new(rows.names().to_vec(), law.draws(noise))?)
}

/// Numbers separated by commas, all finite.
fn point(text: &str) -> Option<Vec<f64>> {
    let number = |part: &str| part.trim().parse().ok().filter(|v: &f64| v.is_finite());
    text.split(',').map(number).collect()
}
