//! The Gaussian bridge benchmark: from N(−0.1, I) to N(0.1, I), σ = 1, by iterated Markovian fitting
//! (imf), proportional fitting of bridges (ipf) or of whole paths (dsb), against the exact marginals.
//!
//! cargo run --release --example gaussian_bridge -- --dims 5,20,50 --steps 100000 --method imf
//!
//! KL(fitted Gaussian ‖ exact marginal), averaged over 21 times, of 10,000 forward paths by 100 steps
//! of Euler–Maruyama: with a diagonal covariance (floor about d/n) and with a full one (floor about
//! d (d + 3)/4n), each beside the same number of exact draws; and the endpoint covariance, whose
//! diagonal is (√5 − 1)/2 = 0.618. `--pairs` is how many paths a coupling is remembered by. With
//! `--out DIR` a run that was cut goes on from its last report.

use std::error::Error;
use std::path::PathBuf;
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
use transport::train::bridge::{
    Alternating, BridgeMatching, DriftMatching, ImfConfig, Scheme, Source, Start,
};
use transport::train::optim::OptimConfig;
use transport::train::store::{Archive, read, write};
use transport::train::trainer::{LoopConfig, Training};
use transport::train::weights::Array;

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

/// What a command asks for.
struct Arguments {
    dims: Vec<usize>,
    steps: u64,
    fits: u64,
    pairs: usize,
    seed: u64,
    method: String,
    out: Option<PathBuf>,
}

fn end(d: usize, at: f64) -> Gaussian {
    Gaussian::isotropic(vec![at; d], 1.0)
}

fn bridge<S: Scheme>(d: usize, start: Start, of: &Arguments) -> Result<(), Box<dyn Error>> {
    let space = Space::f32(&select(None)?);
    let config = ImfConfig {
        sigma: 1.0,
        fits: of.fits,
        steps: of.steps / of.fits,
        pairs: of.pairs,
        simulation: if S::WHOLE { 50 } else { 100 },
        net: TimeMlpConfig { width: 256, depth: 2 },
        activation: Activation::Silu,
    };
    let ends = [-0.1, 0.1].map(|at| Source::Law(Arc::new(end(d, at))));
    let train = LoopConfig { batch_size: 128, seed: of.seed, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 1e-3, ..OptimConfig::default() };
    let mut training = Alternating::<S>::between(config, ends, start, train, optim, &space);
    // What a state goes on with stands in the name of its file.
    let Arguments { method, seed, fits, steps, pairs, .. } = of;
    let name = format!("{method}-{d}-{seed}-{fits}-{steps}-{pairs}.safetensors");
    let file = |out: &PathBuf| out.join(&name);
    let file = of.out.as_ref().map(file);
    if let Some(file) = file.as_ref().filter(|file| file.exists()) {
        let state = read(file)?.weights;
        let step = state.get("step", &[1])?.values[0] as u64;
        training.restore(&state, step)?;
    }
    let began = Instant::now();
    while training.steps_done() < training.steps_total() {
        training.step();
        let (done, total) = (training.steps_done(), training.steps_total());
        if done == total || done.is_multiple_of(config.steps * (of.fits / 4).max(1)) {
            report(&training, &config, d, &space, began)?;
            if let Some(file) = &file {
                let mut weights = training.state();
                let step = Array { shape: vec![1], values: vec![training.steps_done() as f32] };
                weights.0.insert("step".to_owned(), step);
                write(file, &Archive { card: Default::default(), weights })?;
            }
        }
    }
    Ok(())
}

fn report<S: Scheme>(
    training: &Alternating<S>,
    config: &ImfConfig,
    d: usize,
    space: &Space,
    began: Instant,
) -> Result<(), Box<dyn Error>> {
    let exact = GaussianBridge::new(end(d, -0.1), end(d, 0.1), 1.0)?;
    let noise = Noise::new(99, POINTS);
    let start = exact.marginal(0.0)?.draws(&noise.purpose("start"));
    let grid = Grid::uniform(Interval::UNIT, config.simulation)?;
    let flow = SdeFlow { sde: training.drifts(), grid, solver: Solver::EulerMaruyama };
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
        training.steps_done(),
        1e3 * learned[0],
        1e3 * floor[0],
        1e3 * learned[1],
        1e3 * floor[1],
        began.elapsed().as_secs_f64(),
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut of = Arguments {
        dims: vec![5, 20, 50],
        steps: 100_000,
        fits: 20,
        pairs: POINTS,
        seed: 0,
        method: "imf".into(),
        out: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--dims" => of.dims = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--steps" => of.steps = value.parse()?,
            "--fits" => of.fits = value.parse()?,
            "--pairs" => of.pairs = value.parse()?,
            "--seed" => of.seed = value.parse()?,
            "--method" => of.method = value,
            "--out" => of.out = Some(value.into()),
            _ => {
                let known = "--dims --steps --fits --pairs --seed --method --out";
                return Err(format!("unknown {flag}: {known}").into());
            }
        }
    }
    of.out.as_ref().map_or(Ok(()), std::fs::create_dir_all)?;
    of.dims.iter().try_for_each(|d| match of.method.as_str() {
        "imf" => bridge::<BridgeMatching>(*d, Start::Independent, &of),
        "ipf" => bridge::<BridgeMatching>(*d, Start::Reference, &of),
        "dsb" => bridge::<DriftMatching>(*d, Start::Reference, &of),
        other => Err(format!("no method {other}: imf, ipf or dsb").into()),
    })
}
