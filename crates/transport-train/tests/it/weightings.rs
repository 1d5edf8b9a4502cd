//! Weights and laws of times against their published forms, and the combinations that have none.

use crate::{folder, small};
use burn::tensor::Tensor;
use std::sync::Arc;
use transport_core::process::{LinearSde, Vp};
use transport_core::schedule::Named;
use transport_core::{Head, Noise, Preconditioning, Prediction, Schedule, Space, Times, device};
use transport_models::net::MlpConfig;
use transport_models::{Dynamics, DynamicsConfig};
use transport_train::batch::Rows;
use transport_train::config::ConfigError;
use transport_train::objective::{
    Batch, DenoisingScoreMatching, ObjectiveError, TimeLaw, Weighting, geometric,
};
use transport_train::optim::OptimConfig;
use transport_train::trainer::{LoopConfig, Trainer, Training};
use transport_train::{Config, Mode, Run, Silent, train};

const UNIFORM: TimeLaw = TimeLaw::Uniform;

fn head(prediction: Prediction) -> Head {
    prediction.into()
}

fn snr(schedule: Named, t: f64) -> f64 {
    (2.0 * schedule.log_snr(t)).exp()
}

fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{got} against {expected}");
}

/// Hang et al. (2023), §3.4: min(SNR, γ) on the data, min(SNR, γ)/SNR on the noise, and
/// min(SNR, γ)/(SNR + 1) on v where α² + σ² = 1. Ho et al. (2020), L_simple: 1 on the noise.
#[test]
fn weights_are_the_published_ones() {
    for t in [0.05, 0.4, 0.8, 0.99] {
        let ratio = snr(Named::Vp, t);
        let on = |w: Weighting, p: Prediction| w.at(head(p), Named::Vp, UNIFORM, t);
        let min_snr = Weighting::MinSnr { gamma: 5.0 };
        close(on(min_snr, Prediction::Data), ratio.min(5.0));
        close(on(min_snr, Prediction::Noise), ratio.min(5.0) / ratio);
        close(on(min_snr, Prediction::V), ratio.min(5.0) / (ratio + 1.0));
        close(on(Weighting::Snr, Prediction::Data), ratio);
        close(on(Weighting::Snr, Prediction::Noise), 1.0);
        let sigma = Named::Vp.at(t).sigma;
        close(on(Weighting::Snr, Prediction::Score), sigma * sigma);
        close(on(Weighting::Uniform, Prediction::Score), sigma * sigma);
        close(on(Weighting::Uniform, Prediction::V), 1.0);
    }
    // Karras et al. (2022), table 1: λ(σ) on the data, which makes it 1 on F.
    let (sigma_data, t) = (0.5, 0.97);
    let edm = Weighting::Edm { sigma_data };
    let sigma = Named::Edm.at(t).sigma;
    let published = (sigma * sigma + 0.25) / (sigma * 0.5).powi(2);
    close(edm.at(head(Prediction::Data), Named::Edm, UNIFORM, t), published);
    let preconditioned = Head::Edm(Preconditioning { sigma_data });
    close(edm.at(preconditioned, Named::Edm, UNIFORM, t), 1.0);
}

/// Song et al. (2021b): g² on the score. Its mean over the times is 1 on the noise, and times drawn
/// evenly in λ need no weight.
#[test]
fn the_likelihood_weight_is_g_squared() {
    let (vp, domain) = (Vp::default(), Named::Vp.domain());
    let weight = |t: f64, p| Weighting::Likelihood.at(head(p), Named::Vp, UNIFORM, t);
    let ratio = |t: f64| weight(t, Prediction::Score) / vp.g(1.0 - t).powi(2);
    for t in [0.1, 0.5, 0.9] {
        assert!((ratio(t) / ratio(0.3) - 1.0).abs() < 1e-9);
        close(
            Weighting::Likelihood.at(head(Prediction::Noise), Named::Vp, TimeLaw::LogSnr, t),
            1.0,
        );
    }
    let n = 200_000;
    let at = |k: usize| domain.start + domain.length() * (k as f64 + 0.5) / n as f64;
    let mean = (0..n).map(|k| weight(at(k), Prediction::Noise)).sum::<f64>() / n as f64;
    assert!((mean - 1.0).abs() < 1e-3, "{mean}");
}

fn batch(n: usize) -> Batch {
    let space = Space::f64(&device::select(None).unwrap());
    let data = Tensor::zeros([n, 2], (&space.device, space.dtype));
    Batch { data, context: None, noise: Noise::new(3, n), first: 0, whole: n }
}

#[test]
fn times_follow_their_laws() {
    let n = 10_000;
    let levels = |law: TimeLaw, schedule: Named| -> Vec<f64> {
        let times = law.draw(schedule, &batch(n));
        assert!(times.iter().all(|t| schedule.domain().contains(*t)));
        times.iter().map(|t| schedule.log_snr(*t)).collect()
    };
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / n as f64;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        (mean, square.sqrt())
    };
    // Evenly spread draws: the moments are those of the law up to 1/n and the cut at the ends.
    let (mean, std) = moments(&levels(TimeLaw::LogNormal { mean: -1.2, std: 1.2 }, Named::Edm));
    assert!((mean - 1.2).abs() < 1e-2 && (std - 1.2).abs() < 1e-2, "{mean} {std}");
    let (first, last) = (Named::Vp.log_snr(0.0), Named::Vp.log_snr(Named::Vp.domain().end));
    let (mean, std) = moments(&levels(TimeLaw::LogSnr, Named::Vp));
    assert!((mean - 0.5 * (first + last)).abs() < 1e-2);
    assert!((std - (last - first) / 12f64.sqrt()).abs() < 1e-2);
    let mut found = levels(TimeLaw::Geometric { levels: 10 }, Named::Ve);
    found.sort_by(f64::total_cmp);
    let counts: Vec<usize> =
        found.chunk_by(|a, b| (a - b).abs() < 1e-9).map(<[f64]>::len).collect();
    assert!(counts.len() == 10 && counts.iter().all(|c| c.abs_diff(1000) <= 1), "{counts:?}");
    let steps: Vec<f64> = geometric(Named::Ve, 10)
        .windows(2)
        .map(|w| Named::Ve.log_snr(w[1]) - Named::Ve.log_snr(w[0]))
        .collect();
    assert!(steps.iter().all(|s| (s - steps[0]).abs() < 1e-6), "{steps:?}");
}

#[test]
fn combinations_without_a_meaning_are_named() {
    let check = |w: Weighting, p, schedule, times| w.check(head(p), schedule, times);
    let infinite = check(Weighting::Snr, Prediction::Data, Named::Rectified, UNIFORM);
    assert!(matches!(infinite, Err(ObjectiveError::Infinite { t: 1.0, .. })), "{infinite:?}");
    // The same weight is finite on the velocity: t² there.
    assert_eq!(check(Weighting::Snr, Prediction::Velocity, Named::Rectified, UNIFORM), Ok(()));
    let likelihood = check(Weighting::Likelihood, Prediction::Velocity, Named::Rectified, UNIFORM);
    assert!(matches!(likelihood, Err(ObjectiveError::Infinite { t: 0.0, .. })), "{likelihood:?}");
    let levels = TimeLaw::Geometric { levels: 10 };
    let unbounded = check(Weighting::Snr, Prediction::Velocity, Named::Rectified, levels);
    assert!(matches!(unbounded, Err(ObjectiveError::Unbounded { .. })), "{unbounded:?}");
    let times = check(Weighting::Likelihood, Prediction::Noise, Named::Ve, levels);
    assert!(matches!(times, Err(ObjectiveError::LikelihoodTimes { .. })), "{times:?}");
    let gamma = check(Weighting::MinSnr { gamma: -1.0 }, Prediction::Noise, Named::Vp, UNIFORM);
    assert!(matches!(gamma, Err(ObjectiveError::Setting { what: "gamma", .. })), "{gamma:?}");

    let settings = |model: &str, pairs: &[(&str, &str)]| {
        let mut config = Config::new("moons", model).unwrap();
        for (key, value) in pairs {
            config.model.settings.insert((*key).into(), (*value).into());
        }
        config.check()
    };
    for (model, pairs) in [
        ("flow-matching", &[("head", "edm"), ("loss", "denoising")][..]),
        ("flow-matching", &[("head", "noise")]),
        ("flow-matching", &[("weighting", "snr")]),
        ("flow-matching", &[("times", "geometric")]),
        ("score-vp", &[("loss", "implicit"), ("weighting", "learned")]),
        ("score-vp", &[("head", "sight")]),
    ] {
        let found = settings(model, pairs);
        assert!(matches!(found, Err(ConfigError::Settings { .. })), "{model} {pairs:?}: {found:?}");
    }
}

/// `e^u` ends at the mean square error of the network at each time.
#[test]
fn the_learned_weight_finds_the_error() {
    let space = Space::f32(&device::select(None).unwrap());
    let net = MlpConfig { width: 32, depth: 2, frequencies: 16 };
    let head = head(Prediction::Noise);
    let config = DynamicsConfig { schedule: Named::Vp, head, net, uncertainty: true };
    let model = Dynamics::new(&config, 2, 0, &Noise::new(0, 1), &space);
    let states = Noise::new(5, 4000).normal_values(2).into_iter().map(|v| v as f32).collect();
    let rows = Rows { states, dim: 2, contexts: vec![], context_dim: 0 };
    let config = LoopConfig { steps: 1500, batch_size: 256, ..LoopConfig::default() };
    let objective = DenoisingScoreMatching { times: UNIFORM, weighting: Weighting::Learned };
    let optim = OptimConfig { ema: 0.99, ..OptimConfig::default() };
    let mut trainer = Trainer::new(model.clone(), objective, Arc::new(rows), config, optim, &space);
    (0..1500).for_each(|_| {
        trainer.step();
    });
    let model = trainer.weights().fill(model).unwrap();
    let (fresh, z) = (Noise::new(8, 20_000), Noise::new(9, 20_000));
    for t in [0.5, 0.7, 0.9] {
        let (x0, c) = (z.normal(2, &space), Named::Vp.at(t));
        let x = fresh.normal(2, &space).mul_scalar(c.alpha) + x0.clone().mul_scalar(c.sigma);
        let error = (model.output(x, Times::Same(t), None) - x0).powi_scalar(2).mean();
        let own = f64::from(error.into_scalar::<f32>());
        let learned = model.log_variance(Times::Same(t), &space).unwrap();
        let got = f64::from(learned.into_scalar::<f32>()).exp();
        assert!((got / own - 1.0).abs() < 0.25, "{got} against {own} at {t}");
    }
}

/// Losses, heads, weightings and times that are allowed together train, save, open and sample.
#[test]
fn settings_reach_the_model() {
    let root = tempfile::tempdir().unwrap();
    let cases: [(&str, &[(&str, &str)]); 8] = [
        ("score-vp", &[("loss", "implicit"), ("head", "score")]),
        ("score-vp", &[("loss", "sliced"), ("weighting", "likelihood"), ("times", "log-snr")]),
        ("score-ve", &[("loss", "finite-difference")]),
        ("score-cosine", &[("weighting", "min-snr"), ("head", "data")]),
        ("score-subvp", &[("weighting", "learned"), ("times", "log-normal")]),
        ("edm", &[("weighting", "uniform")]),
        ("ncsn", &[("head", "velocity")]),
        ("flow-matching", &[("loss", "denoising"), ("weighting", "snr"), ("times", "log-normal")]),
    ];
    for (k, (model, pairs)) in cases.into_iter().enumerate() {
        let mut config = small(4);
        let fresh = Config::new("moons", model).unwrap();
        (config.model, config.sample) = (fresh.model, fresh.sample);
        config.model.settings.insert("width".into(), 16.into());
        for (key, value) in pairs {
            config.model.settings.insert((*key).into(), (*value).into());
        }
        config.sample.steps = 8;
        let folder = folder(root.path(), &k.to_string());
        train(&config, &folder, Mode::Fresh, &mut Silent)
            .unwrap_or_else(|e| panic!("{model} {pairs:?}: {e}"));
        let run = Run::open(folder.path()).unwrap();
        let x = run.sample(10, 0).unwrap();
        assert!(x.values().iter().all(|v| v.is_finite()), "{model} {pairs:?}");
    }
}
