//! Held-out log-likelihood of the normalizing flows beside zuko's: our side of
//! `benches/flow_nll.py`, which prepares the arrays and compares.
//!
//! The flows in their plain form, of zuko's shape: three transforms, networks of two hidden layers
//! of 64 with ReLU, masks that alternate (couplings) or an order that reverses (autoregressive),
//! splines of 8 bins. Adam, gradients clipped to norm 1, warm-up and cosine, the validation set
//! every 100 steps: the weights that are best there are tested, in nats a row. With `--blocks` the
//! flows have our own blocks instead: a linear layer and an actnorm behind every transform,
//! residual networks with SiLU. A row of the output is written when its run is done; runs that are
//! in it already are not repeated.
//! With `--share` the first weights of RealNVP and the rows of its steps are written beside the
//! arrays, for `benches/peers/zuko_peer.py --share`.
//!
//! `cargo run --release --example flow_nll -- ARRAYS OUT.csv [--blocks] [--models m,m] [--sets s,s]
//! [--seeds 3] [--share]`

mod shared;

use burn::tensor::Tensor;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use transport::core::device::{select, to_host};
use transport::core::{Noise, Space};
use transport::data::read_npy;
use transport::models::flow::{Element, Reading, Reference};
use transport::models::net::ConditionerConfig;
use transport::models::{Flow, FlowConfig};
use transport::train::batch::Rows;
use transport::train::objective::MaximumLikelihood;
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, Training};
use transport::train::weights::Weights;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

const MODELS: &str = "realnvp,maf,nsf,nsf-ar";
const SETS: &str = "wine,parkinsons,airfoil,power";
const STEPS: u64 = 2000;
const BATCH: usize = 256;
const EVERY: u64 = 100;
const OPTIM: OptimConfig = OptimConfig {
    lr: 2e-3,
    warmup: 100,
    weight_decay: 0.0,
    clip: 1.0,
    ema: 0.0,
    relative: 0.0,
    snapshots: 1,
};
/// Rows that a density is computed for at once.
const CHUNK: usize = 512;

fn config(model: &str) -> Option<FlowConfig> {
    let (coupling, autoregressive) = (Reading::Coupling, Reading::Autoregressive);
    let (reading, element) = match model {
        "realnvp" => (coupling, Element::Affine),
        "maf" => (autoregressive, Element::Affine),
        "nsf" => (coupling, Element::Spline { bins: 8 }),
        "nsf-ar" => (autoregressive, Element::Spline { bins: 8 }),
        _ => return None,
    };
    let net = ConditionerConfig { width: 64, depth: 2 };
    let reference = Reference::Gaussian;
    Some(FlowConfig { reading, element, layers: 3, net, reference })
}

/// A part of a set: row-major values and the number of columns.
struct Part(Vec<f32>, usize);

impl Part {
    fn read(folder: &Path, set: &str, split: u64, part: &str) -> Result<Self, Failure> {
        let data = read_npy(&folder.join(format!("{set}.{split}.{part}.npy")))?;
        let values = data.table.values().iter().map(|v| *v as f32).collect();
        Ok(Self(values, data.table.cols()))
    }

    /// `−mean log p`, in nats a row.
    fn nll(&self, model: &Flow, space: &Space) -> f64 {
        let Self(values, d) = self;
        let chunks = values.chunks(CHUNK * d);
        let total: f64 = chunks
            .flat_map(|rows| {
                let x: Tensor<2> = space.tensor_f32(rows.to_vec(), [rows.len() / d, *d]);
                to_host(model.log_prob(x, None))
            })
            .sum();
        -total * *d as f64 / values.len() as f64
    }
}

/// What a run came to.
struct Found {
    test: f64,
    validation: f64,
    step: u64,
    rate: f64,
}

fn run(model: Flow, parts: &[Part; 3], seed: u64, space: &Space) -> Result<Found, Failure> {
    let [train, validation, test] = parts;
    let rows = Rows { states: train.0.clone(), dim: train.1, contexts: Vec::new(), context_dim: 0 };
    let config =
        LoopConfig { steps: STEPS, batch_size: BATCH, shards: 2, seed, ..LoopConfig::default() };
    let objective = MaximumLikelihood { spacing: 0.0 };
    let mut training = Trainer::new(model.clone(), objective, Arc::new(rows), config, OPTIM, space);
    let mut best: Option<(f64, u64, Weights)> = None;
    let mut spent = Duration::ZERO;
    while training.steps_done() < STEPS {
        let start = Instant::now();
        (0..EVERY).for_each(|_| _ = training.step());
        spent += start.elapsed();
        // Without averaging the weights are the last step's.
        let weights = training.weights();
        let value = validation.nll(&weights.fill(model.clone())?, space);
        if best.as_ref().is_none_or(|(least, ..)| value < *least) {
            best = Some((value, training.steps_done(), weights));
        }
    }
    let (validation, step, weights) = best.ok_or("no finite validation loss")?;
    let test = test.nll(&weights.fill(model)?, space);
    Ok(Found { test, validation, step, rate: STEPS as f64 / spent.as_secs_f64() })
}

/// The command line.
struct Request {
    arrays: PathBuf,
    out: PathBuf,
    blocks: bool,
    share: bool,
    models: String,
    sets: String,
    seeds: u64,
}

fn request() -> Result<Request, Failure> {
    let mut free = Vec::new();
    let (mut blocks, mut share, mut seeds) = (false, false, 3);
    let (mut models, mut sets) = (MODELS.to_owned(), SETS.to_owned());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--blocks" => blocks = true,
            "--share" => share = true,
            "--models" => models = words.next().ok_or("--models needs names")?,
            "--sets" => sets = words.next().ok_or("--sets needs names")?,
            "--seeds" => seeds = words.next().ok_or("--seeds needs a number")?.parse()?,
            _ => free.push(PathBuf::from(word)),
        }
    }
    let usage = "usage: flow_nll ARRAYS OUT.csv [--blocks] [--models m,m] [--sets s,s] [--seeds 3] [--share]";
    let [arrays, out] = <[PathBuf; 2]>::try_from(free).map_err(|_| usage)?;
    Ok(Request { arrays, out, blocks, share, models, sets, seeds })
}

fn flow(config: &FlowConfig, train: &Part, seed: u64, blocks: bool, space: &Space) -> Flow {
    let Part(values, d) = train;
    let noise = Noise::new(seed, 1);
    // The configurations are ours, and the tables have several columns.
    let model = Flow::new(config, *d, 0, &noise, space).expect("a flow of that kind");
    if !blocks {
        return model.plain(&noise, space);
    }
    let n = (values.len() / d).min(1024);
    model.started(space.tensor_f32(values[..n * d].to_vec(), [n, *d]), None)
}

fn main() -> Result<(), Failure> {
    let Request { arrays, out, blocks, share, models, sets, seeds } = request()?;
    if share && (blocks || models != "realnvp") {
        return Err("--share goes with `--models realnvp`, in its plain form".into());
    }
    let space = Space::f32(&select(None)?);
    let done = std::fs::read_to_string(&out).unwrap_or_default();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&out)?;
    if done.is_empty() {
        writeln!(file, "set,model,split,seed,test,validation,step,rate")?;
    }
    for (split, seed) in (0..3).flat_map(|split: u64| (0..seeds).map(move |seed| (split, seed))) {
        for set in sets.split(',') {
            let part = |name: &str| Part::read(&arrays, set, split, name);
            let parts = [part("train")?, part("validation")?, part("test")?];
            for name in models.split(',') {
                let key = format!("{set},{name},{split},{seed},");
                if done.lines().any(|line| line.starts_with(&key)) {
                    continue;
                }
                let config = config(name).ok_or_else(|| format!("no model `{name}`"))?;
                let model = flow(&config, &parts[0], seed, blocks, &space);
                if share {
                    let at = |what: &str| arrays.join(format!("{set}.{split}.{seed}.{what}.npy"));
                    shared::weights(&at("weights"), &model)?;
                    shared::order(&at("order"), parts[0].0.len() / parts[0].1, seed)?;
                }
                // On a worker of the pool, as the training loop runs.
                let Found { test, validation, step, rate } =
                    rayon::scope(|_| run(model, &parts, seed, &space).map_err(|e| e.to_string()))?;
                writeln!(file, "{key}{test},{validation},{step},{rate}")?;
            }
        }
    }
    Ok(())
}
