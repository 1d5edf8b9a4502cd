//! Where the time goes in the main job: a training step, sampling, noise, discrepancies.
//!
//! cargo bench --bench first
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use transport::core::device::select;
use transport::core::{Field, Noise, Space, Times};
use transport::ot::{energy_distance, sliced_w2};
use transport::train::config::Config;
use transport::train::problem::Problem;
use transport::train::registry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn training(c: &mut Criterion) {
    let space = Space::f32(&select(None).expect("a device"));
    let mut group = c.benchmark_group("train step, width/batch/shards");
    group.sample_size(20);
    for (width, batch, shards) in [(64, 256, 1), (64, 256, 2), (256, 256, 1), (256, 256, 2)] {
        let mut config = Config::new("digits", "flow-matching").expect("a model");
        config.model.settings.insert("width".into(), width.into());
        config.train.batch_size = batch;
        config.train.shards = shards;
        let problem = Problem::prepare(&config.data, 0).expect("digits");
        let entry = registry::model("flow-matching").expect("a model");
        let mut training = entry.begin(&config, &problem, &space).expect("settings");
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("{width}/{batch}/{shards}"), |b| b.iter(|| training.step()));
    }
}

fn sampling(c: &mut Criterion) {
    let space = Space::f32(&select(None).expect("a device"));
    let config = Config::new("digits", "flow-matching").expect("a model");
    let entry = registry::model("flow-matching").expect("a model");
    let problem = Problem::prepare(&config.data, 0).expect("digits");
    let weights = entry.begin(&config, &problem, &space).expect("settings").weights();
    let model = entry.open(&config, &problem.schema.shape(), &weights, &space).expect("weights");
    let mut group = c.benchmark_group("sample 1000 digits, 50 Heun steps");
    group.sample_size(10);
    group.throughput(Throughput::Elements(1000));
    group.bench_function("flow-matching", |b| {
        b.iter(|| model.sample(&Noise::new(0, 1000), None, &config.sample).expect("finite"));
    });
}

fn primitives(c: &mut Criterion) {
    let space = Space::f32(&select(None).expect("a device"));
    let mut group = c.benchmark_group("primitives");
    for n in [256, 4096] {
        group.throughput(Throughput::Elements(n as u64 * 64));
        group.bench_with_input(BenchmarkId::new("normal draws, d = 64", n), &n, |b, n| {
            b.iter(|| Noise::new(1, *n).normal(64, &space));
        });
    }
    let (x, y) = (Noise::new(1, 1000).normal_values(8), Noise::new(2, 1000).normal_values(8));
    group.bench_function("energy distance 1000 × 1000, d = 8", |b| {
        b.iter(|| energy_distance(black_box(&x), black_box(&y), 8));
    });
    group.bench_function("sliced W2 1000 × 1000, d = 8, 256 directions", |b| {
        b.iter(|| sliced_w2(black_box(&x), black_box(&y), 8, 256, &Noise::new(0, 1)));
    });
    let flow = transport::core::law::OracleFlow {
        law: transport::core::law::Mixture::circle(8, 3.0, 0.2),
        schedule: transport::core::schedule::Rectified,
    };
    let points = Noise::new(1, 1000).normal(2, &space);
    group.bench_function("oracle velocity, 8 modes, 1000 points", |b| {
        b.iter(|| flow.eval(points.clone(), Times::Same(0.5)));
    });
    group.finish();
}

criterion_group!(benches, training, sampling, primitives);
criterion_main!(benches);
