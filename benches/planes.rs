//! Convolutions and group norms of the sizes of a U-Net: the kernels beside Burn's own operations,
//! the value alone and with its gradients.
//!
//! cargo bench --bench planes
use burn::tensor::Tensor;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use transport::core::{Noise, Space, device::select};
use transport::kernels::convolution::{Kernel, composed_convolve, convolve};
use transport::kernels::group_norm::{Norm, composed_group_norm, group_norm};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HALVING: Kernel = Kernel { side: 3, stride: 2, border: 1 };

/// Images, planes before and after, a side in pixels.
const SIZES: [([usize; 4], Kernel); 8] = [
    ([32, 16, 16, 28], Kernel { side: 3, stride: 1, border: 1 }),
    ([32, 64, 64, 28], Kernel { side: 3, stride: 1, border: 1 }),
    ([32, 32, 32, 14], Kernel { side: 3, stride: 1, border: 1 }),
    ([32, 128, 64, 7], Kernel { side: 3, stride: 1, border: 1 }),
    ([128, 64, 64, 8], Kernel { side: 3, stride: 1, border: 1 }),
    ([128, 128, 128, 4], Kernel { side: 3, stride: 1, border: 1 }),
    ([32, 64, 64, 14], HALVING),
    ([32, 64, 64, 14], Kernel { side: 1, stride: 1, border: 0 }),
];

fn space() -> Space {
    Space::f32(&select(None).expect("a device"))
}

fn normal(seed: u64, [n, c, h, w]: [usize; 4]) -> Tensor<4> {
    Noise::new(seed, n).normal(c * h * w, &space()).reshape([n, c, h, w])
}

/// One pass forwards, and backwards into every argument.
fn gradients<const N: usize>(
    arguments: [Tensor<4>; N],
    f: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) -> Tensor<4> {
    let tracked = arguments.map(|x| Tensor::<4>::from_inner(x).require_grad());
    let g = f(tracked.clone()).sum().backward();
    tracked[0].grad(&g).expect("a gradient")
}

type Convolve = fn(Tensor<4>, Tensor<4>, Tensor<1>, Kernel) -> Tensor<4>;

fn convolutions(c: &mut Criterion) {
    let mut group = c.benchmark_group("convolution, images×planes→planes side");
    group.sample_size(20);
    let sides: [(&str, Convolve); 2] = [("kernel", convolve), ("composed", composed_convolve)];
    for ([n, planes, outputs, side], kernel) in SIZES {
        let x = normal(1, [n, planes, side, side]);
        let w = normal(2, [outputs, planes, kernel.side, kernel.side]);
        let bias: Tensor<1> = space().tensor(vec![0.0; outputs], [outputs]);
        let products = n * outputs * kernel.places(side).pow(2) * planes * kernel.side.pow(2);
        group.throughput(Throughput::Elements(products as u64));
        let Kernel { side: k, stride, .. } = kernel;
        let what = format!("{n}×{planes}→{outputs} {side} kernel {k} stride {stride}");
        for (name, f) in sides {
            group.bench_function(BenchmarkId::new(name, &what), |b| {
                b.iter(|| black_box(f(x.clone(), w.clone(), bias.clone(), kernel)));
            });
            group.bench_function(BenchmarkId::new(format!("{name}, gradients"), &what), |b| {
                let of = |[x, w]: [Tensor<4>; 2]| f(x, w, Tensor::from_inner(bias.clone()), kernel);
                b.iter(|| black_box(gradients([x.clone(), w.clone()], of)));
            });
        }
    }
}

type Normalise = fn(Tensor<4>, Tensor<2>, Tensor<2>, Norm) -> Tensor<4>;

fn norms(c: &mut Criterion) {
    let mut group = c.benchmark_group("group norm and silu, images×planes side");
    group.sample_size(20);
    let sides: [(&str, Normalise); 2] = [("kernel", group_norm), ("composed", composed_group_norm)];
    let norm = Norm { groups: 8, epsilon: 1e-5, silu: true };
    for [n, planes, side] in [[32, 16, 28], [32, 64, 28], [128, 64, 8], [128, 128, 4]] {
        let x = normal(1, [n, planes, side, side]);
        let [scale, shift]: [Tensor<2>; 2] =
            [2, 3].map(|k| Noise::new(k, n).normal(planes, &space()));
        group.throughput(Throughput::Elements((n * planes * side * side) as u64));
        let what = format!("{n}×{planes} {side}");
        for (name, f) in sides {
            group.bench_function(BenchmarkId::new(name, &what), |b| {
                b.iter(|| black_box(f(x.clone(), scale.clone(), shift.clone(), norm)));
            });
            group.bench_function(BenchmarkId::new(format!("{name}, gradients"), &what), |b| {
                let of = |[x]: [Tensor<4>; 1]| {
                    let [scale, shift] = [&scale, &shift].map(|x| Tensor::from_inner(x.clone()));
                    f(x, scale, shift, norm)
                };
                b.iter(|| black_box(gradients([x.clone()], of)));
            });
        }
    }
}

criterion_group!(benches, convolutions, norms);
criterion_main!(benches);
