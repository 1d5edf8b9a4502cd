//! The figures that a run leaves.

use crate::error::CliError;
use serde_json::Value;
use std::path::Path;
use transport_data::Table;
use transport_train::problem::{Problem, Schema};
use transport_train::{Folder, Request, Run};
use transport_viz::{Frame, Grid, Points, Series};

/// Images of a grid: ten by ten.
const IMAGES: usize = 100;
/// Points of a cloud.
const CLOUD: usize = 2000;
/// Columns of a pair plot.
const PAIRED: usize = 6;
/// The six times of a trajectory.
const KNOTS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
/// Particles whose whole path is drawn.
const PATHS: usize = 40;

/// `samples.png`, `loss.png` and, in two dimensions, `transport.png`.
pub(crate) fn leave(run: &Run, folder: &Folder) -> Result<(), CliError> {
    let seed = run.config().train.seed;
    let problem = Problem::prepare(&run.config().data, seed)?;
    let count = if run.card().schema.image.is_some() { IMAGES } else { CLOUD };
    let samples = run.draw(&Request { n: count, seed, ..Request::default() })?;
    against(&run.card().schema, &problem.train, &samples, &folder.file("samples.png"))?;
    loss(folder)?;
    if run.card().schema.names.len() == 2 {
        transport(run, &folder.file("transport.png"))?;
    }
    Ok(())
}

/// A figure of samples alone.
pub(crate) fn samples(run: &Run, samples: &Table, path: &Path) -> Result<(), CliError> {
    let schema = &run.card().schema;
    let (points, names) = (points(samples)?, names(samples));
    match grid(schema) {
        Some(grid) => transport_viz::image_grid(path, points, &grid)?,
        None => {
            let axes = if samples.cols() == 1 { (0, 0) } else { (0, 1) };
            let panels = [("samples", points)];
            transport_viz::scatter(path, &panels, axes, (names[axes.0], names[axes.1]))?;
        }
    }
    Ok(())
}

fn grid(schema: &Schema) -> Option<Grid> {
    let shape = schema.image.filter(|s| s.channels == 1 || s.channels == 3)?;
    let range = schema.range.unwrap_or((0.0, 1.0));
    let (height, width, channels) = (shape.height, shape.width, shape.channels);
    Some(Grid { height, width, channels, columns: 10, range })
}

fn points(table: &Table) -> Result<Points<'_>, CliError> {
    Ok(Points::new(table.values(), table.cols())?)
}

fn names(table: &Table) -> Vec<&str> {
    table.names().iter().map(String::as_str).collect()
}

fn against(schema: &Schema, data: &Table, samples: &Table, path: &Path) -> Result<(), CliError> {
    if let Some(grid) = grid(schema) {
        return Ok(transport_viz::image_grid(path, points(samples)?, &grid)?);
    }
    let rows: Vec<usize> = (0..data.rows().min(CLOUD)).collect();
    let (data, names) = (data.select_rows(&rows), names(samples));
    let panels = [("data", points(&data)?), ("samples", points(samples)?)];
    match samples.cols() {
        1 => transport_viz::scatter(path, &panels, (0, 0), (names[0], ""))?,
        2 => transport_viz::scatter(path, &panels, (0, 1), (names[0], names[1]))?,
        d => {
            let columns: Vec<usize> = (0..d.min(PAIRED)).collect();
            let (data, samples) = (data.select_columns(&columns), samples.select_columns(&columns));
            transport_viz::pairs(path, points(&data)?, points(&samples)?, &names[..columns.len()])?;
        }
    }
    Ok(())
}

fn loss(folder: &Folder) -> Result<(), CliError> {
    let metrics = folder.metrics()?;
    let point = |line: &Value| Some((line.get("step")?.as_f64()?, line.get("loss")?.as_f64()?));
    let curve: Vec<(f64, f64)> = metrics.iter().filter_map(point).collect();
    let point =
        |line: &Value| Some((line.get("step")?.as_f64()?, line.get("validation_loss")?.as_f64()?));
    let held: Vec<(f64, f64)> = metrics.iter().filter_map(point).collect();
    let mut series = vec![Series { name: "training loss", points: &curve }];
    if !held.is_empty() {
        series.push(Series { name: "validation loss", points: &held });
    }
    Ok(transport_viz::curves(&folder.file("loss.png"), &series, "step", "loss")?)
}

/// The cloud at six times, and a few whole paths.
fn transport(run: &Run, path: &Path) -> Result<(), CliError> {
    let request = Request { n: CLOUD, seed: run.config().train.seed, ..Request::default() };
    let Some(states) = run.trace(&request, &KNOTS)? else { return Ok(()) };
    let mut frames = Vec::with_capacity(KNOTS.len());
    for (t, state) in KNOTS.iter().zip(&states) {
        frames.push(Frame { t: *t, points: points(state)? });
    }
    let fine: Vec<f64> = (0..=40).map(|k| f64::from(k) / 40.0).collect();
    let few = Request { n: PATHS, ..request };
    let states = run.trace(&few, &fine)?.unwrap_or_default();
    let at = |i: usize| states.iter().map(|s| (s.row(i)[0], s.row(i)[1])).collect::<Vec<_>>();
    let paths: Vec<Vec<(f64, f64)>> = (0..PATHS).map(at).collect();
    let names = (run.card().schema.names[0].as_str(), run.card().schema.names[1].as_str());
    Ok(transport_viz::trajectories(path, &frames, Some(&paths), names)?)
}
