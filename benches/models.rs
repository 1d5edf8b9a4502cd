//! Each family of models at its own settings: a training step, sampling by solver, and for the
//! normalizing flows densities and samples.
//!
//! cargo bench --bench models
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use transport::core::{Noise, Space, device::select};
use transport::data::{Table, write_npy};
use transport::train::batch::Rows;
use transport::train::config::{Config, SampleConfig};
use transport::train::problem::Problem;
use transport::train::registry::{self, Entry, Generator, MODELS};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 1000;

/// A file of points on the torus.
fn angles() -> String {
    let path = std::env::temp_dir().join(format!("transport-angles-{}.npy", std::process::id()));
    let angles = Noise::new(1, ROWS).normal_values(2).into_iter().map(f64::sin).collect();
    let table = Table::new(vec!["a".into(), "b".into()], angles).expect("two columns");
    write_npy(&path, &table).expect("room for a file");
    path.display().to_string()
}

/// A model on data that suit it: digits for the makers of images, moons for the others.
struct Case {
    name: &'static str,
    config: Config,
    problem: Problem,
    space: Space,
}

impl Case {
    fn new(entry: &dyn Entry) -> Self {
        let images = entry.images_only() || entry.name() == "dcgan";
        let data = match entry.name() {
            "nsf-circular" => angles(),
            _ if images => "digits".to_owned(),
            _ => "moons".to_owned(),
        };
        let config = Config::new(&data, entry.name()).expect("a model");
        let problem = Problem::prepare(&config.data, 0).expect("readable");
        if entry.name() == "nsf-circular" {
            std::fs::remove_file(&data).expect("the file of angles");
        }
        let space = Space::f32(&select(None).expect("a device"));
        Self { name: entry.name(), config, problem, space }
    }

    /// The untrained model: its speed is that of a trained one.
    fn open(&self) -> Box<dyn Generator> {
        let entry = registry::model(self.name).expect("a model");
        let weights =
            entry.begin(&self.config, &self.problem, &self.space).expect("fits").weights();
        let shape = self.problem.schema.shape();
        entry.open(&self.config, &shape, &weights, &self.space).expect("its own weights")
    }

    fn states(&self) -> Vec<f64> {
        let Rows { states, dim, .. } = &*self.problem.rows;
        states.iter().take(ROWS * dim).map(|v| f64::from(*v)).collect()
    }
}

fn training(c: &mut Criterion) {
    let mut group = c.benchmark_group("train step");
    group.sample_size(10);
    for entry in MODELS.iter().filter(|entry| entry.name() != "gaussian") {
        let case = Case::new(*entry);
        let mut training = entry.begin(&case.config, &case.problem, &case.space).expect("fits");
        group.throughput(Throughput::Elements(case.config.train.batch_size as u64));
        group.bench_function(case.name, |b| rayon::scope(|_| b.iter(|| training.step())));
    }
}

fn solvers(c: &mut Criterion) {
    let mut group = c.benchmark_group("sample 1000 moons in 20 steps");
    group.sample_size(10);
    group.throughput(Throughput::Elements(ROWS as u64));
    for name in ["flow-matching", "score-vp"] {
        let entry = registry::model(name).expect("a model");
        let model = Case::new(entry).open();
        for solver in entry.capabilities().solvers {
            let plan = SampleConfig { solver: *solver, steps: 20 };
            group.bench_function(format!("{name}, {}", solver.name()), |b| {
                b.iter(|| model.sample(&Noise::new(0, ROWS), None, &plan).expect("finite"));
            });
        }
    }
}

fn flows(c: &mut Criterion) {
    let mut group = c.benchmark_group("flows, 1000 rows");
    group.sample_size(10);
    group.throughput(Throughput::Elements(ROWS as u64));
    let is_flow = |entry: &&&dyn Entry| {
        let can = entry.capabilities();
        can.log_prob && !can.path && entry.name() != "gaussian"
    };
    for entry in MODELS.iter().filter(is_flow) {
        let case = Case::new(*entry);
        let (model, states, plan) = (case.open(), case.states(), case.config.sample);
        group.bench_function(format!("log p, {}", case.name), |b| {
            b.iter(|| black_box(model.log_prob(&states, None, &plan).expect("finite")));
        });
        group.bench_function(format!("sample, {}", case.name), |b| {
            b.iter(|| model.sample(&Noise::new(0, ROWS), None, &plan).expect("finite"));
        });
    }
}

criterion_group!(benches, training, solvers, flows);
criterion_main!(benches);
