//! A learned diffusion sampled as an ODE (DPM-Solver++(2M)) and as an SDE (its stochastic sibling):
//! the same law by a two-sample test, and another one when the score is 5 % too large.
//!
//! cargo run --release --example score_mmd [-- STEPS]
//!
//! MMD with a Gaussian kernel as wide as a mode; 499 random relabellings make the level exact.
use burn::tensor::Tensor;
use std::sync::Arc;
use transport::core::device::{select, to_host};
use transport::core::law::{Mixture, PointLaw};
use transport::core::schedule::Named;
use transport::core::{Denoiser, Noise, Prediction, Schedule, Space, Times};
use transport::models::{Dynamics, DynamicsConfig, Given, net::MlpConfig};
use transport::ot::discrepancy::TestResult;
use transport::ot::mmd_test;
use transport::sde::method::diffusion::{Dpmpp2M, DpmppSde2M};
use transport::sde::{DiffusionFlow, Grid, GridError};
use transport::train::batch::Rows;
use transport::train::objective::{DenoisingScoreMatching, TimeLaw, Weighting};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};

type Fault = Box<dyn std::error::Error>;
const SCHEDULE: Named = Named::Vp;
const N: usize = 10_000;
/// The standard deviation of a mode.
const BANDWIDTH: f64 = 0.4;

fn main() -> Result<(), Fault> {
    let steps = std::env::args().nth(1).map_or(Ok(8000), |word| word.parse())?;
    let space = Space::f32(&select(None)?);
    let model = trained(steps, &space)?;
    let draw = |stochastic, factor, seed| {
        sample(&model, factor, &Draws { stochastic, seed, space: &space })
    };
    let (ode, sde) = (draw(false, 1.0, 1)?, draw(true, 1.0, 2)?);
    let (other_ode, other_sde) = (draw(false, 1.0, 3)?, draw(true, 1.0, 4)?);
    let (scaled_ode, scaled_sde) = (draw(false, 1.05, 1)?, draw(true, 1.05, 2)?);
    println!("{:<40} {:>10} {:>8}  at α = 0.01", "samples (n = 10,000 each)", "MMD²", "p");
    for (name, a, b) in [
        ("ODE against SDE", &ode, &sde),
        ("ODE against SDE, other draws", &other_ode, &other_sde),
        ("ODE against SDE with the score × 1.05", &ode, &scaled_sde),
        ("ODE with the score × 1.05 against SDE", &scaled_ode, &sde),
        ("both with the score × 1.05", &scaled_ode, &scaled_sde),
    ] {
        let noise = Noise::new(1, 1).purpose("relabel");
        let TestResult { statistic, p_value } = mmd_test(a, b, 2, Some(BANDWIDTH), 499, &noise);
        let verdict = if p_value <= 0.01 { "rejected" } else { "agree" };
        println!("{name:<40} {statistic:>10.2e} {p_value:>8.3}  {verdict}");
    }
    Ok(())
}

fn trained(steps: u64, space: &Space) -> Result<Dynamics, Fault> {
    let law = Mixture::circle(3, 1.2, 0.4);
    let net = MlpConfig { width: 128, depth: 4, frequencies: 16 };
    let head = Prediction::Noise.into();
    let config = DynamicsConfig { schedule: SCHEDULE, head, net, uncertainty: false };
    let model = Dynamics::new(&config, 2, 0, &Noise::new(0, 1), space);
    let rows = Arc::new(Rows::plain(law.draws(&Noise::new(1, 200_000)), 2));
    let train = LoopConfig { steps, batch_size: 512, shards: 1, ..LoopConfig::default() };
    let objective =
        DenoisingScoreMatching { times: TimeLaw::LogSnr, weighting: Weighting::Likelihood };
    let optim = OptimConfig::default();
    let trainer = Trainer::new(model, objective, rows, train, optim, space);
    Ok(finished(trainer).averaged()?)
}

/// A denoiser whose score is `factor` times as large: `E[x₀ | x] = −σ s` too, and the data follow.
struct Scaled<'a> {
    model: Given<'a>,
    factor: f64,
}

impl Denoiser for Scaled<'_> {
    fn schedule(&self) -> &dyn Schedule {
        self.model.schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.posterior(x, t).0
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let noise = self.model.posterior(x.clone(), t).1.mul_scalar(self.factor);
        let data = Prediction::Noise.convert(Prediction::Data, noise.clone(), x, t, &SCHEDULE);
        (data, noise)
    }
}

/// Rows of a chunk, whose activations stay in a core's cache.
const CHUNK: usize = 500;

fn sample(model: &Dynamics, factor: f64, draws: &Draws) -> Result<Vec<f64>, Fault> {
    let noise = Noise::new(draws.seed, N);
    let mut values = Vec::with_capacity(2 * N);
    for first in (0..N).step_by(CHUNK) {
        let noise = noise.rows(first..first + CHUNK);
        let start = noise.purpose("reference").normal(2, draws.space);
        let (field, grid) = (Scaled { model: model.given(None), factor }, draws.grid()?);
        values.extend(to_host(match draws.stochastic {
            false => DiffusionFlow::new(field, grid, Dpmpp2M::default())?.solve(start, &noise)?,
            true => DiffusionFlow::new(field, grid, DpmppSde2M::default())?.solve(start, &noise)?,
        }));
    }
    Ok(values)
}

/// Which samples are drawn.
struct Draws<'a> {
    stochastic: bool,
    seed: u64,
    space: &'a Space,
}

impl Draws<'_> {
    /// A stochastic method is of first order: twice the steps.
    fn grid(&self) -> Result<Grid, GridError> {
        Grid::sampling(&SCHEDULE, if self.stochastic { 200 } else { 100 })
    }
}
