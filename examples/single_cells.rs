//! Trajectories of cells from snapshots: one time is left out and predicted.
//!
//! cargo run --release --example single_cells -- --data eb.csv --time t --columns pc1,pc2,pc3,pc4,pc5
//!
//! For each inner time the others are learned, and the cells of the time before are carried to the
//! time left out. Printed: W₁ between prediction and the cells of that time, in standardised columns,
//! for OT-CFM, [SF]²M and DSBM, for the midpoints of the optimal plan between the neighbours
//! (straight line), for midpoints of random pairs (independent), and for the neighbours themselves.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use transport::core::device::{Space, select, to_host};
use transport::core::{Field, Interval, Noise};
use transport::data::{Scaler, Table};
use transport::kernels::Activation;
use transport::models::bridge::FlowAndScore;
use transport::models::net::{TimeMlp, TimeMlpConfig};
use transport::ot::{Coupling, cost::Euclidean, exact, weights::uniform};
use transport::sde::{Grid, OdeFlow, SdeFlow, Solver};
use transport::train::batch::Rows;
use transport::train::bridge::{
    FlowAndScoreMatching, Imf, ImfConfig, Snapshots, Source, VelocityMatching,
};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};
use transport::viz::{Frame, Points, trajectories};

const NET: TimeMlpConfig = TimeMlpConfig { width: 64, depth: 3 };
const SIGMA: f64 = 0.1;

struct Arguments {
    data: PathBuf,
    time: String,
    columns: Vec<String>,
    steps: u64,
    seeds: u64,
    figure: PathBuf,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        data: PathBuf::new(),
        time: "t".into(),
        columns: Vec::new(),
        steps: 5000,
        seeds: 3,
        figure: "single_cells.png".into(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--data" => found.data = value.into(),
            "--time" => found.time = value,
            "--columns" => found.columns = value.split(',').map(str::to_owned).collect(),
            "--steps" => found.steps = value.parse()?,
            "--seeds" => found.seeds = value.parse()?,
            "--figure" => found.figure = value.into(),
            _ => {
                return Err(format!(
                    "unknown {flag}: --data --time --columns --steps --seeds --figure"
                )
                .into());
            }
        }
    }
    Ok(found)
}

/// The cells of each time, standardised together.
struct Cells {
    times: Vec<f64>,
    rows: Vec<Vec<f64>>,
    d: usize,
}

fn read(of: &Arguments) -> Result<Cells, Box<dyn Error>> {
    let table = transport::data::read(&of.data)?.table;
    let time = table.index_of(&of.time)?;
    let columns: Vec<usize> =
        of.columns.iter().map(|c| table.index_of(c)).collect::<Result<_, _>>()?;
    let features: Table = table.select_columns(&columns);
    let scaler = Scaler::standardize(&features)?;
    let (values, d) = (scaler.transform(&features)?, scaler.output_dim());
    let mut times: Vec<f64> = (0..table.rows()).map(|r| table.row(r)[time]).collect();
    let own = times.clone();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let at = |t: &f64| {
        let rows = own.iter().zip(values.chunks_exact(d)).filter(|(own, _)| *own == t);
        rows.flat_map(|(_, row)| row.to_vec()).collect()
    };
    Ok(Cells { rows: times.iter().map(at).collect(), times, d })
}

fn source(values: &[f64], d: usize) -> Source {
    Source::Rows(Arc::new(Rows::plain(values.iter().copied(), d)))
}

fn w1(x: &[f64], y: &[f64], d: usize) -> Result<f64, Box<dyn Error>> {
    let weights = |v: &[f64]| uniform(v.len() / d);
    Ok(exact(&Euclidean::distance(x, y, d)?, &weights(x), &weights(y))?.value)
}

/// What carries a cell from one clock time to another.
enum Learned {
    Flow(TimeMlp, Vec<f64>),
    Both(FlowAndScore, Vec<f64>),
    Bridge(Box<Imf>),
}

fn learn(
    cells: &Cells,
    left: usize,
    method: &str,
    seed: u64,
    steps: u64,
    space: &Space,
) -> Result<Learned, Box<dyn Error>> {
    let d = cells.d;
    let kept: Vec<usize> = (0..cells.times.len()).filter(|k| *k != left).collect();
    let times: Vec<f64> = kept.iter().map(|k| cells.times[*k]).collect();
    let laws = kept.iter().map(|k| source(&cells.rows[*k], d)).collect();
    let train = LoopConfig { steps, batch_size: 256, shards: 1, seed, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 1e-3, ..OptimConfig::default() };
    let init = Noise::new(seed, 1).purpose("init");
    let blank = Arc::new(Rows::plain(vec![0.0; 1024 * d], d));
    Ok(match method {
        "ot-cfm" => {
            let paths = Snapshots::new(&times, laws, Coupling::Exact, 0.0)?;
            let clock = paths.clock().to_vec();
            let net = TimeMlp::new(&NET, d, 0, Activation::Selu, &init, space);
            let trainer = Trainer::new(net, VelocityMatching(paths), blank, train, optim, space);
            Learned::Flow(finished(trainer).averaged()?, clock)
        }
        "sf2m" => {
            let paths = Snapshots::new(&times, laws, Coupling::Exact, SIGMA)?;
            let clock = paths.clock().to_vec();
            let net = FlowAndScore::new(&NET, d, Activation::Selu, SIGMA, &init, space);
            let trainer =
                Trainer::new(net, FlowAndScoreMatching(paths), blank, train, optim, space);
            Learned::Both(finished(trainer).averaged()?, clock)
        }
        _ => {
            let ends = [left - 1, left + 1].map(|k| source(&cells.rows[k], d));
            let [from, to] = ends;
            let config = ImfConfig {
                sigma: 0.5,
                fits: 10,
                steps: steps / 10,
                pairs: 1000,
                simulation: 50,
                net: NET,
                activation: Activation::Selu,
            };
            Learned::Bridge(Box::new(finished(Imf::new(config, from, to, train, optim, space))))
        }
    })
}

/// The cells of the time before, carried to the time left out.
fn predict(
    learned: &Learned,
    cells: &Cells,
    left: usize,
    space: &Space,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let d = cells.d;
    let x = cells.rows[left - 1].clone();
    let n = x.len() / d;
    let start = space.tensor(x, [n, d]);
    let share = (cells.times[left] - cells.times[left - 1])
        / (cells.times[left + 1] - cells.times[left - 1]);
    let ode = |field: &dyn Field, clock: &[f64]| -> Result<Vec<f64>, Box<dyn Error>> {
        let (a, b) = (clock[left - 1], clock[left]);
        let grid = Grid::uniform(Interval { start: a, end: a + share * (b - a) }, 100)?;
        Ok(to_host(OdeFlow { field, grid, solver: Solver::Heun }.solve(start.clone())?))
    };
    match learned {
        Learned::Flow(net, clock) => ode(net, clock),
        Learned::Both(net, clock) => ode(net, clock),
        Learned::Bridge(imf) => {
            let grid = Grid::uniform(Interval { start: 0.0, end: share }, 50)?;
            let flow = SdeFlow { sde: imf.drifts(), grid, solver: Solver::EulerMaruyama };
            Ok(to_host(flow.solve(start.clone(), &Noise::new(1, n).purpose("path"))?))
        }
    }
}

/// Points part of the way along pairs of cells of the neighbouring times.
fn midpoints(cells: &Cells, left: usize, optimal: bool) -> Result<Vec<f64>, Box<dyn Error>> {
    let d = cells.d;
    let (x, y) = (&cells.rows[left - 1], &cells.rows[left + 1]);
    let (n, m) = (x.len() / d, y.len() / d);
    let share = (cells.times[left] - cells.times[left - 1])
        / (cells.times[left + 1] - cells.times[left - 1]);
    let pairs: Vec<(usize, usize)> = if optimal {
        let (a, b) = (uniform(n), uniform(m));
        let plan = exact(&Euclidean::squared(x, y, d)?, &a, &b)?;
        plan.entries.iter().map(|e| (e.source, e.target)).collect()
    } else {
        let noise = Noise::new(5, n);
        (0..n).map(|i| (i, noise.stream(i).below(m))).collect()
    };
    let point = |(i, j): (usize, usize)| {
        let pair = x[i * d..(i + 1) * d].iter().zip(&y[j * d..(j + 1) * d]);
        pair.map(|(a, b)| a + share * (b - a)).collect::<Vec<_>>()
    };
    Ok(pairs.into_iter().flat_map(point).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let of = arguments()?;
    let cells = read(&of)?;
    let space = Space::f32(&select(None)?);
    let d = cells.d;
    println!("time left out, method, W1 (mean over {} seeds)", of.seeds);
    let inner = 1..cells.times.len() - 1;
    let mut mean = std::collections::BTreeMap::<&str, f64>::new();
    for left in inner.clone() {
        let truth = &cells.rows[left];
        let mut say = |method: &'static str, value: f64| {
            println!("{}, {method}, {value:.4}", cells.times[left]);
            *mean.entry(method).or_default() += value / inner.len() as f64;
        };
        say("before", w1(&cells.rows[left - 1], truth, d)?);
        say("after", w1(&cells.rows[left + 1], truth, d)?);
        say("independent", w1(&midpoints(&cells, left, false)?, truth, d)?);
        say("straight line", w1(&midpoints(&cells, left, true)?, truth, d)?);
        for method in ["ot-cfm", "sf2m", "dsbm"] {
            let mut total = 0.0;
            for seed in 0..of.seeds {
                let learned = learn(&cells, left, method, seed, of.steps, &space)?;
                total += w1(&predict(&learned, &cells, left, &space)?, truth, d)?;
            }
            say(method, total / of.seeds as f64);
        }
    }
    mean.iter().for_each(|(method, value)| println!("mean, {method}, {value:.4}"));
    figure(&cells, &of, &space)
}

/// The flow through all times, in the first two columns.
fn figure(cells: &Cells, of: &Arguments, space: &Space) -> Result<(), Box<dyn Error>> {
    let d = cells.d;
    // No time is left out.
    let Learned::Flow(net, clock) = learn(cells, cells.times.len(), "ot-cfm", 0, of.steps, space)?
    else {
        return Err("a flow was asked for".into());
    };
    let start = cells.rows[0].clone();
    let grid = Grid::uniform(Interval::UNIT, 200)?;
    let flow = OdeFlow { field: &net, grid, solver: Solver::Heun };
    let path = flow.solve_trace(space.tensor(start.clone(), [start.len() / d, d]), &clock)?;
    let states: Vec<Vec<f64>> = path.states.into_iter().map(to_host).collect();
    let mut frames = Vec::new();
    for (t, state) in clock.iter().zip(&states) {
        frames.push(Frame { t: *t, points: Points::new(state, d)? });
    }
    let at = |state: &[f64], r: usize| (state[r * d], state[r * d + 1]);
    let paths: Vec<Vec<(f64, f64)>> =
        (0..40).map(|r| states.iter().map(|state| at(state, r)).collect()).collect();
    trajectories(&of.figure, &frames, Some(&paths), ("first", "second"))?;
    println!("wrote {}", of.figure.display());
    Ok(())
}
