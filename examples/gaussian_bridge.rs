//! The Gaussian bridge benchmark: DSBM-IMF from N(−0.1, I) to N(0.1, I), σ = 1, against the exact
//! marginals.
//!
//! cargo run --release --example gaussian_bridge -- --dims 5,20,50 --steps 100000
//!
//! KL(fitted Gaussian ‖ exact marginal), averaged over 21 times, of 10,000 forward paths by 100 steps
//! of Euler–Maruyama: with a diagonal covariance (floor about d/n) and with a full one (floor about
//! d (d + 3)/4n), each beside the same number of exact draws; and the endpoint covariance, whose
//! diagonal is (√5 − 1)/2 = 0.618.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use transport::core::device::{Space, select, to_host};
use transport::core::law::{Gaussian, PointLaw};
use transport::core::linalg::mean_and_covariance;
use transport::core::{Interval, Noise};
use transport::kernels::Activation;
use transport::models::net::TimeMlpConfig;
use transport::sde::bridge::GaussianBridge;
use transport::sde::dynamics::gaussian_divergence;
use transport::sde::{Grid, SdeFlow, Solver};
use transport::train::bridge::{Imf, ImfConfig, Source};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Training};

const POINTS: usize = 10_000;

/// KL of the fitted Gaussian from the law, with all of the covariance or its diagonal alone.
fn divergences(points: &[f64], law: &Gaussian) -> Result<[f64; 2], Box<dyn Error>> {
    let d = law.dim();
    let (mean, full) = mean_and_covariance(points, d);
    let diagonal = (0..d * d).map(|k| if k / d == k % d { full[k] } else { 0.0 }).collect();
    let kl = |covariance| -> Result<f64, Box<dyn Error>> {
        Ok(gaussian_divergence(&Gaussian::new(mean.clone(), covariance)?, law))
    };
    Ok([kl(diagonal)?, kl(full)?])
}

fn bridge(d: usize, steps: u64, fits: u64) -> Result<(), Box<dyn Error>> {
    let space = Space::f32(&select(None)?);
    let end = |at: f64| Gaussian::isotropic(vec![at; d], 1.0);
    let exact = GaussianBridge::new(end(-0.1), end(0.1), 1.0)?;
    let config = ImfConfig {
        sigma: 1.0,
        fits,
        steps: steps / fits,
        pairs: POINTS,
        simulation: 100,
        net: TimeMlpConfig { width: 256, depth: 2 },
        activation: Activation::Silu,
    };
    let source = |at: f64| Source::Law(Arc::new(end(at)));
    let train = LoopConfig { batch_size: 128, seed: 0, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 1e-3, ..OptimConfig::default() };
    let mut imf = Imf::new(config, source(-0.1), source(0.1), train, optim, &space);
    let began = Instant::now();
    while imf.steps_done() < imf.steps_total() {
        imf.step();
        if imf.steps_done().is_multiple_of(config.steps * (fits / 4).max(1) / 2) {
            report(&imf, &exact, &space, began)?;
        }
    }
    report(&imf, &exact, &space, began)
}

fn report(
    imf: &Imf,
    exact: &GaussianBridge,
    space: &Space,
    began: Instant,
) -> Result<(), Box<dyn Error>> {
    let d = exact.dim();
    let noise = Noise::new(99, POINTS);
    let start = exact.marginal(0.0)?.draws(&noise.purpose("start"));
    let grid = Grid::uniform(Interval::UNIT, 100)?;
    let flow = SdeFlow { sde: imf.drifts(), grid, solver: Solver::EulerMaruyama };
    let times: Vec<f64> = (0..=20).map(|k| f64::from(k) / 20.0).collect();
    let x = space.tensor(start.clone(), [POINTS, d]);
    let paths = flow.solve_trace(x, &times, &noise.purpose("path"))?;
    let (mut learned, mut floor) = ([0.0; 2], [0.0; 2]);
    let mut last = Vec::new();
    for (k, (t, state)) in times.iter().zip(paths.states).enumerate() {
        let law = exact.marginal(*t)?;
        let exact_draws = law.draws(&noise.purpose("floor").at_step(k as u64));
        last = to_host(state);
        let (a, b) = (divergences(&last, &law)?, divergences(&exact_draws, &law)?);
        (0..2).for_each(|i| {
            learned[i] += a[i] / 21.0;
            floor[i] += b[i] / 21.0;
        });
    }
    let joint: Vec<f64> = start
        .chunks_exact(d)
        .zip(last.chunks_exact(d))
        .flat_map(|(a, b)| a.iter().chain(b).copied().collect::<Vec<_>>())
        .collect();
    let (_, covariance) = mean_and_covariance(&joint, 2 * d);
    let cross = (0..d).map(|i| covariance[i * 2 * d + d + i]).sum::<f64>() / d as f64;
    println!(
        "d = {d:<3} step {:<7} 10³ KL diagonal {:>7.2} (floor {:.2})  full {:>7.2} (floor {:.2})  cov {cross:.4}  {:.0} s",
        imf.steps_done(),
        1e3 * learned[0],
        1e3 * floor[0],
        1e3 * learned[1],
        1e3 * floor[1],
        began.elapsed().as_secs_f64(),
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut dims, mut steps, mut fits) = (vec![5usize, 20, 50], 100_000u64, 20u64);
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--dims" => dims = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--steps" => steps = value.parse()?,
            "--fits" => fits = value.parse()?,
            _ => return Err(format!("unknown {flag}: --dims --steps --fits").into()),
        }
    }
    dims.into_iter().try_for_each(|d| bridge(d, steps, fits))
}
