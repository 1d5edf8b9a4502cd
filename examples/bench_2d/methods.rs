//! The methods of the planar benchmark, all on the same network and budget.

use crate::laws::{Task, draws};
use std::error::Error;
use std::sync::Arc;
use transport::core::device::to_host;
use transport::core::law::PointLaw;
use transport::core::{Field, Noise, Space};
use transport::kernels::Activation;
use transport::models::bridge::FlowAndScore;
use transport::models::net::{TimeMlp, TimeMlpConfig};
use transport::ot::Coupling;
use transport::train::batch::Rows;
use transport::train::bridge::{
    Conditional, Coupled, Ends, FlowAndScoreMatching, Imf, ImfConfig, Source, VelocityMatching,
    transported,
};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};

pub const METHODS: [&str; 11] = [
    "fm",
    "i-cfm",
    "ot-cfm",
    "sb-cfm",
    "rf",
    "sf2m-exact",
    "sf2m-i",
    "dsbm-imf",
    "torchcfm-i-cfm",
    "torchcfm-ot-cfm",
    "stream",
];

/// Rows that the target is drawn into before training.
pub const ROWS: usize = 200_000;
/// Rows of a step.
pub const BATCH: usize = 512;
const NET: TimeMlpConfig = TimeMlpConfig { width: 64, depth: 3 };
const SELU: Activation = Activation::Selu;
/// The blur of straight paths, and the reference of bridges.
const BLUR: f64 = 0.1;
const SIGMA: f64 = 1.0;

pub struct Budget {
    pub steps: u64,
    pub seed: u64,
}

impl Budget {
    fn train(&self, share: u64) -> LoopConfig {
        LoopConfig {
            steps: self.steps / share,
            batch_size: BATCH,
            shards: 1,
            seed: self.seed,
            ..LoopConfig::default()
        }
    }

    fn optim(&self) -> OptimConfig {
        OptimConfig { lr: 1e-3, ..OptimConfig::default() }
    }
}

fn rows(values: Vec<f64>) -> Arc<Rows> {
    Arc::new(Rows::plain(values, 2))
}

/// The velocity of the method's probability flow, trained.
pub fn fit(
    task: &Task,
    method: &str,
    budget: &Budget,
    space: &Space,
) -> Result<Box<dyn Field>, Box<dyn Error>> {
    let data = rows(draws(&task.target, budget.seed, "train", ROWS));
    let matching = |coupling: Coupling, path| Coupled {
        ends: Ends::Drawn {
            source: Source::Law(Arc::clone(&task.source)),
            pairing: coupling.into(),
        },
        path,
    };
    let straight = Conditional::Straight { sigma: BLUR };
    let brownian = Conditional::Brownian { sigma: SIGMA };
    Ok(match method {
        "fm" => flow(
            matching(Coupling::Independent, Conditional::Lipman { sigma: BLUR }),
            data,
            budget,
            1,
            space,
        )?,
        "i-cfm" => flow(matching(Coupling::Independent, straight), data, budget, 1, space)?,
        "ot-cfm" => flow(matching(Coupling::Exact, straight), data, budget, 1, space)?,
        "sb-cfm" => {
            let epsilon = 2.0 * SIGMA * SIGMA;
            flow(matching(Coupling::Sinkhorn { epsilon }, brownian), data, budget, 1, space)?
        }
        "rf" => rectified(
            task,
            matching(Coupling::Independent, Conditional::Straight { sigma: 0.0 }),
            data,
            budget,
            space,
        )?,
        "sf2m-exact" => bridge(matching(Coupling::Exact, brownian), data, budget, space)?,
        "sf2m-i" => bridge(matching(Coupling::Independent, brownian), data, budget, space)?,
        "dsbm-imf" => imf(task, budget, space),
        other => return Err(format!("no method {other}").into()),
    })
}

/// The network of a velocity before training.
pub fn network(seed: u64, space: &Space) -> TimeMlp {
    TimeMlp::new(&NET, 2, 0, SELU, &Noise::new(seed, 1).purpose("init"), space)
}

fn trained(
    objective: Coupled,
    data: Arc<Rows>,
    budget: &Budget,
    share: u64,
    space: &Space,
) -> Result<TimeMlp, Box<dyn Error>> {
    let trainer = Trainer::new(
        network(budget.seed, space),
        VelocityMatching(objective),
        data,
        budget.train(share),
        budget.optim(),
        space,
    );
    Ok(finished(trainer).averaged()?)
}

fn flow(
    objective: Coupled,
    data: Arc<Rows>,
    budget: &Budget,
    share: u64,
    space: &Space,
) -> Result<Box<dyn Field>, Box<dyn Error>> {
    Ok(Box::new(trained(objective, data, budget, share, space)?))
}

/// Half of the steps on independent pairs, half on the pairs that the first flow makes.
fn rectified(
    task: &Task,
    objective: Coupled,
    data: Arc<Rows>,
    budget: &Budget,
    space: &Space,
) -> Result<Box<dyn Field>, Box<dyn Error>> {
    let path = objective.path;
    let first = trained(objective, data, budget, 2, space)?;
    let starts = task.source.draws(&Noise::new(budget.seed, ROWS >> 1).purpose("reflow"));
    let count = starts.len() / 2;
    let ends = to_host(transported(&first, space.tensor(starts.clone(), [count, 2]), 100).end);
    let pairs = starts.chunks_exact(2).zip(ends.chunks_exact(2));
    let pairs = Rows::plain(pairs.flat_map(|(a, b)| a.iter().chain(b)).copied(), 4);
    let again = Coupled { ends: Ends::Given, path };
    flow(again, Arc::new(pairs), budget, 2, space)
}

fn bridge(
    objective: Coupled,
    data: Arc<Rows>,
    budget: &Budget,
    space: &Space,
) -> Result<Box<dyn Field>, Box<dyn Error>> {
    let init = Noise::new(budget.seed, 1).purpose("init");
    let model = FlowAndScore::new(&NET, 2, SELU, SIGMA, &init, space);
    let objective = FlowAndScoreMatching(objective);
    let trainer = Trainer::new(model, objective, data, budget.train(1), budget.optim(), space);
    Ok(Box::new(finished(trainer).averaged()?))
}

fn imf(task: &Task, budget: &Budget, space: &Space) -> Box<dyn Field> {
    let fits = 20;
    let config = ImfConfig {
        sigma: SIGMA,
        fits,
        steps: budget.steps / fits,
        pairs: 10_000,
        simulation: 100,
        net: NET,
        activation: SELU,
    };
    let law = |law: &Arc<dyn PointLaw>| Source::Law(Arc::clone(law));
    let (source, target) = (law(&task.source), law(&task.target));
    Box::new(
        finished(Imf::new(config, source, target, budget.train(1), budget.optim(), space)).drifts(),
    )
}
