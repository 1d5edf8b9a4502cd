//! LightSB where the plan is known by construction.
//!
//! cargo run --release --example light_bridge -- --dims 2,16,64 --epsilons 0.1,1,10
//!
//! The truth is a [`MixtureBridge`] of five components from N(0, I); the learner sees 100,000 draws of
//! the target and none of the pairs. Prints cBW₂²-UVP (percent) of the fit, of its start, and the
//! time.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use transport::core::Noise;
use transport::core::device::{Space, select};
use transport::core::law::Gaussian;
use transport::core::linalg::mean_and_covariance;
use transport::models::bridge::LightBridge;
use transport::sde::bridge::{MixtureBridge, conditional_uvp};
use transport::train::batch::Rows;
use transport::train::bridge::{LightLoss, Source};
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

fn fit(d: usize, epsilon: f64, steps: u64, space: &Space) -> Result<(), Box<dyn Error>> {
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
    let rows = Rows::plain(ends.iter().copied(), d);
    let objective = LightLoss { source: Source::Law(Arc::new(Gaussian::standard(d))) };
    let train = LoopConfig { steps, batch_size: 512, shards: 1, seed: 0, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 1e-2, weight_decay: 0.0, ..OptimConfig::default() };
    let trainer = finished(Trainer::new(model, objective, Arc::new(rows), train, optim, space));
    let seconds = began.elapsed().as_secs_f64();
    let after = uvp(&trainer.averaged()?)?;
    println!(
        "D = {d:<3} ε = {epsilon:<4} cBW₂²-UVP {after:.3} %  (start {before:.1} %)  {seconds:.0} s"
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut dims, mut epsilons, mut steps) =
        (vec![2usize, 16, 64], vec![0.1f64, 1.0, 10.0], 10_000u64);
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--dims" => dims = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--epsilons" => {
                epsilons = value.split(',').map(str::parse).collect::<Result<_, _>>()?
            }
            "--steps" => steps = value.parse()?,
            _ => return Err(format!("unknown {flag}: --dims --epsilons --steps").into()),
        }
    }
    let space = Space::f32(&select(None)?);
    for d in dims {
        for epsilon in &epsilons {
            fit(d, *epsilon, steps, &space)?;
        }
    }
    Ok(())
}
