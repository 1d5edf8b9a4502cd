//! The autoencoder: its linear case reaches the closed form, its bounds rise, its runs resume.

use crate::{bytes, folder};
use burn::tensor::Tensor;
use std::path::Path;
use transport_core::device::{select, to_host};
use transport_core::{Density, DensityEstimate, Noise, Space};
use transport_data::{Scaler, Table, write_csv};
use transport_models::net::ConditionerConfig;
use transport_models::vae::{Likelihood, Ppca};
use transport_models::{Vae, VaeConfig};
use transport_train::config::ConfigError;
use transport_train::evaluate::held_out_bound;
use transport_train::objective::{Batch, EvidenceBound, Objective, Tally};
use transport_train::weights::Weights;
use transport_train::{Config, Mode, Observer, Outcome, Run, Silent, TrainError, train};

const D: usize = 5;

/// Five columns made of two codes and noise, correlated and of different scales.
fn table(n: usize) -> Table {
    let (z, e) = (Noise::new(1, n).normal_values(2), Noise::new(2, n).normal_values(D));
    let load = [[2.0, 0.0], [1.0, -1.0], [0.0, 0.7], [-3.0, 1.0], [0.5, 0.5]];
    let value = |i: usize, j: usize| {
        load[j][0] * z[2 * i] + load[j][1] * z[2 * i + 1] + 0.6 * e[D * i + j] + j as f64
    };
    let values = (0..n * D).map(|k| value(k.div_euclid(D), k % D)).collect();
    Table::from_rows_unnamed(D, values).unwrap()
}

fn linear(source: &Path) -> Config {
    let mut config = Config::new(source.to_str().unwrap(), "vae").unwrap();
    for (name, value) in [("depth", 0), ("latent", 2)] {
        config.model.settings.insert(name.into(), value.into());
    }
    (config.data.split, config.data.validation) = (0.0, 0.0);
    (config.train.steps, config.train.batch_size) = (3000, 250);
    (config.optim.lr, config.optim.weight_decay) = (1e-2, 0.0);
    config
}

/// The best evidence bound of a linear autoencoder is the log-likelihood of probabilistic principal
/// components: training reaches it within 0.01 nats. All in the data's units.
#[test]
fn a_linear_autoencoder_reaches_the_closed_form() {
    let root = tempfile::tempdir().unwrap();
    let (data, source) = (table(1000), root.path().join("data.csv"));
    write_csv(&source, &data).unwrap();
    let folder = folder(root.path(), "run");
    train(&linear(&source), &folder, Mode::Fresh, &mut Silent).unwrap();
    let run = Run::open(folder.path()).unwrap();

    let scaler = Scaler::standardize(&data).unwrap();
    let exact = Ppca::fit(&scaler.transform(&data).unwrap(), D, 2).log_likelihood;
    let exact = exact + scaler.log_abs_det();
    let mean = |draws: usize, seed: u64| {
        let bound = run.log_prob_bound(&data, draws, seed).unwrap();
        bound.values.iter().sum::<f64>() / bound.values.len() as f64
    };
    // At the optimum a weight hardly varies, so one draw for each of 1000 rows tells the bound.
    let elbo = (0..20).map(|seed| mean(1, seed)).sum::<f64>() / 20.0;
    println!(
        "pPCA log-likelihood {exact:.5}, evidence bound {elbo:.5}, IWAE-64 {:.5}",
        mean(64, 0)
    );
    assert!((exact - elbo).abs() < 0.01, "{elbo} against {exact}");
    // No bound beats the maximum likelihood.
    assert!(mean(64, 0) < exact + 1e-3);
    assert!(matches!(run.log_prob(&data), Err(transport_train::RunError::NoDensity { .. })));
}

/// The linear model with the decoder of principal components; its posterior is the exact one with
/// every standard deviation times `inflation`.
fn with_posterior(fit: &Ppca, q: usize, inflation: f64, space: &Space) -> Vae {
    let config = VaeConfig {
        latent: q,
        net: ConditionerConfig { width: 1, depth: 0 },
        images: None,
        likelihood: Likelihood::Gaussian { variance: Some(fit.variance) },
    };
    let model = Vae::new(&config, D, 0, &Noise::new(0, 1), space);
    let mut weights = Weights::of(&model);
    let mut set = |side: &str, what: &str, values: Vec<f64>| {
        let found = weights.0.iter_mut().find(|(n, _)| n.starts_with(side) && n.ends_with(what));
        let (name, array) = found.unwrap();
        assert_eq!(array.values.len(), values.len(), "{name}");
        array.values = values.into_iter().map(|v| v as f32).collect();
    };
    let w = |i: usize, k: usize| fit.loading[i * q + k];
    let m: Vec<f64> =
        (0..q).map(|k| (0..D).map(|i| w(i, k).powi(2)).sum::<f64>() + fit.variance).collect();
    set("decoder", "weight", (0..q * D).map(|e| w(e % D, e.div_euclid(D))).collect());
    set("decoder", "bias", fit.mean.clone());
    // Outputs: the means, then b atanh(log σ/b) with b = 8.
    let gain = |i: usize, k: usize| if k < q { w(i, k) / m[k] } else { 0.0 };
    set(
        "encoder",
        "weight",
        (0..D * 2 * q).map(|e| gain(e.div_euclid(2 * q), e % (2 * q))).collect(),
    );
    let shift = |k: usize| -(0..D).map(|i| gain(i, k) * fit.mean[i]).sum::<f64>();
    let log_std = |k: usize| {
        let log_std = 0.5 * (fit.variance / m[k]).ln() + inflation.ln();
        8.0 * (log_std / 8.0).atanh()
    };
    set(
        "encoder",
        "bias",
        (0..2 * q).map(|k| if k < q { shift(k) } else { log_std(k - q) }).collect(),
    );
    weights.fill(model).unwrap()
}

fn points(n: usize, space: &Space) -> (Ppca, Tensor<2>) {
    let data = table(n);
    (Ppca::fit(data.values(), D, 2), space.tensor(data.values().to_vec(), [n, D]))
}

/// With the exact posterior every weight is `p(x)`: any number of draws gives the log-likelihood.
#[test]
fn the_exact_posterior_closes_the_gap() {
    let space = Space::f64(&select(None).unwrap());
    let (fit, x) = points(400, &space);
    let exact = fit.law().unwrap().log_prob(x.clone());
    for draws in [1, 7] {
        let model = with_posterior(&fit, 2, 1.0, &space);
        let (value, error) = model.given(None, draws).estimate(x.clone(), &Noise::new(5, 400));
        // Weights are kept in f32.
        assert!((value - exact.clone()).abs().max().into_scalar::<f64>() < 1e-4);
        assert!(draws == 1 || error.0.max().into_scalar::<f64>() < 1e-4);
    }
}

/// With a posterior twice as wide, the bound of one draw lacks `KL = q (½ (r² − 1) − log r)`,
/// r = 2, and more draws close the gap from below. A pair of codes has weights of relative variance
/// `r²/(2 − 1/r²) − 1`, so the gap of k draws is about half of that over k: for k = 10, 100 and
/// 1000 its standard errors over 4000 rows are below 0.006, 0.002 and 0.0006, and each step is
/// three of them or more.
#[test]
fn more_draws_come_nearer_to_the_log_likelihood() {
    let space = Space::f64(&select(None).unwrap());
    let (fit, x) = points(4000, &space);
    let exact = to_host(fit.law().unwrap().log_prob(x.clone()));
    let model = with_posterior(&fit, 2, 2.0, &space);
    let gaps = |draws: usize| {
        let (value, error) = model.given(None, draws).estimate(x.clone(), &Noise::new(5, 4000));
        let gaps = to_host(value).iter().zip(&exact).map(|(v, e)| v - e).collect::<Vec<f64>>();
        (gaps, to_host(error.0))
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let means: Vec<f64> = [1, 10, 100, 1000].iter().map(|k| mean(&gaps(*k).0)).collect();
    println!("gap to the log-likelihood at 1, 10, 100, 1000 draws: {means:.5?}");
    let (lacking, spread) = (2.0 * (1.5 - 2f64.ln()), 4.0 / 1.75 - 1.0);
    // ½ (1 − r²) χ² per code: five standard errors of 4000.
    let deviation = (2.0 * 0.5 * 9f64).sqrt();
    assert!((means[0] + lacking).abs() < 5.0 * deviation / 4000f64.sqrt(), "{means:?}");
    assert!(means.windows(2).all(|w| w[1] > w[0]), "{means:?}");
    assert!((means[2] + 0.5 * spread / 100.0).abs() < 0.01 && means[3].abs() < 0.003, "{means:?}");
    // The stated standard errors are those of the estimates.
    let (gaps, errors) = gaps(1000);
    let scores: Vec<f64> = gaps.iter().zip(&errors).map(|(g, e)| (g / e).powi(2)).collect();
    assert!((mean(&scores) - 1.0).abs() < 0.15, "{}", mean(&scores));
}

/// Three losses on one draw: β and free nats act on the divergence, draws make the other bound.
#[test]
fn the_loss_is_the_bound() {
    let space = Space::f64(&select(None).unwrap());
    let (fit, x) = points(400, &space);
    let model = with_posterior(&fit, 2, 1.0, &space);
    let batch =
        Batch { data: x.clone(), context: None, noise: Noise::new(3, 400), first: 0, whole: 400 };
    let tally = Tally::default();
    let loss = |beta: f64, free_nats: f64, draws: usize| {
        tally.clear();
        let objective = EvidenceBound { beta, free_nats, draws, tally: tally.clone() };
        let draw = objective.draw(&model, &batch);
        D as f64 * objective.loss(&model, &batch, draw).into_scalar::<f64>()
    };
    let one = loss(1.0, 0.0, 1);
    let (likelihood, divergence) = tally.means();
    assert!((one - (divergence - likelihood)).abs() < 1e-9);
    assert!((loss(0.5, 0.0, 1) - (0.5 * divergence - likelihood)).abs() < 1e-9);
    // Free nats that no coordinate reaches cost the same whatever the posterior.
    assert!((loss(1.0, 50.0, 1) - (100.0 - likelihood)).abs() < 1e-9);
    // Exact posterior: every bound is the log-likelihood.
    let exact = fit.law().unwrap().log_prob(x).mean().into_scalar::<f64>();
    assert!((loss(1.0, 0.0, 4) + exact).abs() < 1e-4);
    let (likelihood, again) = tally.means();
    assert!((again - divergence).abs() < 1e-9 && likelihood.is_finite());
}

/// A few steps on 200 digits by label, with convolutions.
fn images(steps: u64) -> Config {
    let mut config = Config::new("digits", "vae").unwrap();
    config.data.context = vec!["label".into()];
    config.model.settings.insert("net".into(), "conv".into());
    for (name, value) in [("width", 16), ("channels", 4), ("latent", 3)] {
        config.model.settings.insert(name.into(), value.into());
    }
    (config.train.steps, config.train.batch_size) = (steps, 32);
    (config.run.log_every, config.run.checkpoint_every) = (4, 5);
    config
}

struct StopAt(u64, u64);

impl Observer for StopAt {
    fn step(&mut self, report: &transport_train::trainer::StepReport) {
        self.1 = report.step;
    }

    fn stop(&self) -> bool {
        self.1 >= self.0
    }
}

/// Interrupted and resumed on other threads, the same bits; then it samples by label, on its pixels'
/// range, and bounds the probability of digits.
#[test]
fn a_convolutional_run_resumes_samples_and_bounds() {
    let root = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder(root.path(), "a"), folder(root.path(), "b"));
    let config = images(12);
    train(&config, &whole, Mode::Fresh, &mut Silent).unwrap();
    let outcome = train(&config, &parts, Mode::Fresh, &mut StopAt(7, 0)).unwrap();
    assert_eq!(outcome, Outcome::Interrupted { step: 7 });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    pool.install(|| train(&config, &parts, Mode::Resume, &mut Silent).unwrap());
    for name in ["model.safetensors", "metrics.jsonl"] {
        assert!(bytes(&whole, name) == bytes(&parts, name), "{name}");
    }
    let line = &whole.metrics().unwrap()[0];
    assert!(line["divergence"].as_f64().is_some(), "{line}");

    let run = Run::open(whole.path()).unwrap();
    let given = |label: f64| transport_train::Request {
        n: 300,
        given: vec![("label".into(), label)],
        ..transport_train::Request::default()
    };
    let (three, eight) = (run.draw(&given(3.0)).unwrap(), run.draw(&given(8.0)).unwrap());
    assert_ne!(three, eight);
    assert!(three.values().iter().all(|v| (0.0..=16.0).contains(v)));
    let bound = held_out_bound(&run, 4, 0).unwrap().unwrap();
    // 180 rows, of which some have a pixel that no training row has.
    assert!(bound.discrete && bound.rows + bound.off_support == 180 && bound.off_support < 20);
    let (bits, error) = bound.bits_per_dim().unwrap();
    // Seventeen equally likely levels would take log₂ 17.
    assert!(bits > 0.0 && bits < 17f64.log2() && error < 0.5, "{bits}");
    let digits = transport_data::digits().table.select_rows(&[0, 1, 2, 3]);
    let bound = run.log_prob_bound(&digits, 4, 0).unwrap();
    assert!(bound.discrete && bound.values.iter().all(|v| *v < 0.0 && v.is_finite()));
}

#[test]
fn settings_and_data_that_do_not_fit_are_refused() {
    let refused = |source: &str, pairs: &[(&str, toml::Value)]| {
        let root = tempfile::tempdir().unwrap();
        let mut config = Config::new(source, "vae").unwrap();
        let settings = &mut config.model.settings;
        pairs.iter().for_each(|(name, value)| drop(settings.insert((*name).into(), value.clone())));
        match train(&config, &folder(root.path(), "run"), Mode::Fresh, &mut Silent) {
            Err(TrainError::Config(e @ ConfigError::Settings { .. })) => e.to_string(),
            other => panic!("{other:?}"),
        }
    };
    for (source, pairs, words) in [
        ("digits", vec![("draws", 5.into()), ("beta", 0.5.into())], "beta must be 1"),
        ("digits", vec![("variance", 1.0.into())], "belongs to decoder"),
        ("digits", vec![("variance", (-1.0).into()), ("decoder", "gaussian".into())], "above 0"),
        ("digits", vec![("decoder", "poisson".into())], "unknown variant `poisson`"),
        ("digits", vec![("latent", 0.into())], "latent is 0"),
        ("digits", vec![("channels", 8.into())], "with net = \"mlp\" nothing reads it"),
        ("digits", vec![("net", "conv".into()), ("depth", 2.into())], "with net = \"conv\""),
        ("digits", vec![("free_nats", f64::NAN.into())], "free_nats is NaN"),
        ("moons", vec![("net", "conv".into())], "rows that are images"),
        ("moons", vec![("decoder", "logistic".into())], "images of whole numbers"),
        ("moons", vec![("decoder", "bernoulli".into())], "columns of 0 and 1"),
    ] {
        let error = refused(source, &pairs);
        assert!(error.contains(words), "{error}");
    }
}
