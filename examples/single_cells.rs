//! Trajectories of cells from snapshots: one time is left out and predicted.
//!
//! cargo run --release --example single_cells -- --data eb.csv --time t --columns pc1,pc2,pc3,pc4,pc5
//!
//! For each inner time the others are learned, and the cells of the time before are carried to the
//! time left out. Printed: W₁ between prediction and the cells of that time, in standardised columns,
//! for each method (mean and standard deviation over seeds), for the points half of the way along the
//! optimal plan between the neighbours (straight line), along pairs at random (independent), and for
//! the neighbours themselves. `transport bridge --snapshots FILE --time-column t --leave-out all` is
//! the same for one method.

use std::error::Error;
use std::path::PathBuf;
use transport::core::Space;
use transport::core::device::select;
use transport::data::Table;
use transport::train::bridge::{FitConfig, LeftOut, Method, fit, leave_out};
use transport::viz::{Frame, Points, trajectories};

/// Paths and times of the figure.
const PATHS: usize = 60;
const FRAMES: usize = 21;

struct Arguments {
    data: PathBuf,
    time: String,
    columns: Vec<String>,
    methods: Vec<Method>,
    steps: u64,
    sigma: f64,
    seeds: u64,
    figure: PathBuf,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        data: PathBuf::new(),
        time: "t".into(),
        columns: Vec::new(),
        methods: vec![Method::OtCfm, Method::Sf2m, Method::Dsbm],
        steps: 5000,
        sigma: 0.25,
        seeds: 3,
        figure: "single_cells.png".into(),
    };
    let method = |name: &str| Method::by_name(name).ok_or_else(|| format!("no method {name}"));
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--data" => found.data = value.into(),
            "--time" => found.time = value,
            "--columns" => found.columns = value.split(',').map(str::to_owned).collect(),
            "--methods" => {
                found.methods = value.split(',').map(method).collect::<Result<_, _>>()?
            }
            "--steps" => found.steps = value.parse()?,
            "--sigma" => found.sigma = value.parse()?,
            "--seeds" => found.seeds = value.parse()?,
            "--figure" => found.figure = value.into(),
            _ => {
                let known = "--data --time --columns --methods --steps --sigma --seeds --figure";
                return Err(format!("unknown {flag}: {known}").into());
            }
        }
    }
    Ok(found)
}

/// The cells of each time.
fn read(of: &Arguments) -> Result<Vec<(f64, Table)>, Box<dyn Error>> {
    let table = transport::data::read(&of.data)?.table;
    let time = table.index_of(&of.time)?;
    let columns: Vec<usize> =
        of.columns.iter().map(|c| table.index_of(c)).collect::<Result<_, _>>()?;
    let features = table.select_columns(&columns);
    let own: Vec<f64> = (0..table.rows()).map(|r| table.row(r)[time]).collect();
    let mut times = own.clone();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let at = |t: f64| {
        let rows: Vec<usize> = (0..own.len()).filter(|r| own[*r] == t).collect();
        (t, features.select_rows(&rows))
    };
    Ok(times.into_iter().map(at).collect())
}

fn config(method: Method, of: &Arguments, seed: u64) -> FitConfig {
    FitConfig { steps: of.steps, sigma: of.sigma, seed, ..FitConfig::new(method) }
}

/// Mean and standard deviation.
fn summary(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, spread.sqrt())
}

fn main() -> Result<(), Box<dyn Error>> {
    let of = arguments()?;
    let cells = read(&of)?;
    let space = Space::f32(&select(None)?);
    println!("time left out, what predicts it, W1, its standard deviation over {} seeds", of.seeds);
    let mut means = std::collections::BTreeMap::<&str, f64>::new();
    let inner = 1..cells.len() - 1;
    for left in inner.clone() {
        let mut say = |name: &'static str, (mean, spread): (f64, f64)| {
            println!("{}, {name}, {mean:.4}, {spread:.4}", cells[left].0);
            *means.entry(name).or_default() += mean / inner.len() as f64;
        };
        let mut last: Option<LeftOut> = None;
        for method in &of.methods {
            let mut values = Vec::new();
            for seed in 0..of.seeds {
                let config = config(*method, &of, seed);
                let found = leave_out(&config, &cells, left, &space, &mut |_| false)?;
                values.push(found.predicted);
                last = Some(found);
            }
            say(method.name(), summary(&values));
        }
        let known = last.ok_or("some methods and seeds")?;
        say("straight line", (known.straight, 0.0));
        say("independent", (known.independent, 0.0));
        say("before", (known.before, 0.0));
        say("after", (known.after, 0.0));
        say("floor", (known.floor, 0.0));
    }
    means.iter().for_each(|(name, value)| println!("mean, {name}, {value:.4}"));
    figure(&cells, &of, &space)
}

/// The flow through all times, in the first two columns.
fn figure(cells: &[(f64, Table)], of: &Arguments, space: &Space) -> Result<(), Box<dyn Error>> {
    let bridge = fit(&config(Method::OtCfm, of, 0), cells, space, &mut |_| false)?;
    let (first, last) = (cells[0].0, cells[cells.len() - 1].0);
    let share = |k: usize| k as f64 / (FRAMES - 1) as f64;
    let mut knots: Vec<f64> =
        (0..FRAMES).map(|k| (1.0 - share(k)) * first + share(k) * last).collect();
    knots.extend(cells.iter().map(|(t, _)| *t));
    knots.sort_by(f64::total_cmp);
    // Not by equality: the times between are rounded.
    knots.dedup_by(|a, b| (*a - *b).abs() < 1e-9 * (last - first));
    let states = bridge.carry(&cells[0].1, first, &knots, 0)?;
    let mut frames = Vec::new();
    for (t, state) in knots.iter().zip(&states) {
        if cells.iter().any(|(own, _)| (own - t).abs() < 1e-9 * (last - first)) {
            frames.push(Frame { t: *t, points: Points::new(state.values(), state.cols())? });
        }
    }
    let at = |state: &Table, r: usize| (state.row(r)[0], state.row(r)[1]);
    let count = PATHS.min(cells[0].1.rows());
    let paths: Vec<Vec<(f64, f64)>> =
        (0..count).map(|r| states.iter().map(|state| at(state, r)).collect()).collect();
    let names = cells[0].1.names();
    trajectories(&of.figure, &frames, Some(&paths), (&names[0], &names[1]))?;
    println!("wrote {}", of.figure.display());
    Ok(())
}
