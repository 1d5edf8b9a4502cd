//! What noise costs: steps on a fixed grid whose drift is a 3×64 network, without noise, with fresh
//! increments, and along a Brownian tree.
//!
//! cargo bench --bench sde_step
//!
//! The target is an Euler–Maruyama step within 1.5 Euler steps, and within 3 on a tree.
use burn::tensor::Tensor;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use transport::core::device::select;
use transport::core::{Field, Interval, Noise, Space, Times};
use transport::models::net::{Mlp, MlpConfig};
use transport::sde::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise};
use transport::sde::method::sde::BrownianTree;
use transport::sde::{Diffusion, Grid, Sde, Solver, Stepper, drive};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const N: usize = 1000;

struct Network(Mlp);

impl Network {
    fn new(d: usize, space: &Space) -> Self {
        let config = MlpConfig { width: 64, depth: 3, frequencies: 16 };
        Self(Mlp::new(&config, d, d, 0, &Noise::new(1, 1), space))
    }
}

impl Field for Network {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.forward(x, t, None)
    }
}

impl Sde for Network {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.eval(x, t)
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(0.5)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for Network {}
impl DiagonalNoise for Network {}

fn steps(c: &mut Criterion) {
    let space = Space::f32(&select(None).expect("a device"));
    for d in [2, 64] {
        let network = Network::new(d, &space);
        let start = Noise::new(0, N).normal(d, &space);
        let noise = Noise::new(2, N);
        let mut group = c.benchmark_group(format!("step, n = {N}, d = {d}"));
        group.sample_size(20);
        // 64 steps end on the tree's nodes; 50 steps cut its leaves.
        for steps in [64, 50] {
            let grid = Grid::uniform(Interval::UNIT, steps).expect("steps");
            let leaf = 1.0 / 64.0;
            let tree = || BrownianTree::new(&noise, d, Interval::UNIT, leaf).expect("a tolerance");
            let solve = |stepper: Option<Box<dyn Stepper + '_>>| {
                let mut stepper = stepper.expect("a method that fits");
                drive(&mut *stepper, start.clone(), &grid, |_, _, _| {}).expect("finite")
            };
            group.throughput(Throughput::Elements(steps as u64));
            group.bench_function(BenchmarkId::new("Euler", steps), |b| {
                b.iter(|| solve(Solver::Euler.on_field(&network)));
            });
            for solver in [Solver::EulerMaruyama, Solver::Shark] {
                group.bench_function(BenchmarkId::new(solver.name(), steps), |b| {
                    b.iter(|| solve(solver.on_sde(&network, &noise)));
                });
                let name = format!("{}, tree", solver.name());
                group.bench_function(BenchmarkId::new(name, steps), |b| {
                    b.iter(|| solve(solver.on_tree(&network, &tree())));
                });
            }
        }
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
