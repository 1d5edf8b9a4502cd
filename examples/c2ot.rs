//! Conditional transport: plain minibatch couplings fail with labels, C²OT does not.
//!
//! cargo run --release --example c2ot -- --steps 10000 --seeds 3
//!
//! Eight Gaussians to two moons. Two kinds of context: the moon that a point lies on (discrete), and
//! its first coordinate (continuous). With plain optimal pairs a context is seen together with a part
//! of the source alone, while at the time of use every start meets every context. Printed for each
//! coupling, over seeds:
//!
//! W2 given     discrete: the mean over both moons of W2 between 3000 ends of new starts under that
//!              context and 3000 draws of that moon. Continuous: W2 between 3000 triples
//!              (end, context) and as many true ones, contexts from the target
//! floor        the same between two sets of true points
//! start gap    |E[x₀ | context] − E[x₀]| in training batches, 0 where starts and contexts are
//!              independent (over both moons, or above and below the middle)
//! energy       ∫E‖v‖² dt: what the flow costs

#[path = "bench_2d/laws.rs"]
mod laws;

use burn::tensor::Tensor;
use laws::{DEFINITIONS, draws, tasks};
use std::error::Error;
use std::f64::consts::PI;
use std::sync::Arc;
use transport::core::device::{Space, select, to_host};
use transport::core::law::PointLaw;
use transport::core::{Field, Noise, Times};
use transport::kernels::Activation;
use transport::models::net::{TimeMlp, TimeMlpConfig};
use transport::ot::{Coupling, assignment, cost::Euclidean};
use transport::train::batch::Rows;
use transport::train::bridge::{
    Conditional, Coupled, Ends, Pairing, Source, VelocityMatching, transported,
};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};

const NET: TimeMlpConfig = TimeMlpConfig { width: 64, depth: 3 };
const ROWS: usize = 100_000;
const POINTS: usize = 3000;
const BATCH: usize = 256;

/// What a point's context is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Discrete,
    Continuous,
}

/// Points of the moons (the benchmark's, whose half circles they are) with their contexts.
fn moons(kind: Kind, seed: u64, purpose: &str, n: usize) -> (Vec<f64>, Vec<f64>) {
    let noise = Noise::new(seed, n).purpose("moons").purpose(purpose);
    let (mut points, mut contexts) = (Vec::new(), Vec::new());
    for i in 0..n {
        let mut stream = noise.stream(i);
        let side = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let (sin, cos) = (PI * stream.uniform()).sin_cos();
        let (x, y) = if side < 0.0 { (1.0 - cos, 0.5 - sin) } else { (cos, sin) };
        let (a, b) = stream.normal_pair();
        let point = [3.0 * x - 1.0 + 0.6 * a, 3.0 * y - 1.0 + 0.6 * b];
        contexts.push(if kind == Kind::Discrete { side } else { point[0] / 3.0 });
        points.extend(point);
    }
    (points, contexts)
}

/// A network under given contexts.
struct Given<'a> {
    net: &'a TimeMlp,
    context: Tensor<2>,
}

impl Field for Given<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.net.forward(x, t, Some(&self.context))
    }
}

fn w2(x: &[f64], y: &[f64], d: usize) -> Result<f64, Box<dyn Error>> {
    Ok(assignment(&Euclidean::squared(x, y, d)?)?.value.max(0.0).sqrt())
}

/// The rows of one context.
fn of(side: f64, points: &[f64], contexts: &[f64]) -> Vec<f64> {
    let rows = points.chunks_exact(2).zip(contexts).filter(|(_, c)| **c == side);
    rows.flat_map(|(row, _)| row.to_vec()).collect()
}

/// The distance of points under contexts from others.
fn distance(kind: Kind, x: (&[f64], &[f64]), y: (&[f64], &[f64])) -> Result<f64, Box<dyn Error>> {
    if kind == Kind::Discrete {
        let each = [1.0, -1.0].map(|side| w2(&of(side, x.0, x.1), &of(side, y.0, y.1), 2));
        let [a, b] = each;
        return Ok(0.5 * (a? + b?));
    }
    let joint = |(points, contexts): (&[f64], &[f64])| -> Vec<f64> {
        // The context in the points' own units.
        let rows = points.chunks_exact(2).zip(contexts);
        rows.flat_map(|(row, c)| [row[0], row[1], 3.0 * c]).collect()
    };
    w2(&joint(x), &joint(y), 3)
}

/// How far the starts that meet a context are from all of them.
fn start_gap(pairing: &Pairing, source: &Source, kind: Kind) -> Result<f64, Box<dyn Error>> {
    let (mut sums, batches) = ([[0.0; 2]; 2], 40u64);
    for k in 0..batches {
        let noise = Noise::new(k, BATCH);
        let starts = source.draws(&noise.purpose("start"));
        let (ends, contexts) = moons(kind, k, "gap", BATCH);
        let rows = pairing.pairs(&starts, &ends, Some(&contexts), 2, &noise)?;
        for (start, row) in starts.chunks_exact(2).zip(rows) {
            let middle = if kind == Kind::Discrete { 0.0 } else { 1.0 / 6.0 };
            let side = usize::from(contexts[row] > middle);
            (0..2).for_each(|i| sums[side][i] += start[i]);
        }
    }
    let count = (batches as usize * BATCH) as f64 / 2.0;
    // The source's mean is 0.
    Ok(sums.iter().map(|s| (s[0] / count).hypot(s[1] / count)).sum::<f64>() / 2.0)
}

fn study(
    law: &Arc<dyn PointLaw>,
    kind: Kind,
    (name, pairing): (&str, Pairing),
    (steps, seeds): (u64, u64),
) -> Result<(), Box<dyn Error>> {
    let (space, source) = (Space::f32(&select(None)?), Source::Law(Arc::clone(law)));
    let (mut given, mut floor, mut energy) = (0.0, 0.0, 0.0);
    for seed in 0..seeds {
        let (points, contexts) = moons(kind, seed, "train", ROWS);
        let mut rows = Rows::plain(points, 2);
        rows.contexts = contexts.iter().map(|c| *c as f32).collect();
        rows.context_dim = 1;
        let ends = Ends::Drawn { source: source.clone(), pairing };
        let objective =
            VelocityMatching(Coupled { ends, path: Conditional::Straight { sigma: 0.0 } });
        let init = Noise::new(seed, 1).purpose("init");
        let net = TimeMlp::new(&NET, 2, 1, Activation::Selu, &init, &space);
        let train =
            LoopConfig { steps, batch_size: BATCH, shards: 1, seed, ..LoopConfig::default() };
        let optim = OptimConfig { lr: 2e-3, ..OptimConfig::default() };
        let trainer = Trainer::new(net, objective, Arc::new(rows), train, optim, &space);
        let net = finished(trainer).averaged()?;

        let (truth, contexts) = moons(kind, seed, "test", 2 * POINTS);
        let (other, others) = moons(kind, seed, "other", 2 * POINTS);
        let start = draws(law, seed, "start", 2 * POINTS);
        let context = space.column(&contexts);
        let start = space.tensor(start, [2 * POINTS, 2]);
        let moved = transported(&Given { net: &net, context }, start, 100);
        let end = to_host(moved.end);
        // Of the continuous kind the first half alone: as many points as of a moon.
        let some = if kind == Kind::Discrete { 2 * POINTS } else { POINTS };
        let cut = |x: &[f64], c: &[f64]| (x[..2 * some].to_vec(), c[..some].to_vec());
        let (end, truth, other) =
            (cut(&end, &contexts), cut(&truth, &contexts), cut(&other, &others));
        given += distance(kind, (&end.0, &end.1), (&other.0, &other.1))? / seeds as f64;
        floor += distance(kind, (&truth.0, &truth.1), (&other.0, &other.1))? / seeds as f64;
        let total = to_host(moved.energy).iter().sum::<f64>();
        energy += total / (2 * POINTS) as f64 / seeds as f64;
    }
    let gap = start_gap(&pairing, &source, kind)?;
    println!("{kind:?}, {name}, {given:.3}, {floor:.3}, {gap:.2}, {energy:.1}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut steps, mut seeds) = (10_000u64, 3u64);
    let mut weights = vec![10.0];
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--steps" => steps = value.parse()?,
            "--seeds" => seeds = value.parse()?,
            "--weights" => weights = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            _ => return Err(format!("unknown {flag}: --steps --seeds --weights").into()),
        }
    }
    for (name, definition) in DEFINITIONS {
        println!("{name:<11} {definition}");
    }
    let task = tasks(&["8gaussians-moons".to_owned()])?.pop().ok_or("a task")?;
    let (points, _) = moons(Kind::Discrete, 0, "same", POINTS);
    let same = w2(&points, &draws(&task.target, 0, "same", POINTS), 2)?;
    println!("\nW2 between the moons with contexts and the task's: {same:.3}");
    println!("{}: context, coupling, W2 given, floor, start gap, energy", task.name);
    for kind in [Kind::Discrete, Kind::Continuous] {
        study(&task.source, kind, ("independent", Coupling::Independent.into()), (steps, seeds))?;
        study(&task.source, kind, ("exact", Coupling::Exact.into()), (steps, seeds))?;
        for weight in &weights {
            // Across moons a pair must cost more than the longest way; otherwise nearby contexts may
            // be exchanged a little.
            let context_weight = if kind == Kind::Discrete { 1e4 } else { weight * weight };
            let pairing = Pairing { coupling: Coupling::Exact, context_weight };
            let name = format!("C²OT, w = {context_weight}");
            study(&task.source, kind, (&name, pairing), (steps, seeds))?;
        }
    }
    Ok(())
}
