//! Evaluation: samples against held-out data, beside a fitted Gaussian and the floor.
//!
//! | file | holds |
//! |---|---|
//! | `measure` | the metrics by name |
//! | `clouds` | each metric of a cloud of points, with its bootstrap interval |
//! | `bound` | the bound of a density that is not known |
//! | `c2st` | the classifier two-sample test |
//! | `classifier` | a published classifier of MNIST digits that judges images |
//! | `pathwise` | densities along a flow by probes, and a diffusion's variational bound |
//! | `knn` | the neighbour classifier that judges labelled data |
//! | `report` | what is found |
//! | `warning` | signs of collapse |

mod bound;
mod c2st;
mod classifier;
mod clouds;
mod knn;
mod measure;
mod pathwise;
mod report;
mod warning;

pub use bound::{HeldOutBound, held_out_bound};
pub use c2st::c2st;
pub use classifier::{Classified, Classifier, ClassifierError, Judgement};
pub use knn::{Neighbours, Votes};
pub use measure::{Good, Measure, UnknownMeasure};
pub use pathwise::{HeldOutPath, Mean, held_out_path};
pub use report::{Estimate, Metric, Report};
pub use warning::Warning;

use crate::bits::bits_per_dim;
use crate::config::{Config, SampleConfig};
use crate::problem::Problem;
use crate::registry::{self, Generator, RIDGE};
use crate::run::{Request, Run, RunError};
use clouds::{Cloud, Ground, floor_is_held_out};
use transport_core::device::{DeviceError, select, to_host};
use transport_core::law::{Gaussian, PointLaw};
use transport_core::{Density, Noise, Space};
use transport_data::{DataError, Scaler, Table};
use transport_ot::discrepancy::median_distance;

/// What to measure, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Samples to draw and compare.
    pub samples: usize,
    /// What draws derive from.
    pub seed: u64,
    /// The metrics, in the order of the report; those that make no sense are left out.
    pub measures: Vec<Measure>,
}

impl Default for Options {
    fn default() -> Self {
        Self { samples: 1000, seed: 0, measures: Measure::ALL.to_vec() }
    }
}

/// Tables that cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Another number of columns.
    #[error("the {what} have {found} columns where the training rows have {expected}")]
    Columns {
        /// Which table.
        what: &'static str,
        /// Columns of the training rows.
        expected: usize,
        /// Its columns.
        found: usize,
    },
    /// Too few rows.
    #[error("the {what} are {found}: a comparison needs at least 2 rows")]
    Rows {
        /// Which table.
        what: &'static str,
        /// Its rows.
        found: usize,
    },
    /// Labels that are not one for each training row.
    #[error("{found} labels for {expected} training rows")]
    Labels {
        /// Training rows.
        expected: usize,
        /// Labels.
        found: usize,
    },
    /// The scaling.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No device for the classifier of the two-sample test.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Distances between pairs are quadratic: no sample of more rows enters them.
const MOST_ROWS: usize = 2000;
/// Rows of the training set that neighbours are sought among.
const MOST_NEIGHBOURS: usize = 10_000;

/// Draws `samples` from the run and compares them with its held-out data by every metric; `None`
/// when nothing was held out.
///
/// # Errors
/// [`RunError`] when the data cannot be loaded again or sampling fails.
pub fn evaluate(run: &Run, samples: usize, seed: u64) -> Result<Option<Report>, RunError> {
    evaluate_with(run, &Options { samples, seed, ..Options::default() })
}

/// [`evaluate`] with a choice of metrics.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with(run: &Run, options: &Options) -> Result<Option<Report>, RunError> {
    let problem = run.problem()?;
    if problem.test.rows() == 0 {
        return Ok(None);
    }
    let n = options.samples.clamp(2, MOST_ROWS).min(problem.train.rows());
    let samples = run.draw(&Request { n, seed: options.seed, ..Request::default() })?;
    let sides = Sides {
        samples: &samples,
        test: &head(&problem.test, MOST_ROWS),
        train: &problem.train,
        labels: problem.labels.as_deref(),
        scaler: &problem.schema.scaler,
    };
    let log_prob = |held_out: &[f64]| -> Result<Option<Vec<f64>>, RunError> {
        if !likelihood_is_cheap(run)? {
            return Ok(None);
        }
        let width = problem.rows.context_dim;
        let contexts = &problem.test_contexts[..width * sides.test.rows()];
        run.log_prob_of_states(held_out, (width > 0).then_some(contexts)).map(Some)
    };
    let mut report = judge(&sides, options, log_prob)?;
    report.held_out = problem.test.rows();
    if options.measures.contains(&Measure::BitsPerDim) {
        let before = options.measures.iter().take_while(|m| **m != Measure::BitsPerDim);
        let before: Vec<Measure> = before.copied().collect();
        let at = report.metrics.iter().filter(|m| before.contains(&m.measure)).count();
        let found = bits(run, &problem, sides.test, options.seed)?;
        found.into_iter().for_each(|metric| report.metrics.insert(at, metric));
    }
    Ok(Some(report))
}

/// Bits per dimension, for images of whole numbers under a model with a density; rows that leave a
/// pixel which was constant in training have no chance and are left out.
fn bits(run: &Run, problem: &Problem, test: &Table, seed: u64) -> Result<Option<Metric>, RunError> {
    let (scaler, width) = (&problem.schema.scaler, problem.rows.context_dim);
    let on = on_support(scaler, test);
    let states = scaler.transform(&test.select_rows(&on))?;
    let row = |i: &usize| problem.test_contexts[i * width..(i + 1) * width].iter().copied();
    let contexts: Vec<f32> = on.iter().flat_map(row).collect();
    let contexts = (width > 0).then_some(&contexts[..]);
    let of = |law: &dyn Generator, plan: &SampleConfig| {
        bits_per_dim(law, plan, problem, &states, contexts, seed)
    };
    if !likelihood_is_cheap(run)? {
        return Ok(None);
    }
    let model = of(run.generator(), &run.config().sample)?;
    let Some(model) = model else { return Ok(None) };
    let (law, plan) = fitted_gaussian(problem)?;
    let Some(gaussian) = of(&*law, &plan)? else { return Ok(None) };
    let noise = Noise::new(seed, 1).purpose("evaluation");
    let mean = |values: Vec<f64>| clouds::mean(values, &noise).into();
    let (model, gaussian, measure) = (mean(model), mean(gaussian), Measure::BitsPerDim);
    let (name, good) = (measure.title().to_owned(), measure.good());
    Ok(Some(Metric { measure, name, model, gaussian, floor: None, good }))
}

/// The rows that hold the constant of each column which was constant in training.
fn on_support(scaler: &Scaler, table: &Table) -> Vec<usize> {
    (0..table.rows()).filter(|i| scaler.off_support(table.row(*i)).is_none()).collect()
}

/// The registry's `gaussian`, fitted to the same rows.
fn fitted_gaussian(problem: &Problem) -> Result<(Box<dyn Generator>, SampleConfig), RunError> {
    let entry = registry::model("gaussian")?;
    let config = Config::new(".", "gaussian")?;
    let space = Space::f32(&select(None)?);
    let mut fit = entry.begin(&config, problem, &space)?;
    let _ = fit.step();
    let law = entry.open(&config, &problem.schema.shape(), &fit.weights(), &space)?;
    Ok((law, config.sample))
}

/// Compares samples with held-out rows, wherever they came from: every metric but the likelihood.
///
/// The training rows fit the Gaussian beside the samples, stand for the floor and set the scale of
/// the columns; `labels` are their classes, where they have some.
///
/// # Errors
/// [`CompareError`] when the tables do not fit each other.
///
/// # Example
/// ```
/// use transport_core::Noise;
/// use transport_data::Table;
/// use transport_train::evaluate::{Measure, Options, compare};
/// let draw = |seed| Table::from_rows_unnamed(2, Noise::new(seed, 200).normal_values(2)).unwrap();
/// let options = Options { measures: vec![Measure::Energy], ..Options::default() };
/// let report = compare(&draw(0), &draw(1), &draw(2), None, &options).unwrap();
/// assert!(report.metrics[0].model.value < 0.05);
/// ```
pub fn compare(
    samples: &Table,
    test: &Table,
    train: &Table,
    labels: Option<&[f64]>,
    options: &Options,
) -> Result<Report, CompareError> {
    for (what, table) in [("samples", samples), ("held-out rows", test), ("training rows", train)] {
        let (expected, found) = (train.cols(), table.cols());
        if found != expected {
            return Err(CompareError::Columns { what, expected, found });
        }
        if table.rows() < 2 {
            return Err(CompareError::Rows { what, found: table.rows() });
        }
    }
    if let Some(found) = labels.map(<[f64]>::len).filter(|found| *found != train.rows()) {
        return Err(CompareError::Labels { expected: train.rows(), found });
    }
    let n = options.samples.clamp(2, MOST_ROWS).min(train.rows());
    let (samples, test) = (&head(samples, n), &head(test, MOST_ROWS));
    let scaler = &Scaler::standardize(train)?;
    judge(&Sides { samples, test, train, labels, scaler }, options, |_| Ok(None))
}

/// Both sides of a comparison.
struct Sides<'a> {
    samples: &'a Table,
    test: &'a Table,
    train: &'a Table,
    labels: Option<&'a [f64]>,
    scaler: &'a Scaler,
}

/// The report; `log_prob` is the model's log-density of scaled held-out rows, where it has one.
///
/// Distances are taken in scaled units, in which no column outweighs another.
fn judge<E: From<CompareError>>(
    sides: &Sides,
    options: &Options,
    log_prob: impl Fn(&[f64]) -> Result<Option<Vec<f64>>, E>,
) -> Result<Report, E> {
    let Sides { samples, test, train, labels, scaler } = *sides;
    let (n, d) = (samples.rows(), scaler.output_dim());
    let scale = |table: &Table| scaler.transform(table).map_err(CompareError::from);
    let near = head(train, MOST_NEIGHBOURS);
    let (held_out, noise) = (scale(test)?, Noise::new(options.seed, 1).purpose("evaluation"));
    let ground = Ground {
        bandwidth: median_distance(&held_out, d),
        training: scale(&near)?,
        judge: labels.map(|labels| Neighbours::new(&near, &labels[..near.rows()])),
        held_out,
        d,
        noise,
    };
    // The ridge makes any finite covariance positive definite.
    let law = Gaussian::fit(&scale(train)?, d, RIDGE).unwrap_or_else(|_| Gaussian::standard(d));
    let draws = law.draws(&Noise::new(options.seed, n).purpose("gaussian"));
    let gaussian = Table::new(train.names().to_vec(), scaler.inverse(&draws));
    let gaussian = gaussian.map_err(CompareError::from)?;
    let floor = head(train, n);
    let cloud = |table| Ok::<_, CompareError>(Cloud::new(table, scale(table)?, &ground));
    let (model, gaussian) = (cloud(samples)?, cloud(&gaussian)?);
    let (floor, fresh) = (cloud(&floor)?, cloud(test)?);

    let mut metrics = Vec::new();
    for measure in options.measures.iter().copied() {
        let found = if measure == Measure::LogLikelihood {
            log_prob(&ground.held_out)?
                .map(|values| likelihood(values, &law, &ground, &scaler.log_abs_dets(test)))
                .transpose()?
        } else {
            let floor = if floor_is_held_out(measure) { &fresh } else { &floor };
            let of = |cloud| ground.measure(measure, cloud).map_err(CompareError::from);
            of(&model)?.zip(of(&gaussian)?).zip(Some(of(floor)?)).map(
                |((model, gaussian), floor)| {
                    (model.into(), gaussian.into(), floor.map(Estimate::from))
                },
            )
        };
        let (name, good) = (measure.title().to_owned(), measure.good());
        metrics.extend(found.map(|(model, gaussian, floor)| Metric {
            measure,
            name,
            model,
            gaussian,
            floor,
            good,
        }));
    }
    let warnings = warning::signs(&model, &floor, &ground, &metrics);
    Ok(Report { held_out: test.rows(), samples: n, metrics, warnings })
}

/// The mean log-densities of held-out rows, of the model and of the Gaussian, in data units.
fn likelihood(
    values: Vec<f64>,
    law: &Gaussian,
    ground: &Ground,
    log_dets: &[f64],
) -> Result<(Estimate, Estimate, Option<Estimate>), CompareError> {
    let device = select(None)?;
    let rows = ground.held_out.len() / ground.d;
    let space = Space::f32(&device);
    let points = space.tensor(ground.held_out.clone(), [rows, ground.d]);
    let mean = |values: Vec<f64>| {
        let shifted = values.iter().zip(log_dets).map(|(v, log_det)| v + log_det);
        ground.mean(shifted.collect()).into()
    };
    Ok((mean(values), mean(to_host(law.log_prob(points))), None))
}

fn head(table: &Table, most: usize) -> Table {
    if table.rows() <= most {
        return table.clone();
    }
    table.select_rows(&(0..most).collect::<Vec<_>>())
}

/// Most coordinates with which a density along a path, `d` derivatives a step, is still cheap.
const CHEAP_DIM: usize = 8;

fn likelihood_is_cheap(run: &Run) -> Result<bool, RunError> {
    let can = run.capabilities()?;
    Ok(can.log_prob && (!can.path || run.card().schema.scaler.output_dim() <= CHEAP_DIM))
}
