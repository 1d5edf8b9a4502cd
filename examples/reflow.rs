//! Rectified flow, round by round: what the pairs cost, how straight the flow is, and one step.
//!
//! cargo run --release --example reflow -- --task 8gaussians-moons --rounds 3 --steps 10000 --out DIR
//!
//! Round 0 learns from independent pairs, round k from the pairs (x₀, Φ(x₀)) of round k − 1, 50,000 of
//! them, new ones each time. Printed for each round, on the same 5000 starts:
//!
//! cost p     E|x₁ − x₀|ᵖ of the flow's own pairs, p = 1, 2, 4; with the standard error of its change
//!            from the round before in brackets (for round 0: from independent pairs)
//! S          ∫E‖(x₁ − x₀) − v‖² dt, 0 for straight paths
//! W2         between 5000 ends and 5000 draws of the target, by 100 steps of Euler's method, by one,
//!            and by a network distilled from the round's pairs into one step; floor: two draws
//!
//! Leaves a figure of the paths of the first and the last round.

#[path = "bench_2d/laws.rs"]
mod laws;

use laws::{DEFINITIONS, Task, draws, tasks};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use transport::core::device::{Space, select, to_host};
use transport::core::{Field, Interval, Noise};
use transport::kernels::Activation;
use transport::models::net::{TimeMlp, TimeMlpConfig};
use transport::ot::{Coupling, assignment, cost::Euclidean};
use transport::sde::{Grid, OdeFlow, Solver};
use transport::train::batch::Rows;
use transport::train::bridge::{
    Conditional, Coupled, Distillation, Ends, Source, VelocityMatching, rectified, straightness,
    transported,
};
use transport::train::objective::Objective;
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};
use transport::viz::{Frame, Points, trajectories};

const NET: TimeMlpConfig = TimeMlpConfig { width: 64, depth: 3 };
const POWERS: [f64; 3] = [1.0, 2.0, 4.0];
/// Points of a measurement, and pairs of a round.
const POINTS: usize = 5000;
const PAIRS: usize = 50_000;
/// Paths of the figure.
const PATHS: usize = 60;

struct Arguments {
    task: String,
    rounds: u64,
    steps: u64,
    seed: u64,
    out: PathBuf,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        task: "8gaussians-moons".into(),
        rounds: 3,
        steps: 10_000,
        seed: 0,
        out: PathBuf::from("reflow"),
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--task" => found.task = value,
            "--rounds" => found.rounds = value.parse()?,
            "--steps" => found.steps = value.parse()?,
            "--seed" => found.seed = value.parse()?,
            "--out" => found.out = value.into(),
            _ => return Err(format!("unknown {flag}: --task --rounds --steps --seed --out").into()),
        }
    }
    Ok(found)
}

fn trained<O: Objective<TimeMlp>>(
    net: TimeMlp,
    objective: O,
    rows: Arc<Rows>,
    of: &Arguments,
    space: &Space,
) -> Result<TimeMlp, Box<dyn Error>> {
    let train = LoopConfig {
        steps: of.steps,
        batch_size: 512,
        shards: 1,
        seed: of.seed,
        ..LoopConfig::default()
    };
    let optim = OptimConfig { lr: 2e-3, ..OptimConfig::default() };
    Ok(finished(Trainer::new(net, objective, rows, train, optim, space)).averaged()?)
}

fn w2(x: &[f64], y: &[f64]) -> Result<f64, Box<dyn Error>> {
    Ok(assignment(&Euclidean::squared(x, y, 2)?)?.value.sqrt())
}

/// `|x₁ − x₀|` of each pair.
fn lengths(x0: &[f64], x1: &[f64]) -> Vec<f64> {
    let pairs = x0.chunks_exact(2).zip(x1.chunks_exact(2));
    pairs.map(|(a, b)| (b[0] - a[0]).hypot(b[1] - a[1])).collect()
}

/// The mean of a power of the lengths, and the standard error of its change.
fn cost(now: &[f64], before: &[f64], power: f64) -> (f64, f64) {
    let n = now.len() as f64;
    let raised = |v: &f64| v.powf(power);
    let changes: Vec<f64> = now.iter().zip(before).map(|(a, b)| raised(a) - raised(b)).collect();
    let mean = changes.iter().sum::<f64>() / n;
    let spread = changes.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / (n - 1.0);
    (now.iter().map(raised).sum::<f64>() / n, (spread / n).sqrt())
}

fn figure(
    path: PathBuf,
    net: &TimeMlp,
    start: &[f64],
    space: &Space,
) -> Result<(), Box<dyn Error>> {
    let times: Vec<f64> = (0..=20).map(|k| f64::from(k) / 20.0).collect();
    let grid = Grid::uniform(Interval::UNIT, 100)?;
    let flow = OdeFlow { field: net, grid, solver: Solver::Heun };
    let some = &start[..4000];
    let path_of = flow.solve_trace(space.tensor(some.to_vec(), [2000, 2]), &times)?;
    let states: Vec<Vec<f64>> = path_of.states.into_iter().map(to_host).collect();
    let mut frames = Vec::new();
    for k in [0, 5, 10, 15, 20] {
        frames.push(Frame { t: times[k], points: Points::new(&states[k], 2)? });
    }
    let at = |state: &[f64], r: usize| (state[2 * r], state[2 * r + 1]);
    let paths: Vec<Vec<(f64, f64)>> =
        (0..PATHS).map(|r| states.iter().map(|state| at(state, r)).collect()).collect();
    trajectories(&path, &frames, Some(&paths), ("x", "y"))?;
    println!("wrote {}", path.display());
    Ok(())
}

fn study(task: &Task, of: &Arguments) -> Result<(), Box<dyn Error>> {
    let space = Space::f32(&select(None)?);
    let cloud = |law, name: &str| draws(law, of.seed, name, POINTS);
    let (start, test) = (cloud(&task.source, "start"), cloud(&task.target, "test"));
    let floor = w2(&cloud(&task.target, "other"), &test)?;
    let x = space.tensor(start.clone(), [POINTS, 2]);
    let optimal = assignment(&Euclidean::squared(&start, &test, 2)?)?;
    let map = optimal.targets.iter().flat_map(|j| test[2 * j..2 * j + 2].to_vec());
    let best = lengths(&start, &map.collect::<Vec<_>>());
    let mut before = lengths(&start, &test);
    let words = |now: &[f64], before: &[f64]| {
        let each = POWERS.map(|p| cost(now, before, p));
        each.map(|(mean, error)| format!("{mean:.3} ({error:.3})")).join(", ")
    };
    println!("pairs, cost 1, cost 2, cost 4, S, W2 100 steps, W2 1 step, W2 distilled, floor");
    println!("independent, {}", words(&before, &before));

    let init = |name: &str| Noise::new(of.seed, 1).purpose("init").purpose(name);
    let blank = |name: &str| TimeMlp::new(&NET, 2, 0, Activation::Selu, &init(name), &space);
    let path = Conditional::Straight { sigma: 0.0 };
    let source = Source::Law(Arc::clone(&task.source));
    let pairing = Coupling::Independent.into();
    let drawn = Ends::Drawn { source: source.clone(), pairing };
    let mut rows = Arc::new(Rows::plain(draws(&task.target, of.seed, "train", 4 * PAIRS), 2));
    let (mut ends, mut net) = (drawn, blank("flow"));
    for round in 0..=of.rounds {
        net = trained(net, VelocityMatching(Coupled { ends, path }), rows, of, &space)?;
        let noise = Noise::new(of.seed, PAIRS).purpose("reflow").at_step(round);
        rows = Arc::new(rectified(&net, &source, &noise, &space)?);
        let student = trained(blank("student"), Distillation, Arc::clone(&rows), of, &space)?;
        let end = |field: &dyn Field, steps| to_host(transported(field, x.clone(), steps).end);
        let far = end(&net, 100);
        let now = lengths(&start, &far);
        let bend = to_host(straightness(&net, x.clone(), 100)).iter().sum::<f64>() / POINTS as f64;
        println!(
            "round {round}, {}, {bend:.4}, {:.3}, {:.3}, {:.3}, {floor:.3}",
            words(&now, &before),
            w2(&far, &test)?,
            w2(&end(&net, 1), &test)?,
            w2(&end(&student, 1), &test)?,
        );
        if round == 0 || round == of.rounds {
            figure(of.out.join(format!("round_{round}.png")), &net, &start, &space)?;
        }
        (before, ends) = (now, Ends::Given);
    }
    println!("optimal for p = 2, {}", words(&best, &before));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let of = arguments()?;
    for (name, definition) in DEFINITIONS {
        println!("{name:<11} {definition}");
    }
    std::fs::create_dir_all(&of.out)?;
    for task in tasks(std::slice::from_ref(&of.task))? {
        println!("\n{}", task.name);
        study(&task, &of)?;
    }
    Ok(())
}
