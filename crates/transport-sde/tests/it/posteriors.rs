//! Posteriors of posteriordb (Magnusson et al.), against its reference draws.
//!
//! The densities are written out in the tests; data and reference moments are read from the folder
//! that `TRANSPORT_DATA` names.

use crate::space;
use burn::tensor::Tensor;
use serde_json::Value;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;
use transport_core::Noise;
use transport_core::device::to_host;
use transport_core::testkit::max_or_nan;
use transport_sde::diagnostics::{Summary, mcse_mean, mcse_mean_square};
use transport_sde::langevin::*;

fn folder() -> PathBuf {
    let data =
        std::env::var("TRANSPORT_DATA").expect("TRANSPORT_DATA names the folder of data sets");
    PathBuf::from(data).join("posteriordb")
}

/// The only file of a zip archive, which is deflated (PKWARE APPNOTE, §4.3.7).
fn unzip(bytes: &[u8]) -> String {
    let short = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    assert_eq!((&bytes[..4], short(8)), (&b"PK\x03\x04"[..], 8), "a deflated zip archive");
    let mut text = String::new();
    let content = &bytes[30 + short(26) + short(28)..];
    flate2::read::DeflateDecoder::new(content).read_to_string(&mut text).unwrap();
    text
}

fn data(name: &str) -> Value {
    let path = folder().join("data").join(format!("{name}.json.zip"));
    serde_json::from_str(&unzip(&std::fs::read(path).unwrap())).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Names, means and their standard errors, of the parameters or of their squares.
fn reference(what: &str, name: &str) -> (Vec<String>, Vec<f64>, Vec<f64>) {
    let path = folder().join(what).join(format!("{name}.json"));
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names = json["names"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned());
    (names.collect(), numbers(&json[what]), numbers(&json["mcse_mean"]))
}

fn row(values: &[f64]) -> Tensor<2> {
    space().tensor(values.to_vec(), [1, values.len()])
}

/// `Σ log N(x; m, s)` up to a constant.
fn normal(x: Tensor<2>, s: f64) -> Tensor<1> {
    x.powi_scalar(2).sum_dim(1).mul_scalar(-0.5 / (s * s)).squeeze_dim(1)
}

/// `log HalfCauchy(x; 0, s)` up to a constant.
fn half_cauchy(x: Tensor<2>, s: f64) -> Tensor<1> {
    x.div_scalar(s).powi_scalar(2).log1p().neg().squeeze_dim(1)
}

/// `Σ log N(y; m, σ)` with a scale for each chain, up to a constant.
fn likelihood(residuals: Tensor<2>, sigma: Tensor<2>) -> Tensor<1> {
    let count = residuals.dims()[1] as f64;
    let squares = residuals.powi_scalar(2).sum_dim(1) / sigma.clone().powi_scalar(2);
    (squares.mul_scalar(-0.5) - sigma.log().mul_scalar(count)).squeeze_dim(1)
}

/// A posterior: its target, and the reported quantities from the parameters.
struct Posterior {
    name: &'static str,
    target: Box<dyn Target>,
    dim: usize,
    report: Box<dyn Fn(Tensor<2>) -> Tensor<2>>,
}

fn posterior(
    name: &'static str,
    log_density: impl Fn(Tensor<2>) -> Tensor<1> + Send + Sync + Clone + 'static,
    transforms: Vec<Transform>,
    report: impl Fn(Tensor<2>) -> Tensor<2> + 'static,
) -> Posterior {
    let target = Constrained::new(LogDensity::new(log_density), transforms).unwrap();
    let (dim, twin) = (target.dim(), target.clone());
    let report = move |u| report(twin.constrain(u));
    Posterior { name, target: Box::new(target), dim, report: Box::new(report) }
}

/// Parameters θ̃₁ … θ̃₈, μ, τ; reported are θ = μ + τ θ̃, μ, τ.
fn eight_schools() -> Posterior {
    let data = data("eight_schools");
    let (y, sigma) = (row(&numbers(&data["y"])), row(&numbers(&data["sigma"])));
    let theta = |x: &Tensor<2>| {
        let (mu, tau) = (x.clone().narrow(1, 8, 1), x.clone().narrow(1, 9, 1));
        x.clone().narrow(1, 0, 8) * tau + mu
    };
    let log_density = move |x: Tensor<2>| {
        let fit = (y.clone() - theta(&x)) / sigma.clone();
        normal(fit, 1.0)
            + normal(x.clone().narrow(1, 0, 8), 1.0)
            + normal(x.clone().narrow(1, 8, 1), 5.0)
            + half_cauchy(x.narrow(1, 9, 1), 5.0)
    };
    let report = move |x: Tensor<2>| Tensor::cat(vec![theta(&x), x.narrow(1, 8, 2)], 1);
    let transforms = vec![Transform::Real(9), Transform::POSITIVE];
    posterior("eight_schools-eight_schools_noncentered", log_density, transforms, report)
}

/// `y ~ N(X β, σ)`, `β_k ~ N(0, prior)` or flat, `σ ~ HalfCauchy(0, 2.5)`; parameters β, σ.
fn regression(name: &'static str, design: Vec<f64>, y: &[f64], prior: Option<f64>) -> Posterior {
    let k = design.len().checked_div(y.len()).unwrap();
    let design = space().tensor::<2>(design, [y.len(), k]).transpose();
    let y = row(y);
    let log_density = move |x: Tensor<2>| {
        let (beta, sigma) = (x.clone().narrow(1, 0, k), x.narrow(1, k, 1));
        let residuals = y.clone() - beta.clone().matmul(design.clone());
        let fit = likelihood(residuals, sigma.clone()) + half_cauchy(sigma, 2.5);
        match prior {
            Some(s) => fit + normal(beta, s),
            None => fit,
        }
    };
    posterior(name, log_density, vec![Transform::Real(k), Transform::POSITIVE], |x| x)
}

fn kidiq() -> Posterior {
    let data = data("kidiq");
    let design = numbers(&data["mom_iq"]).into_iter().flat_map(|iq| [1.0, iq]).collect();
    regression("kidiq-kidscore_momiq", design, &numbers(&data["kid_score"]), None)
}

fn ark() -> Posterior {
    let data = data("arK");
    let y = numbers(&data["y"]);
    let row = |t: usize| std::iter::once(1.0).chain((1..=5).map(|k| y[t - k]).collect::<Vec<_>>());
    let design = (5..y.len()).flat_map(row).collect();
    regression("arK-arK", design, &y[5..], Some(10.0))
}

/// The reported quantities of a run.
fn reported(posterior: &Posterior, chains: &Chains) -> Chains {
    let d = posterior.dim;
    chains.mapped(|draws| {
        let rows = draws.len().checked_div(d).unwrap();
        to_host((posterior.report)(space().tensor(draws.to_vec(), [rows, d])))
    })
}

/// A mean with its standard error.
type Estimate = (f64, f64);

/// Means of the quantities and of their squares.
fn estimates(chains: &Chains) -> Vec<[Estimate; 2]> {
    let of = |series: Vec<Vec<f64>>| {
        let flat = series.concat();
        let mean = |p: i32| flat.iter().map(|v| v.powi(p)).sum::<f64>() / flat.len() as f64;
        [(mean(1), mcse_mean(&series)), (mean(2), mcse_mean_square(&series))]
    };
    (0..chains.dim()).map(|j| of(chains.series(j))).collect()
}

/// Every mean and mean square within four joint standard errors of the reference.
fn agrees(posterior: &Posterior, method: &str, own: &[[Estimate; 2]]) {
    for (k, what) in ["mean_value", "mean_squared_value"].into_iter().enumerate() {
        let (names, means, errors) = reference(what, posterior.name);
        assert_eq!(names.len(), own.len());
        for (j, name) in names.iter().enumerate() {
            let (mean, error) = own[j][k];
            let z = (mean - means[j]) / error.hypot(errors[j]);
            let place = format!("{} by {method}, {what} of {name}", posterior.name);
            assert!(z.abs() <= 4.0, "{place}: {mean} ± {error} against {} ({z:.2})", means[j]);
        }
    }
}

/// Bulk ESS of at least 4,000 and R̂ below 1.01 for every quantity.
fn is_converged(posterior: &Posterior, method: &str, chains: &Chains, started: Instant) {
    let summaries = chains.summaries();
    let least = summaries.iter().map(|s| s.ess_bulk).fold(f64::MAX, f64::min);
    let worst = summaries.iter().map(|s| s.rhat).fold(0.0, max_or_nan);
    eprintln!(
        "{} by {method}: ESS ≥ {least:.0}, R̂ ≤ {worst:.4}, acceptance {:.3}, divergent {}, {:.1} s",
        posterior.name,
        chains.mean_acceptance(),
        chains.divergences().iter().sum::<usize>(),
        started.elapsed().as_secs_f64()
    );
    let sound = |s: &Summary| s.ess_bulk >= 4000.0 && s.rhat < 1.01;
    assert!(summaries.iter().all(sound), "{}, {method}", posterior.name);
}

const CHAINS: usize = 64;

fn run(transition: &dyn Transition, start: Tensor<2>, plan: &Plan, seed: u64) -> Chains {
    let noise = Noise::new(seed, CHAINS);
    sample(transition, start, plan, &noise, |_| ControlFlow::Continue(())).unwrap()
}

fn adjusted(
    posterior: &Posterior,
    method: &str,
    transition: &dyn Transition,
    plan: &Plan,
) -> Chains {
    let started = Instant::now();
    let noise = Noise::new(11, CHAINS);
    let start = find_start(transition, posterior.dim, 1.0, 100, &noise, &space());
    let start = climb(&*posterior.target, start, 500, 0.1);
    let chains = run(transition, start, plan, 11);
    let said = reported(posterior, &chains);
    is_converged(posterior, method, &said, started);
    agrees(posterior, method, &estimates(&said));
    chains
}

/// BAOAB in the geometry that an adjusted warm-up found, at h and h/2, extrapolated.
fn underdamped(posterior: &Posterior, tuned: &Chains, h: f64, draws: usize) {
    let score = ScoreOf(&*posterior.target);
    let baoab = Underdamped { score: &score, friction: 1.0 };
    let start = space().tensor(tuned.last().to_vec(), [CHAINS, posterior.dim]);
    let one = |h: f64, thin: usize, seed: u64| {
        let started = Instant::now();
        let tuning = Tuning { step: h, ..tuned.tuning().clone() };
        let plan = Plan { warmup: 200, thin, ..Plan::fixed(tuning, draws) };
        let said = reported(posterior, &run(&baoab, start.clone(), &plan, seed));
        is_converged(posterior, &format!("underdamped, h = {h}"), &said, started);
        estimates(&said)
    };
    let (coarse, fine) = (one(h, 2, 12), one(0.5 * h, 4, 13));
    let extrapolate =
        |a: Estimate, b: Estimate| ((4.0 * b.0 - a.0) / 3.0, (4.0 * b.1).hypot(a.1) / 3.0);
    let own: Vec<[Estimate; 2]> = coarse
        .iter()
        .zip(&fine)
        .map(|(a, b)| [extrapolate(a[0], b[0]), extrapolate(a[1], b[1])])
        .collect();
    agrees(posterior, "underdamped, extrapolated", &own);
}

fn all_three(posterior: &Posterior, mala_draws: usize, h: f64) {
    let target = &*posterior.target;
    let mala = Plan { thin: 3, ..Plan::adaptive(1500, mala_draws, Metric::Dense) };
    adjusted(posterior, "MALA", &Mala { target }, &mala);
    let hmc = Plan::adaptive(1000, 1000, Metric::Dense);
    let tuned = adjusted(posterior, "HMC", &Hmc { target, leapfrogs: 4 }, &hmc);
    underdamped(posterior, &tuned, h, 1500);
}

#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn eight_schools_agree() {
    all_three(&eight_schools(), 4000, 0.3);
}

#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn kidiq_agrees() {
    all_three(&kidiq(), 1500, 0.4);
}

#[test]
#[ignore = "needs TRANSPORT_DATA"]
fn ark_agrees() {
    all_three(&ark(), 2000, 0.4);
}
