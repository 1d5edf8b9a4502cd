//! What models are made of and measured by: noise, discrepancies, plans, an oracle's velocity.
//!
//! cargo bench --bench primitives
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use transport::core::device::select;
use transport::core::{Field, Noise, Space, Times};
use transport::ot::cost::Euclidean;
use transport::ot::{Sinkhorn, assignment, energy_distance, sliced_w2};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a batch's pairs cost, by its size.
fn transport_plans(c: &mut Criterion) {
    let mut group = c.benchmark_group("plans between n points, d = 2");
    group.sample_size(10);
    for n in [128, 512, 2048] {
        let (x, y) = (Noise::new(1, n).normal_values(2), Noise::new(2, n).normal_values(2));
        let (cost, mass) =
            (Euclidean::squared(&x, &y, 2).expect("finite"), vec![1.0 / n as f64; n]);
        group.bench_with_input(BenchmarkId::new("assignment", n), &cost, |b, cost| {
            b.iter(|| assignment(black_box(cost)).expect("square"));
        });
        group.bench_with_input(BenchmarkId::new("Sinkhorn, ε = 0.1", n), &cost, |b, cost| {
            b.iter(|| Sinkhorn::new(0.1).solve(cost, &mass, &mass).expect("balanced"));
        });
    }
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

criterion_group!(benches, primitives, transport_plans);
criterion_main!(benches);
