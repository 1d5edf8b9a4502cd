//! Our side of `benches/compare.py`: measures what it is asked for on standard input, in turn with
//! the peers.
//!
//! A line `train WIDTH BATCH DIM SECONDS` answers optimiser steps per second; `sample WIDTH DIM
//! POINTS STEPS SECONDS` answers Euler steps of the whole set per second; `jvp` and `divergence`
//! with `WIDTH BATCH DIM SECONDS` answer evaluations per second; `gemm M K N SECONDS` answers
//! GFLOP/s of all threads together; `flow-train`, `flow-log-prob` and `flow-sample` with `MODEL WIDTH
//! BATCH DIM SECONDS` answer steps or whole batches per second; `unet-train SIDE BATCH SECONDS` and
//! `unet-sample SIDE POINTS STEPS SECONDS` are `train` and `sample` with a U-Net on images of 8 or 28
//! pixels a side. Without lines it does nothing, so that it builds and runs as a bench.
//!
//! python benches/compare.py
mod serve;

use burn::tensor::Tensor;
use std::hint::black_box;
use std::sync::Arc;
use transport::core::{Jvp, Noise, Prediction, Space, Times, device::select, schedule::Named};
use transport::data::{ImageShape, Scaler, Table};
use transport::models::{Dynamics, DynamicsConfig, net::MlpConfig};
use transport::sde::Solver;
use transport::train::batch::Rows;
use transport::train::config::{Config, SampleConfig};
use transport::train::problem::{Problem, Shape};
use transport::train::registry;

use serve::{rate, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MODEL: &str = "score-vp";

/// Normal rows in place of data: a step costs what it costs.
fn config(width: usize, dim: usize) -> (Config, Problem) {
    let mut config = Config::new("moons", MODEL).expect("a model");
    config.model.settings.insert("width".into(), (width as i64).into());
    // Three hidden layers, as the peers have, whatever the default is.
    config.model.settings.insert("depth".into(), 3.into());
    let mut problem = Problem::prepare(&config.data, 0).expect("a law");
    problem.rows = Arc::new(Rows::plain(Noise::new(3, 4096).normal_values(dim), dim));
    (config, problem)
}

/// Normal pixels, for a U-Net: the default one, or that of the recipe of `docs/src/networks.md`.
fn images(side: usize) -> (Config, Problem) {
    let mut config = Config::new("moons", MODEL).expect("a model");
    config.model.settings.insert("net".into(), "unet".into());
    if side == 28 {
        for (name, value) in [("channels", 16), ("groups", 16), ("attention", 7)] {
            config.model.settings.insert(name.into(), value.into());
        }
        config.model.settings.insert("multipliers".into(), vec![1, 2, 4].into());
    }
    let mut problem = Problem::prepare(&config.data, 0).expect("a law");
    let (dim, values) = (side * side, Noise::new(3, 1024).normal_values(side * side));
    let names: Vec<String> = (0..dim).map(|k| format!("p{k}")).collect();
    let table = Table::new(names.clone(), values.clone()).expect("a table");
    problem.schema.names = names;
    problem.schema.image = Some(ImageShape { height: side, width: side, channels: 1 });
    problem.schema.scaler = Scaler::shared(&table, None).expect("pixels that vary");
    problem.rows = Arc::new(Rows::plain(values, dim));
    (config, problem)
}

fn train((mut config, problem): (Config, Problem), batch: usize, seconds: f64) -> f64 {
    config.train.batch_size = batch;
    let space = Space::f32(&select(None).expect("a device"));
    let entry = registry::model(MODEL).expect("a model");
    let mut training = entry.begin(&config, &problem, &space).expect("settings");
    // On a worker of the pool, as the training loop runs.
    rayon::scope(|_| rate(seconds, || assert!(training.step().loss.is_finite())))
}

fn sample((config, problem): (Config, Problem), points: usize, steps: usize, seconds: f64) -> f64 {
    let space = Space::f32(&select(None).expect("a device"));
    let entry = registry::model(MODEL).expect("a model");
    let weights = entry.begin(&config, &problem, &space).expect("settings").weights();
    let shape = Shape { dim: problem.rows.dim, context: 0, image: problem.schema.image };
    let model = entry.open(&config, &shape, &weights, &space).expect("weights");
    let plan = SampleConfig { solver: Solver::Euler, steps };
    steps as f64
        * rate(seconds, || {
            black_box(model.sample(&Noise::new(0, points), None, &plan).expect("finite"));
        })
}

fn derivative(width: usize, batch: usize, dim: usize, seconds: f64, trace: bool) -> f64 {
    let space = Space::f32(&select(None).expect("a device"));
    let net = MlpConfig { width, depth: 3, frequencies: 16 };
    let (schedule, head) = (Named::Rectified, Prediction::Velocity.into());
    let config = DynamicsConfig { schedule, head, net, uncertainty: false };
    let model = Dynamics::new(&config, dim, 0, &Noise::new(0, 1), &space);
    let field = model.given(None);
    let (x, u) =
        (Noise::new(1, batch).normal(dim, &space), Noise::new(2, batch).normal(dim, &space));
    rate(seconds, || {
        let t = Times::Same(0.5);
        if trace {
            black_box(field.divergence(x.clone(), t).1.into_data());
        } else {
            black_box(field.jvp(x.clone(), t, u.clone()).1.into_data());
        }
    })
}

/// On every thread of the pool at once, each with its own product.
fn gemm(m: usize, k: usize, n: usize, seconds: f64) -> f64 {
    let space = Space::f32(&select(None).expect("a device"));
    let matrix =
        |seed, rows, columns| -> Tensor<2> { Noise::new(seed, rows).normal(columns, &space) };
    let one = || {
        let (a, b) = (matrix(1, m, k), matrix(2, k, n));
        // A pool of one keeps the product on this thread.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
        pool.install(|| rate(seconds, || drop(black_box(a.clone().matmul(b.clone())))))
    };
    let products = 2.0 * m as f64 * k as f64 * n as f64 * 1e-9;
    let threads = rayon::current_num_threads();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        products * all.into_iter().map(|t| t.join().expect("no panic")).sum::<f64>()
    })
}

const FLOWS: [&str; 4] = ["realnvp", "maf", "nsf", "nsf-ar"];

/// A flow in zuko's form on normal rows.
fn flow(model: usize, width: usize, batch: usize, dim: usize) -> (Config, Problem) {
    let mut config = Config::new("moons", FLOWS[model]).expect("a model");
    for (name, value) in [("width", width), ("depth", 2), ("layers", 3)] {
        config.model.settings.insert(name.into(), (value as i64).into());
    }
    config.model.settings.insert("plain".into(), true.into());
    config.train.batch_size = batch;
    let mut problem = Problem::prepare(&config.data, 0).expect("a law");
    problem.rows = Arc::new(Rows::plain(Noise::new(3, 4096).normal_values(dim), dim));
    (config, problem)
}

fn flow_train(model: usize, width: usize, batch: usize, dim: usize, seconds: f64) -> f64 {
    let (config, problem) = flow(model, width, batch, dim);
    let space = Space::f32(&select(None).expect("a device"));
    let entry = registry::model(FLOWS[model]).expect("a model");
    let mut training = entry.begin(&config, &problem, &space).expect("settings");
    rayon::scope(|_| rate(seconds, || assert!(training.step().loss.is_finite())))
}

/// Densities of `batch` points, or as many samples, a second.
fn flow_rows(task: &str, [model, width, batch, dim]: [usize; 4], seconds: f64) -> f64 {
    let (config, problem) = flow(model, width, batch, dim);
    let space = Space::f32(&select(None).expect("a device"));
    let entry = registry::model(FLOWS[model]).expect("a model");
    let weights = entry.begin(&config, &problem, &space).expect("settings").weights();
    let shape = Shape { dim, context: 0, image: None };
    let model = entry.open(&config, &shape, &weights, &space).expect("weights");
    let (x, noise) = (Noise::new(1, batch).normal_values(dim), Noise::new(0, batch));
    rate(seconds, || {
        if task == "flow-sample" {
            black_box(model.sample(&noise, None, &config.sample).expect("finite"));
        } else {
            black_box(model.log_prob(&x, None, &config.sample).expect("finite"));
        }
    })
}

fn answer(line: &str) -> f64 {
    let mut words = line.split_whitespace();
    let task = words.next().expect("a task");
    let numbers: Vec<f64> = words.map(|w| w.parse().expect("a number")).collect();
    let n = |k: usize| numbers[k] as usize;
    let seconds = numbers[numbers.len() - 1];
    match task {
        "train" => train(config(n(0), n(2)), n(1), seconds),
        "sample" => sample(config(n(0), n(1)), n(2), n(3), seconds),
        "unet-train" => train(images(n(0)), n(1), seconds),
        "unet-sample" => sample(images(n(0)), n(1), n(2), seconds),
        "jvp" => derivative(n(0), n(1), n(2), seconds, false),
        "divergence" => derivative(n(0), n(1), n(2), seconds, true),
        "gemm" => gemm(n(0), n(1), n(2), seconds),
        "flow-train" => flow_train(n(0), n(1), n(2), n(3), seconds),
        "flow-log-prob" | "flow-sample" => flow_rows(task, [n(0), n(1), n(2), n(3)], seconds),
        other => panic!("unknown task `{other}`"),
    }
}

fn main() {
    serve(answer);
}
