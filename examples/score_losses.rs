//! Every score-matching loss on one mixture: how near the trained network is to the exact score.
//!
//! cargo run --release --example score_losses [-- STEPS]
//!
//! The first table trains at one noise level and compares with the score of the law at that level;
//! the second trains denoising over all levels, by weighting.
use std::sync::Arc;
use std::time::Instant;
use transport::core::device::select;
use transport::core::law::{Gaussian, Mixture, OracleFlow, PointLaw};
use transport::core::schedule::Named;
use transport::core::{
    Head, Noise, Preconditioning, Prediction, Schedule, ScoredField, Space, Times,
};
use transport::models::{Dynamics, DynamicsConfig, net::MlpConfig};
use transport::train::batch::Rows;
use transport::train::objective::{
    DenoisingScoreMatching, ExplicitScoreMatching, FiniteDifferenceScoreMatching,
    ImplicitScoreMatching, Objective, SlicedScoreMatching, TimeLaw, Weighting,
};
use transport::train::optim::OptimConfig;
use transport::train::trainer::{LoopConfig, Trainer, finished};

const SCHEDULE: Named = Named::Vp;
const SIGMAS: [f64; 2] = [0.5, 0.2];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps = std::env::args().nth(1).map_or(Ok(4000), |word| word.parse())?;
    let lab = Lab { law: law()?, steps, space: Space::f32(&select(None)?) };
    let noise = Head::from(Prediction::Noise);
    println!("E‖s − s*‖²/E‖s*‖² against the score of q_σ, trained at that σ for {steps} steps");
    println!("{:<22} {:>9} {:>9} {:>9}", "loss", "σ = 0.5", "σ = 0.2", "seconds");
    lab.at_one_level("explicit", |times| ExplicitScoreMatching {
        oracle: OracleFlow { law: lab.law.clone(), schedule: SCHEDULE },
        times,
        weighting: Weighting::Uniform,
    })?;
    lab.at_one_level("denoising", |times| DenoisingScoreMatching { times, ..Default::default() })?;
    lab.at_one_level("implicit", |times| ImplicitScoreMatching { times, ..Default::default() })?;
    lab.at_one_level("sliced", |times| SlicedScoreMatching { times, ..Default::default() })?;
    lab.at_one_level("sliced, 4 directions", |times| SlicedScoreMatching {
        times,
        slices: 4,
        ..Default::default()
    })?;
    lab.at_one_level("finite difference", |times| FiniteDifferenceScoreMatching {
        times,
        ..Default::default()
    })?;

    println!("\nthe same after denoising over all levels");
    println!("{:<34} {:>9} {:>9} {:>9}", "head, times, weighting", "σ = 0.5", "σ = 0.2", "seconds");
    let normal = TimeLaw::LogNormal { mean: -1.2, std: 1.2 };
    let edm = Head::Edm(Preconditioning { sigma_data: 1.0 });
    for (name, head, times, weighting) in [
        ("noise, uniform, uniform", noise, TimeLaw::Uniform, Weighting::Uniform),
        ("data, uniform, SNR", Prediction::Data.into(), TimeLaw::Uniform, Weighting::Snr),
        ("v, uniform, uniform", Prediction::V.into(), TimeLaw::Uniform, Weighting::Uniform),
        ("score, uniform, uniform", Prediction::Score.into(), TimeLaw::Uniform, Weighting::Uniform),
        ("velocity, uniform, SNR", Prediction::Velocity.into(), TimeLaw::Uniform, Weighting::Snr),
        ("noise, uniform, likelihood", noise, TimeLaw::Uniform, Weighting::Likelihood),
        ("noise, log-SNR, likelihood", noise, TimeLaw::LogSnr, Weighting::Likelihood),
        ("noise, uniform, min-SNR", noise, TimeLaw::Uniform, Weighting::MinSnr { gamma: 5.0 }),
        ("EDM, log-normal, EDM", edm, normal, Weighting::Edm { sigma_data: 1.0 }),
        ("noise, uniform, learned", noise, TimeLaw::Uniform, Weighting::Learned),
        ("noise, 40 levels (NCSN), SNR", noise, TimeLaw::Geometric { levels: 40 }, Weighting::Snr),
    ] {
        weighting.check(head, SCHEDULE, times)?;
        let began = Instant::now();
        let model = lab.train(head, DenoisingScoreMatching { times, weighting })?;
        let seconds = began.elapsed().as_secs_f64();
        let [first, second] = SIGMAS.map(|sigma| lab.error(&model, time_of(sigma)));
        println!("{name:<34} {first:>9.4} {second:>9.4} {seconds:>9.0}");
    }
    Ok(())
}

/// Four unlike Gaussians.
fn law() -> Result<Mixture, Box<dyn std::error::Error>> {
    let components = vec![
        Gaussian::new(vec![-1.2, 0.5], vec![0.15, 0.08, 0.08, 0.12])?,
        Gaussian::new(vec![1.0, 1.0], vec![0.06, -0.02, -0.02, 0.20])?,
        Gaussian::isotropic(vec![0.3, -1.2], 0.3),
        Gaussian::isotropic(vec![1.3, -0.5], 0.2),
    ];
    Ok(Mixture::new(vec![0.4, 0.3, 0.2, 0.1], components)?)
}

/// The time of VP at which the noise has standard deviation σ.
fn time_of(sigma: f64) -> f64 {
    SCHEDULE.time_of_log_snr((1.0 - sigma * sigma).sqrt().ln() - sigma.ln())
}

struct Lab {
    law: Mixture,
    steps: u64,
    space: Space,
}

impl Lab {
    fn at_one_level<O: Objective<Dynamics>>(
        &self,
        name: &str,
        objective: impl Fn(TimeLaw) -> O,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let began = Instant::now();
        let mut errors = Vec::new();
        for t in SIGMAS.map(time_of) {
            let model = self.train(Prediction::Noise.into(), objective(TimeLaw::At(t)))?;
            errors.push(self.error(&model, t));
        }
        let seconds = 0.5 * began.elapsed().as_secs_f64();
        println!("{name:<22} {:>9.4} {:>9.4} {seconds:>9.0}", errors[0], errors[1]);
        Ok(())
    }

    fn train<O: Objective<Dynamics>>(
        &self,
        head: Head,
        objective: O,
    ) -> Result<Dynamics, Box<dyn std::error::Error>> {
        let net = MlpConfig { width: 128, depth: 3, frequencies: 16 };
        let config = DynamicsConfig { schedule: SCHEDULE, head, net, uncertainty: true };
        let model = Dynamics::new(&config, 2, 0, &Noise::new(0, 1), &self.space);
        let rows = Rows::plain(self.law.draws(&Noise::new(1, 200_000)), 2);
        let train =
            LoopConfig { steps: self.steps, batch_size: 512, shards: 1, ..LoopConfig::default() };
        let optim = OptimConfig::default();
        let rows = Arc::new(rows);
        let trainer = Trainer::new(model, objective, rows, train, optim, &self.space);
        Ok(finished(trainer).averaged()?)
    }

    /// `E‖s − s*‖²/E‖s*‖²` on 20,000 points of `q_t`.
    fn error(&self, model: &Dynamics, t: f64) -> f64 {
        let (oracle, n) = (OracleFlow { law: self.law.clone(), schedule: SCHEDULE }, 20_000);
        let x = self.space.tensor(oracle.at(t).draws(&Noise::new(7, n)), [n, 2]);
        let own = model.given(None).velocity_and_score(x.clone(), Times::Same(t)).1;
        let exact = oracle.velocity_and_score(x, Times::Same(t)).1;
        let error = (own - exact.clone()).powi_scalar(2).mean().into_scalar::<f64>();
        error / exact.powi_scalar(2).mean().into_scalar::<f64>()
    }
}
