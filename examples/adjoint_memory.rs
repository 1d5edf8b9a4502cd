//! The peak memory of a gradient through an integration, by the number of steps: one graph of the
//! path, checkpoints, and the adjoint.
//!
//! cargo run --release --example adjoint_memory
//!
//! Each cell is a process of its own, which prints by how much its peak resident size (`VmHWM` of
//! `/proc/self/status`, so Linux only) grew during the gradient.
#[path = "support/measure.rs"]
mod measure;

use measure::peak;
use std::process::Command;
use transport::core::device::{select, to_host};
use transport::core::{Interval, Noise, Space};
use transport::models::flow::{ContinuousFlow, NegativeLogLikelihood, Penalties};
use transport::models::net::MlpConfig;
use transport::sde::adjoint::{Backward, Integration};
use transport::sde::likelihood::{Probe, Trace};
use transport::sde::{Grid, Solver};

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [steps, way] = words.as_slice() {
        return cell(steps.parse()?, way);
    }
    println!("{:>5}  {:<12} {:>10} {:>8}  |∂L/∂θ|", "steps", "gradient", "grew, MiB", "s");
    for steps in ["20", "200", "2000"] {
        for way in ["adjoint", "root", "every", "plain"] {
            let output = Command::new(std::env::current_exe()?).args([steps, way]).output()?;
            print!("{}", String::from_utf8_lossy(&output.stdout));
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
        }
    }
    Ok(())
}

/// One gradient of the likelihood of 32 rows in 8 dimensions, by RK4.
fn cell(steps: usize, way: &str) -> Result<(), Fault> {
    let how = match way {
        "adjoint" => Backward::Adjoint,
        "root" => Backward::Checkpointed { segments: (steps as f64).sqrt().round() as usize },
        "every" => Backward::Checkpointed { segments: steps },
        "plain" => Backward::Plain,
        _ => return Err(format!("`{way}` is none of adjoint, root, every, plain").into()),
    };
    let space = Space::f32(&select(None)?);
    let (n, d) = (32, 8);
    let net = MlpConfig { width: 64, depth: 3, frequencies: 8 };
    let model = ContinuousFlow::new(&net, d, 0, &Noise::new(1, 1), &space);
    let x = Noise::new(2, n).normal(d, &space);
    let probe = Probe::Rademacher.draw(d, &Noise::new(3, n), &space);
    let penalties = Penalties { kinetic: 0.01, jacobian: 0.01 };
    let loss = NegativeLogLikelihood { trace: Trace::Probed(probe), penalties, context: None };
    let integration = |steps: usize| -> Result<Integration, Fault> {
        Ok(Integration::new(Solver::Rk4, Grid::uniform(Interval::UNIT, steps)?.reversed())?)
    };
    // What is loaded and allocated once stands in the peak before the measurement begins.
    let _ = loss.gradient(how, &model, x.clone(), &integration(2)?)?;
    let (before, began) = (peak()?, std::time::Instant::now());
    let found = loss.gradient(how, &model, x, &integration(steps)?)?;
    let (seconds, grown) = (began.elapsed().as_secs_f64(), peak()? - before);
    let square = |g| to_host::<1>(g).iter().map(|v| v * v).sum::<f64>();
    let norm = found.parameters.0.into_iter().map(square).sum::<f64>().sqrt();
    println!("{steps:>5}  {way:<12} {:>10.1} {seconds:>8.2}  {norm:.6}", grown);
    Ok(())
}
