//! Speed by size: training steps, sampling, activations with and without kernels, derivatives,
//! and the files around them.
//!
//! cargo bench --bench speed
use burn::tensor::Tensor;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use transport::core::{
    Field, Jvp, Noise, Prediction, Space, Times, device::select, schedule::Named,
};
use transport::kernels::{Activation, composed, ops};
use transport::models::{Dynamics, DynamicsConfig, net::MlpConfig};
use transport::sde::Solver;
use transport::train::batch::Rows;
use transport::train::config::{Config, SampleConfig};
use transport::train::problem::{Problem, Shape};
use transport::train::registry;
use transport::train::store::{Archive, Folder};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Width, batch and dimension.
const SIZES: [(usize, usize, usize); 4] =
    [(64, 256, 2), (128, 512, 2), (256, 1024, 2), (512, 512, 64)];

fn space() -> Space {
    Space::f32(&select(None).expect("a device"))
}

fn problem(width: usize, batch: usize, dim: usize) -> (Config, Problem) {
    let mut config = Config::new("moons", "score-vp").expect("a model");
    config.model.settings.insert("width".into(), (width as i64).into());
    config.model.settings.insert("depth".into(), 3.into());
    config.train.batch_size = batch;
    let mut problem = Problem::prepare(&config.data, 0).expect("a law");
    problem.rows = Arc::new(Rows::plain(Noise::new(3, 4096).normal_values(dim), dim));
    (config, problem)
}

fn training(c: &mut Criterion) {
    let entry = registry::model("score-vp").expect("a model");
    let mut group = c.benchmark_group("train step, width/batch/dim");
    group.sample_size(20);
    for (width, batch, dim) in SIZES {
        let (config, problem) = problem(width, batch, dim);
        let mut training = entry.begin(&config, &problem, &space()).expect("settings");
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("{width}/{batch}/{dim}"), |b| {
            rayon::scope(|_| b.iter(|| training.step()));
        });
    }
}

fn sampling(c: &mut Criterion) {
    let entry = registry::model("score-vp").expect("a model");
    let mut group = c.benchmark_group("sample 10 000 points, 100 Euler steps, width/dim");
    group.sample_size(10);
    group.throughput(Throughput::Elements(10_000));
    for (width, batch, dim) in SIZES {
        let (config, problem) = problem(width, batch, dim);
        let weights = entry.begin(&config, &problem, &space()).expect("settings").weights();
        let shape = Shape { dim, context: 0, image: None };
        let model = entry.open(&config, &shape, &weights, &space()).expect("weights");
        let plan = SampleConfig { solver: Solver::Euler, steps: 100 };
        group.bench_function(format!("{width}/{dim}"), |b| {
            b.iter(|| model.sample(&Noise::new(0, 10_000), None, &plan).expect("finite"));
        });
    }
}

fn activations(c: &mut Criterion) {
    let x: Tensor<2> = Noise::new(1, 512).normal(256, &space());
    let mut group = c.benchmark_group("activation of 512 × 256");
    group.throughput(Throughput::Elements(512 * 256));
    for kind in Activation::ALL {
        group.bench_function(BenchmarkId::new("kernel", format!("{kind:?}")), |b| {
            b.iter(|| black_box(ops::activate(kind, x.clone())));
        });
        group.bench_function(BenchmarkId::new("composed", format!("{kind:?}")), |b| {
            b.iter(|| black_box(composed::activate(kind, x.clone())));
        });
    }
}

fn derivatives(c: &mut Criterion) {
    let mut group = c.benchmark_group("derivatives, width 256, batch/dim");
    for (batch, dim) in [(256, 2), (64, 8)] {
        let net = MlpConfig { width: 256, depth: 3, frequencies: 16 };
        let (schedule, prediction) = (Named::Rectified, Prediction::Velocity);
        let config = DynamicsConfig { schedule, head: prediction.into(), net, uncertainty: false };
        let model = Dynamics::new(&config, dim, 0, &Noise::new(0, 1), &space());
        let field = model.given(None);
        let x: Tensor<2> = Noise::new(1, batch).normal(dim, &space());
        let t = Times::Same(0.5);
        group.bench_function(format!("value {batch}/{dim}"), |b| {
            b.iter(|| black_box(field.eval(x.clone(), t)));
        });
        group.bench_function(format!("jvp {batch}/{dim}"), |b| {
            b.iter(|| black_box(field.jvp(x.clone(), t, x.clone())));
        });
        group.bench_function(format!("divergence {batch}/{dim}"), |b| {
            b.iter(|| black_box(field.divergence(x.clone(), t)));
        });
    }
}

fn files(c: &mut Criterion) {
    let mut group = c.benchmark_group("files");
    group.sample_size(20);
    let entry = registry::model("score-vp").expect("a model");
    let (config, data) = problem(256, 256, 64);
    let training = entry.begin(&config, &data, &space()).expect("settings");
    let path = std::env::temp_dir().join(format!("transport-bench-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a temporary folder");
    let folder = Folder::new(&path);
    group.bench_function("write a checkpoint, width 256", |b| {
        b.iter(|| {
            let archive = Archive { weights: training.state(), ..Archive::default() };
            folder.write_checkpoint(&archive).expect("room on the disk");
        });
    });
    std::fs::remove_dir_all(&path).expect("a temporary folder");
    let digits = Config::new("digits", "score-vp").expect("a model");
    group.bench_function("load digits", |b| {
        b.iter(|| black_box(Problem::prepare(&digits.data, 0).expect("digits")));
    });
    group.finish();
}

criterion_group!(benches, training, sampling, activations, derivatives, files);
criterion_main!(benches);
