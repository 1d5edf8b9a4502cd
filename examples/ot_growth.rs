//! Time and memory of optimal transport by the number of points, and the exponents that they grow
//! with: assignment, weighted plan and Sinkhorn between two Gaussian samples in the plane.
//!
//! cargo run --release --example ot_growth
//! cargo run --release --example ot_growth -- sinkhorn-f32 100000 0.01 1e-4
//!
//! The second form is one cell: a task (`assignment`, `weighted`, `sinkhorn`, `sinkhorn-f32`), the
//! points of each side, ε relative to the mean cost, and the tolerance. Each cell of the table is a
//! process of its own, which prints the seconds of processor time of all threads and by how much
//! its peak resident size (`VmHWM` of `/proc/self/status`, so Linux only) grew.
#[path = "support/measure.rs"]
mod measure;

use measure::{exponent, peak, processor};
use std::process::Command;
use std::time::Instant;
use transport::core::Noise;
use transport::ot::cost::{Cost, Euclidean, Real};
use transport::ot::weights::uniform;
use transport::ot::{Effort, OtError, Sinkhorn, assignment, exact};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn std::error::Error>;

const SIZES: [usize; 6] = [500, 1000, 2000, 4000, 8000, 16_000];

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [task, n, epsilon, tolerance] = words.as_slice() {
        return cell(task, n.parse()?, epsilon.parse()?, tolerance.parse()?);
    }
    println!("| task | n | s | s of processors | grew, MiB | iterations | error | value |");
    println!("|---|---|---|---|---|---|---|---|");
    for task in ["assignment", "weighted", "sinkhorn"] {
        let mut points: Vec<[f64; 3]> = Vec::new();
        for n in SIZES {
            let words = [task, &n.to_string(), "0.05", "1e-6"];
            let output = Command::new(std::env::current_exe()?).args(words).output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            let line = String::from_utf8(output.stdout)?;
            print!("{line}");
            let column = |k: usize| line.split('|').nth(k).unwrap_or_default().trim().parse();
            points.push([n as f64, column(4)?, column(5)?]);
        }
        let [time, memory] = [1, 2].map(|k| exponent(points.iter().map(|p| [p[0], p[k]])));
        println!("| {task} | exponent | | {time:.2} | {memory:.2} | | | |");
    }
    Ok(())
}

/// The samples of `N(0, I)` and `N((1, 1), 1.5² I)`.
fn samples(n: usize) -> [Vec<f64>; 2] {
    let x = Noise::new(1, n).normal_values(2);
    let y = Noise::new(2, n).normal_values(2).iter().map(|z| 1.0 + 1.5 * z).collect();
    [x, y]
}

fn weights(n: usize, seed: u64) -> Vec<f64> {
    let w = Noise::new(seed, n).purpose("weights").uniform_values(1);
    let total = w.iter().sum::<f64>();
    w.iter().map(|w| w / total).collect()
}

/// `mean |x − y|²` over all pairs.
fn mean_cost(points: &[Vec<f64>; 2]) -> f64 {
    let [x, y] = points.each_ref().map(|points| {
        let count = points.len() as f64 / 2.0;
        let mean = |k| points.iter().skip(k).step_by(2).sum::<f64>() / count;
        let square = points.iter().map(|v| v * v).sum::<f64>() / count;
        (square, [mean(0), mean(1)])
    });
    x.0 + y.0 - 2.0 * x.1.iter().zip(y.1).map(|(x, y)| x * y).sum::<f64>()
}

/// Solves one problem and prints a line of the table.
fn cell(task: &str, n: usize, epsilon: f64, tolerance: f64) -> Result<(), Fault> {
    let points = samples(n);
    let solver = Sinkhorn::new(epsilon * mean_cost(&points)).tolerance(tolerance);
    let (before, worked, began) = (peak()?, processor()?, Instant::now());
    let (value, effort) = solve(task, &points, &solver)?;
    let seconds = began.elapsed().as_secs_f64();
    let (work, memory) = (processor()? - worked, peak()? - before);
    let Effort { iterations, error, .. } = effort;
    println!(
        "| {task} | {n} | {seconds:.3} | {work:.4} | {memory:.1} | {iterations} | {error:.0e} \
         | {value:.6} |"
    );
    Ok(())
}

fn solve(task: &str, points: &[Vec<f64>; 2], solver: &Sinkhorn) -> Result<(f64, Effort), Fault> {
    let [x, y] = points;
    let n = x.len() / 2;
    match task {
        "assignment" => {
            let found = assignment(&Euclidean::squared(x, y, 2)?)?;
            Ok((found.value, found.effort))
        }
        "weighted" => {
            let plan = exact(&Euclidean::squared(x, y, 2)?, &weights(n, 3), &weights(n, 4))?;
            Ok((plan.value, plan.effort))
        }
        "sinkhorn" => Ok(entropic(solver, &squared(x, y, |v| v)?, n)?),
        "sinkhorn-f32" => Ok(entropic(solver, &squared(x, y, |v| v as f32)?, n)?),
        _ => {
            Err(format!("`{task}` is none of assignment, weighted, sinkhorn, sinkhorn-f32").into())
        }
    }
}

fn squared<T: Real>(x: &[f64], y: &[f64], of: fn(f64) -> T) -> Result<Euclidean<T>, OtError> {
    let [x, y] = [x, y].map(|points| points.iter().map(|v| of(*v)).collect::<Vec<T>>());
    Euclidean::squared(&x, &y, 2)
}

/// The plan's cost and effort; a stopped one is said to be.
fn entropic(solver: &Sinkhorn, cost: &dyn Cost, n: usize) -> Result<(f64, Effort), OtError> {
    let solved = solver.solve(cost, &uniform(n), &uniform(n))?;
    if !solved.is_converged() {
        eprintln!("stopped before it converged");
    }
    let plan = solved.best_effort();
    Ok((plan.cost, plan.effort))
}
