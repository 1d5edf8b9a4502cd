//! Our side of `benches/peers/ot_peer.py`: solves the transport problem in a file.
//!
//! A line `TASK FILE REPEATS EPSILON RHO` on standard input answers `seconds value error`, the
//! seconds being those of processors in all threads, the least of the repeats (each the mean of as
//! many solutions as take a fifth of a second). Tasks: `exact`, `sinkhorn`, `unbalanced`,
//! `sliced`. A file holds little-endian f64: n, m, d, k, then x, y, a, b and k directions.
//!
//! python benches/peers/ot_peer.py
#[path = "../examples/support/measure.rs"]
mod measure;

use std::io::{BufRead, Write};
use transport::ot::cost::Euclidean;
use transport::ot::sliced::{Samples, sliced};
use transport::ot::{OtError, Sinkhorn, Unbalanced, exact};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds that are measured well enough.
const ENOUGH: f64 = 0.2;

struct Problem {
    d: usize,
    parts: [Vec<f64>; 5],
}

fn read(path: &str) -> Problem {
    let bytes = std::fs::read(path).expect("a file");
    let words: Vec<f64> =
        bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
    let [n, m, d, k] = [0, 1, 2, 3].map(|i| words[i] as usize);
    let mut rest = &words[4..];
    let parts = [n * d, m * d, n, m, k * d].map(|size| {
        let (part, after) = rest.split_at(size);
        rest = after;
        part.to_vec()
    });
    Problem { d, parts }
}

/// Value and marginal error.
fn solve(task: &str, problem: &Problem, epsilon: f64, rho: f64) -> Result<(f64, f64), OtError> {
    let [x, y, a, b, theta] = &problem.parts;
    let sinkhorn = Sinkhorn::new(epsilon).max_iterations(100_000);
    match task {
        "exact" => {
            let plan = exact(&Euclidean::squared(x, y, problem.d)?, a, b)?;
            Ok((plan.value, plan.effort.error))
        }
        "sinkhorn" => {
            let plan = sinkhorn.solve(&Euclidean::squared(x, y, problem.d)?, a, b)?.converged()?;
            Ok((plan.cost, plan.effort.error))
        }
        "unbalanced" => {
            let solver = Unbalanced { sinkhorn, rho: [rho; 2] };
            let plan = solver.solve(&Euclidean::squared(x, y, problem.d)?, a, b)?.converged()?;
            Ok((plan.cost, plan.effort.error))
        }
        _ => sliced(&Samples { x, y, a, b, d: problem.d }, theta, 2.0).map(|value| (value, 0.0)),
    }
}

/// Seconds that one takes, by as many as the clock can tell.
fn seconds<R>(once: &impl Fn() -> R) -> f64 {
    let worked = || measure::processor().expect("Linux");
    let mut count = 1;
    loop {
        let start = worked();
        (0..count).for_each(|_| drop(once()));
        let spent = worked() - start;
        if spent > ENOUGH {
            return spent / f64::from(count);
        }
        count *= 2;
    }
}

fn main() {
    // `cargo bench` runs it with arguments and nothing to do.
    if !std::env::args().any(|a| a == "serve") {
        return;
    }
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [task, path, repeats, epsilon, rho] = words[..] else { continue };
        let number = |word: &str| word.parse::<f64>().expect("a number");
        let problem = read(path);
        let once = || solve(task, &problem, number(epsilon), number(rho)).expect("a solution");
        let answer = once();
        let repeats = 0..number(repeats) as usize;
        let least = repeats.fold(f64::INFINITY, |least, _| least.min(seconds(&once)));
        println!("{least:e} {:e} {:e}", answer.0, answer.1);
        std::io::stdout().flush().expect("an open pipe");
    }
}
