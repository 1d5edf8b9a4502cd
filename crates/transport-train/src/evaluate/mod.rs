//! Evaluation: samples against held-out data, beside a fitted Gaussian and the floor.

mod knn;

pub use knn::Neighbours;

use crate::bits::bits_per_dim;
use crate::config::{Config, SampleConfig};
use crate::problem::Problem;
use crate::registry::{self, Generator};
use crate::run::{Request, Run, RunError};
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space};
use transport_data::Table;
use transport_ot::{energy_distance, sliced_w2};

/// One metric: of the model's samples, of a fitted Gaussian's, and of training rows in the place
/// of samples, which is what a perfect model would score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Of the model's samples.
    pub model: f64,
    /// Of a fitted Gaussian's samples.
    pub gaussian: f64,
    /// Of training rows: the floor, where real data has one.
    pub floor: Option<f64>,
    /// What a good value looks like.
    pub good: Good,
}

/// What a good value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Good {
    /// As low as the floor.
    Low,
    /// As high as the floor.
    High,
    /// Near the floor.
    Near,
}

/// The metrics of a run on its held-out data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows held out.
    pub held_out: usize,
    /// Samples drawn from the model and from the Gaussian, and training rows for the floor.
    pub samples: usize,
    /// The metrics.
    pub metrics: Vec<Metric>,
}

/// Pairwise distances are quadratic: no sample of more rows enters them.
const MOST_ROWS: usize = 2000;
/// Rows of the training set that neighbours are sought among.
const MOST_NEIGHBOURS: usize = 10_000;
/// Directions of the sliced distance.
const DIRECTIONS: usize = 256;
/// What a neighbour classifier calls sure.
const SURE: f64 = 0.8;

/// Draws `samples` from the run and compares them with its held-out data; `None` when nothing was
/// held out.
///
/// Distances are taken in scaled units, in which no column outweighs another.
///
/// # Errors
/// [`RunError`] when the data cannot be loaded again or sampling fails.
pub fn evaluate(run: &Run, samples: usize, seed: u64) -> Result<Option<Report>, RunError> {
    let config = run.config();
    let problem = Problem::prepare(&config.data, config.train.seed)?;
    if problem.test.rows() == 0 {
        return Ok(None);
    }
    let count = samples.clamp(2, MOST_ROWS).min(problem.train.rows());
    let model = run.draw(&Request { n: count, seed, ..Request::default() })?;
    let gaussian = gaussian_samples(&problem, count, seed)?;
    let floor = problem.train.select_rows(&(0..count).collect::<Vec<_>>());
    let test = head(&problem.test, MOST_ROWS);

    let scale = |table: &Table| problem.schema.scaler.transform(table);
    let held_out = scale(&test)?;
    let clouds = [scale(&model)?, scale(&gaussian)?, scale(&floor)?];
    let d = problem.schema.scaler.output_dim();
    let noise = Noise::new(seed, 1).purpose("evaluation");
    let mut metrics = vec![
        metric("energy distance", Good::Low, |k| energy_distance(&clouds[k], &held_out, d)),
        metric("sliced W2", Good::Low, |k| sliced_w2(&clouds[k], &held_out, d, DIRECTIONS, &noise)),
    ];
    let tables = [&model, &gaussian, &floor];
    metrics.push(metric("standard deviation", Good::Near, |k| pooled_std(tables[k])));
    if let Some(labels) = &problem.labels {
        // The floor's own rows would find themselves: neighbours come from the others, and the
        // held-out rows stand for the floor.
        let train = head(&problem.train, MOST_NEIGHBOURS);
        let neighbours = Neighbours::new(&train, &labels[..train.rows()]);
        let tables = [&model, &gaussian, &test];
        let votes = tables.map(|table| neighbours.votes(table));
        metrics.push(metric("kNN sure >= 0.8", Good::High, |k| votes[k].sure(SURE)));
        metrics.push(metric("smallest class share", Good::Near, |k| votes[k].smallest_share()));
    }
    if likelihood_is_cheap(run)? {
        let contexts = (problem.rows.context_dim > 0).then(|| {
            let width = problem.rows.context_dim;
            &problem.test_contexts[..width * test.rows()]
        });
        let model = run.log_prob_of_states(&held_out, contexts)?;
        let gaussian = gaussian_log_prob(&problem, &held_out)?;
        let log_det = problem.schema.scaler.log_abs_det();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64 + log_det;
        metrics.push(Metric {
            name: "log-likelihood".to_owned(),
            model: mean(&model),
            gaussian: mean(&gaussian),
            floor: None,
            good: Good::High,
        });
        metrics.extend(bits_metric(run, &problem, &held_out, contexts, seed)?);
    }
    Ok(Some(Report { held_out: problem.test.rows(), samples: count, metrics }))
}

/// Bits per dimension, for images of whole numbers.
fn bits_metric(
    run: &Run,
    problem: &Problem,
    states: &[f64],
    contexts: Option<&[f32]>,
    seed: u64,
) -> Result<Option<Metric>, RunError> {
    let bits = |law: &dyn Generator, plan: &SampleConfig| {
        bits_per_dim(law, plan, problem, states, contexts, seed)
    };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let Some(model) = bits(run.generator(), &run.config().sample)? else { return Ok(None) };
    let (law, plan) = fitted_gaussian(problem)?;
    let Some(gaussian) = bits(&*law, &plan)? else { return Ok(None) };
    let (model, gaussian) = (mean(model), mean(gaussian));
    let (name, good) = ("bits/dim".to_owned(), Good::Low);
    Ok(Some(Metric { name, model, gaussian, floor: None, good }))
}

fn metric(name: &str, good: Good, value: impl Fn(usize) -> f64) -> Metric {
    let (model, gaussian, floor) = (value(0), value(1), Some(value(2)));
    Metric { name: name.to_owned(), model, gaussian, floor, good }
}

fn head(table: &Table, most: usize) -> Table {
    if table.rows() <= most {
        return table.clone();
    }
    table.select_rows(&(0..most).collect::<Vec<_>>())
}

/// The standard deviation of all values about their common mean.
fn pooled_std(table: &Table) -> f64 {
    let n = table.values().len() as f64;
    let mean = table.values().iter().sum::<f64>() / n;
    (table.values().iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// Most coordinates with which a density along a path, `d` derivatives a step, is still cheap.
const CHEAP_DIM: usize = 8;

fn likelihood_is_cheap(run: &Run) -> Result<bool, RunError> {
    let can = run.capabilities()?;
    Ok(can.log_prob && (!can.path || run.card().schema.scaler.output_dim() <= CHEAP_DIM))
}

/// The registry's `gaussian`, fitted to the same rows, and its configuration.
fn fitted_gaussian(problem: &Problem) -> Result<(Box<dyn Generator>, SampleConfig), RunError> {
    let entry = registry::model("gaussian")?;
    let config = Config::new(".", "gaussian")?;
    let space = Space::f32(&transport_core::device::select(None)?);
    let mut fit = entry.begin(&config, problem, &space)?;
    let _ = fit.step();
    let law = entry.open(&config, &problem.schema.shape(), &fit.weights(), &space)?;
    Ok((law, config.sample))
}

/// Its samples, taken back to data units by the same scaling.
fn gaussian_samples(problem: &Problem, n: usize, seed: u64) -> Result<Table, RunError> {
    let (law, plan) = fitted_gaussian(problem)?;
    let noise = Noise::new(seed, n).purpose("sample");
    let values = law.sample(&noise, None, &plan)?;
    let names = problem.schema.names.clone();
    Ok(Table::new(names, problem.schema.scaler.inverse(&values))?)
}

fn gaussian_log_prob(problem: &Problem, states: &[f64]) -> Result<Vec<f64>, RunError> {
    let (law, plan) = fitted_gaussian(problem)?;
    Ok(law.log_prob(states, None, &plan)?.unwrap_or_default())
}
