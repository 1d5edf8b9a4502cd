//! LightSB and LightSB-M where the plan is known by construction.
//!
//! cargo run --release --example light_bridge -- --dims 2,16,64 --epsilons 0.1,1,10 --method light-sb
//!
//! The truth is a [`MixtureBridge`] of five components from N(0, I); the learner sees 100,000 draws of
//! the target and none of the pairs. LightSB-M (`--method light-sb-m`, `--pairs independent|exact`)
//! regresses the drift on Brownian bridges between pairs of a batch instead. Prints cBW₂²-UVP (percent) of the fit, of its start, and the
//! time.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use transport::core::Noise;
use transport::core::device::{Space, select};
use transport::core::law::Gaussian;
use transport::core::linalg::mean_and_covariance;
use transport::models::bridge::LightBridge;
use transport::ot::Coupling;
use transport::sde::bridge::{MixtureBridge, conditional_uvp};
use transport::train::batch::Rows;
use transport::train::bridge::{Conditional, Coupled, Ends, LightLoss, LightMatching, Source};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};

const POINTS: usize = 100_000;
const COMPONENTS: usize = 5;

/// Potentials drawn at random: centres on a sphere of radius 5 (as in the published benchmark pairs),
/// scales between 0.2 and 1.
fn truth(d: usize, epsilon: f64, seed: u64) -> Result<MixtureBridge, Box<dyn Error>> {
    let noise = Noise::new(seed, COMPONENTS).purpose("truth");
    let centres = noise.normal_values(d);
    let shifts = centres.chunks_exact(d).flat_map(|row| {
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        row.iter().map(move |v| 5.0 * v / norm).collect::<Vec<_>>()
    });
    let spread = noise.purpose("scales").uniform_values(d);
    let scales = spread.into_iter().map(|u| 0.2 + 0.8 * u).collect();
    Ok(MixtureBridge::new(epsilon, &[1.0; COMPONENTS], shifts.collect(), scales)?)
}

/// What a command asks for.
struct Arguments {
    dims: Vec<usize>,
    epsilons: Vec<f64>,
    steps: u64,
    lr: f64,
    method: String,
    coupling: Coupling,
}

fn fit(d: usize, epsilon: f64, of: &Arguments, space: &Space) -> Result<(), Box<dyn Error>> {
    let truth = truth(d, epsilon, 1)?;
    let noise = Noise::new(2, POINTS);
    let starts = noise.normal_values(d);
    let mut ends = vec![0.0; POINTS * d];
    let draws = noise.purpose("end");
    for (i, out) in ends.chunks_exact_mut(d).enumerate() {
        truth.draw_given(&starts[i * d..(i + 1) * d], &mut draws.stream(i), out);
    }
    let (_, cov) = mean_and_covariance(&ends, d);
    let variance = (0..d).map(|i| cov[i * d + i]).sum::<f64>();

    let began = Instant::now();
    let model = LightBridge::new(4 * COMPONENTS, epsilon, 0.5, &ends, d, &Noise::new(3, 1), space);
    let tests = Noise::new(4, 1000).normal_values(d);
    let uvp = |model: &LightBridge| -> Result<f64, Box<dyn Error>> {
        Ok(conditional_uvp(&model.bridge()?, &truth, &tests, variance))
    };
    let before = uvp(&model)?;
    let rows = Arc::new(Rows::plain(ends.iter().copied(), d));
    let source = Source::Law(Arc::new(Gaussian::standard(d)));
    let (steps, batch_size) = (of.steps, 512);
    let train = LoopConfig { steps, batch_size, shards: 1, seed: 0, ..LoopConfig::default() };
    let optim = OptimConfig { lr: of.lr, weight_decay: 0.0, ..OptimConfig::default() };
    let model = match of.method.as_str() {
        "light-sb" => {
            let objective = LightLoss { source };
            finished(Trainer::new(model, objective, rows, train, optim, space)).averaged()?
        }
        "light-sb-m" => {
            let ends = Ends::Drawn { source, pairing: of.coupling.into() };
            let path = Conditional::Brownian { sigma: epsilon.sqrt() };
            let objective = LightMatching(Coupled { ends, path });
            finished(Trainer::new(model, objective, rows, train, optim, space)).averaged()?
        }
        other => return Err(format!("no method {other}: light-sb or light-sb-m").into()),
    };
    let seconds = began.elapsed().as_secs_f64();
    let after = uvp(&model)?;
    println!(
        "D = {d:<3} ε = {epsilon:<4} cBW₂²-UVP {after:.3} %  (start {before:.1} %)  {seconds:.0} s"
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut of = Arguments {
        dims: vec![2, 16, 64],
        epsilons: vec![0.1, 1.0, 10.0],
        steps: 10_000,
        lr: 1e-2,
        method: "light-sb".into(),
        coupling: Coupling::Independent,
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--dims" => of.dims = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--epsilons" => {
                of.epsilons = value.split(',').map(str::parse).collect::<Result<_, _>>()?
            }
            "--steps" => of.steps = value.parse()?,
            "--lr" => of.lr = value.parse()?,
            "--method" => of.method = value,
            "--pairs" => {
                of.coupling = match value.as_str() {
                    "independent" => Coupling::Independent,
                    "exact" => Coupling::Exact,
                    _ => return Err(format!("no pairs {value}: independent or exact").into()),
                }
            }
            _ => {
                let known = "--dims --epsilons --steps --lr --method --pairs";
                return Err(format!("unknown {flag}: {known}").into());
            }
        }
    }
    let space = Space::f32(&select(None)?);
    for d in &of.dims {
        for epsilon in &of.epsilons {
            fit(*d, *epsilon, &of, &space)?;
        }
    }
    Ok(())
}
