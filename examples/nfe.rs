//! Quality by evaluations: six samplers of one model, by the energy distance to the digits.
//!
//! cargo run --release --example nfe [-- FOLDER]
//!
//! Writes nfe.png to the folder. Intervals: 95 %, bootstrap over the samples.
#[path = "digits/run.rs"]
mod digits;

use digits::{Fault, by_class, run};
use std::path::PathBuf;
use transport::core::Noise;
use transport::ot::discrepancy::{Energy, Estimate, Redraw, bootstrap};
use transport::sde::Solver;
use transport::train::config::SampleConfig;
use transport::viz::{Series, curves};

const SOLVERS: [Solver; 6] =
    [Solver::Euler, Solver::Heun, Solver::Ddim, Solver::Dpmpp2M, Solver::UniPc, Solver::Ddpm];
const BUDGETS: [usize; 6] = [6, 10, 20, 30, 50, 100];
/// Draws of each class.
const EACH: usize = 100;

fn main() -> Result<(), Fault> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let (run, _) = run()?;
    let data = transport::data::digits().select(None, &[])?.features;
    let measure = |solver: Solver, budget: usize| -> Result<Estimate, Fault> {
        let steps = budget / solver.stages();
        let samples = by_class(&run, EACH, None, Some(SampleConfig { solver, steps }))?;
        let energy = Energy::new(samples.values(), data.values(), data.cols());
        Ok(bootstrap(&energy, Redraw::First, 200, &Noise::new(9, 1)))
    };
    let mut lines = Vec::new();
    println!("{:<12} {:>6} {:>10}  interval", "sampler", "evals", "energy");
    for solver in SOLVERS {
        let mut line = Vec::new();
        for budget in BUDGETS {
            let Estimate { value, low, high, .. } = measure(solver, budget)?;
            println!("{:<12} {budget:>6} {value:>10.4}  {low:.4} … {high:.4}", solver.name());
            line.push((budget as f64, value));
        }
        lines.push((solver.name(), line));
    }
    let series: Vec<Series<'_>> =
        lines.iter().map(|(name, points)| Series { name, points }).collect();
    Ok(curves(&out.join("nfe.png"), &series, "evaluations", "energy distance")?)
}
