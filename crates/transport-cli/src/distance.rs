//! `transport distance`.

use crate::args::DistanceArgs;
use crate::error::{CliError, unknown, unread};
use crate::output::count;
use crate::{output, train};
use serde_json::{Value, json};
use std::path::Path;
use transport_core::Noise;
use transport_data::Table;
use transport_ot::cost::Euclidean;
use transport_ot::gaussian::{Moments, bures_w2_squared};
use transport_ot::sinkhorn::divergence;
use transport_ot::sliced::{Samples, directions, max_sliced, sliced};
use transport_ot::weights::uniform;
use transport_ot::{Effort, OtError, Sinkhorn, energy_distance, exact};

const METRICS: [&str; 7] = ["w2", "w1", "sliced", "max-sliced", "sinkhorn", "bures", "energy"];

/// Random starts, tolerance and limit of the max-sliced distance.
const CLIMB: (usize, f64, usize) = (16, 1e-6, 10_000);

/// A metric's value, and what an iteration towards it took.
struct Measured {
    name: String,
    value: f64,
    effort: Option<Effort>,
}

pub(crate) fn run(args: &DistanceArgs) -> Result<(), CliError> {
    train::threads(args.threads)?;
    let names: Vec<String> = match &args.metric {
        Some(names) => names.clone(),
        None => METRICS.map(str::to_owned).to_vec(),
    };
    for name in &names {
        if !METRICS.contains(&name.as_str()) {
            return Err(unknown("metric", name, &METRICS));
        }
    }
    if args.directions == Some(0) {
        return Err(CliError::Usage("--directions 0: at least 1 belongs here".into()));
    }
    let chosen = format!("--metric {}", names.join(","));
    if !names.iter().any(|name| name == "sliced") {
        unread("--directions", args.directions, &chosen)?;
    }
    if !names.iter().any(|name| name == "sinkhorn") {
        unread("--epsilon", args.epsilon, &chosen)?;
    }
    let (x, y) = (read(&args.source, args)?, read(&args.target, args)?);
    if x.cols() != y.cols() {
        let (source, target) = (args.source.display(), args.target.display());
        let (n, m) = (count(x.cols(), "column"), y.cols());
        let message = format!("{source} has {n} and {target} has {m}: choose --columns");
        return Err(CliError::Usage(message));
    }
    let pair = Pair::new(&x, &y, args);
    let own = 0.01 * pair.mean_squared();
    // Where all rows are one point every ε gives 0.
    let epsilon = args.epsilon.unwrap_or(if own > 0.0 { own } else { 1.0 });
    let measure = |name: &String| pair.measure(name, epsilon);
    let measured = names.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        output::line(&json_of(&measured, &x, &y, epsilon).to_string());
    } else {
        print(&measured, &x, &y, epsilon);
    }
    Ok(())
}

fn read(path: &Path, args: &DistanceArgs) -> Result<Table, CliError> {
    Ok(transport_data::read(path)?.select(args.columns.as_deref(), &[])?.features)
}

/// The two samples.
struct Pair<'a> {
    x: &'a [f64],
    y: &'a [f64],
    d: usize,
    a: Vec<f64>,
    b: Vec<f64>,
    directions: usize,
    noise: Noise,
}

impl<'a> Pair<'a> {
    fn new(x: &'a Table, y: &'a Table, args: &DistanceArgs) -> Self {
        Self {
            x: x.values(),
            y: y.values(),
            d: x.cols(),
            a: uniform(x.rows()),
            b: uniform(y.rows()),
            directions: args.directions.unwrap_or(500),
            noise: Noise::new(args.seed, 1).purpose("distance"),
        }
    }

    /// `E|x − y|² = |E x − E y|² + tr Cov x + tr Cov y`.
    fn mean_squared(&self) -> f64 {
        let d = self.d;
        let moments = |points| transport_core::linalg::mean_and_covariance(points, d);
        let ((m, a), (k, b)) = (moments(self.x), moments(self.y));
        let trace = |c: &[f64]| (0..d).map(|i| c[i * d + i]).sum::<f64>();
        m.iter().zip(&k).map(|(m, k)| (m - k) * (m - k)).sum::<f64>() + trace(&a) + trace(&b)
    }

    fn exact(&self, cost: &Euclidean) -> Result<(f64, Option<Effort>), OtError> {
        let plan = exact(cost, &self.a, &self.b)?;
        Ok((plan.value.max(0.0), Some(plan.effort)))
    }

    fn measure(&self, name: &str, epsilon: f64) -> Result<Measured, OtError> {
        let (x, y, d) = (self.x, self.y, self.d);
        let samples = Samples { x, y, a: &self.a, b: &self.b, d };
        let (value, effort) = match name {
            "w2" => {
                let (squared, effort) = self.exact(&Euclidean::squared(x, y, d)?)?;
                (squared.sqrt(), effort)
            }
            "w1" => self.exact(&Euclidean::distance(x, y, d)?)?,
            "sliced" => {
                (sliced(&samples, &directions(self.directions, d, &self.noise), 2.0)?, None)
            }
            "max-sliced" => {
                let (starts, tolerance, limit) = CLIMB;
                let found = max_sliced(&samples, starts, tolerance, limit, &self.noise)?;
                let found = found.converged()?;
                (found.value, Some(found.effort))
            }
            "sinkhorn" => {
                let solver = Sinkhorn::new(epsilon).tolerance(1e-6);
                let found = divergence(&solver, [x, y], d, [&self.a, &self.b])?.converged()?;
                (found.value, Some(found.effort))
            }
            "bures" => {
                let (a, b) = (Moments::of(x, d)?, Moments::of(y, d)?);
                (bures_w2_squared(&a, &b)?.sqrt(), None)
            }
            _ => (energy_distance(x, y, d), None),
        };
        Ok(Measured { name: name.to_owned(), value, effort })
    }
}

fn print(measured: &[Measured], x: &Table, y: &Table, epsilon: f64) {
    let (n, m, d) = (x.rows(), y.rows(), x.cols());
    let (n, d) = (count(n, "row"), count(d, "column"));
    output::line(&format!("\n{n} against {m}, {d}\n"));
    let mut rows = vec![["metric", "value", "iterations", "error"].map(str::to_owned).to_vec()];
    for metric in measured {
        let (iterations, error) = metric.effort.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |e| (e.iterations.to_string(), format!("{:.1e}", e.error)),
        );
        rows.push(vec![metric.name.clone(), format!("{:.6}", metric.value), iterations, error]);
    }
    output::table(&rows);
    if measured.iter().any(|m| m.name == "sinkhorn") {
        output::line(&format!("\n  sinkhorn: epsilon {epsilon:.4e}"));
    }
}

fn json_of(measured: &[Measured], x: &Table, y: &Table, epsilon: f64) -> Value {
    let metric = |m: &Measured| {
        let (iterations, error) = (m.effort.map(|e| e.iterations), m.effort.map(|e| e.error));
        json!({ "metric": m.name, "value": m.value, "iterations": iterations, "error": error })
    };
    json!({
        "rows": [x.rows(), y.rows()],
        "columns": x.names(),
        "epsilon": epsilon,
        "metrics": measured.iter().map(metric).collect::<Vec<_>>(),
    })
}
