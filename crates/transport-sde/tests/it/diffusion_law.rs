//! Diffusion samplers with noise recover the data law from an exact oracle.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport_core::process::{Cosine, Edm, Ve, Vp};
use transport_core::schedule::{Noising, Rectified, Schedule};
use transport_core::testkit::max_or_nan;
use transport_core::{Interval, Noise};
use transport_sde::method::diffusion::*;
use transport_sde::{DiffusionFlow, Finish, Grid, Spacing};

const N: usize = 100_000;

fn mixture(left: f64) -> Mixture {
    let components =
        vec![Gaussian::isotropic(vec![-1.0], 0.3), Gaussian::isotropic(vec![1.5], 0.5)];
    Mixture::new(vec![left, 1.0 - left], components).unwrap()
}

/// The errors of mean, variance and left weight in standard errors of `N` draws.
fn errors(x: Tensor<2>) -> [f64; 3] {
    let values = to_host(x);
    let n = values.len() as f64;
    let average = |f: &dyn Fn(f64) -> f64| values.iter().map(|v| f(*v)).sum::<f64>() / n;
    let mean = average(&|v| v);
    let variance = average(&|v| (v - mean).powi(2));
    let left = average(&|v| f64::from(u8::from(v < 0.0)));
    let exact = 0.3 * (0.09 + 3.0625) + 0.7 * (0.25 + 0.5625);
    // The fourth central moment, Σ w (3 s⁴ + 6 s² δ² + δ⁴) with δ the distance from the mean ¾.
    let fourth = 0.3 * (3.0 * 0.0081 + 6.0 * 0.09 * 3.0625 + 3.0625f64.powi(2))
        + 0.7 * (3.0 * 0.0625 + 6.0 * 0.25 * 0.5625 + 0.5625f64.powi(2));
    // Φ(1/0.3) and Φ(−1.5/0.5).
    let weight = 0.3 * 0.999_571 + 0.7 * 0.001_350;
    [
        (mean - 0.75) / (exact / n).sqrt(),
        (variance - exact) / ((fourth - exact * exact) / n).sqrt(),
        (left - weight) / (weight * (1.0 - weight) / n).sqrt(),
    ]
}

/// `method` from the exact law at the start of the grid: within four standard errors, a false
/// alarm in 16 000 for each number if the seed were random.
fn sample<M: DiffusionMethod>(
    method: M,
    schedule: impl Schedule + Copy,
    spacing: Spacing,
    steps: usize,
    left: f64,
) -> [f64; 3] {
    // From σ/α = 20 to 0.03, whose square the variance loses in the last step: 0.2 standard errors.
    let (start, end) = (schedule.time_of_log_snr(-3.0), schedule.time_of_log_snr(3.5));
    let grid = Grid::spaced(&schedule, Interval { start, end }, spacing, steps, Finish::Clean);
    let (grid, noise) = (grid.unwrap(), Noise::new(33, N));
    let denoiser = OracleFlow { law: mixture(left), schedule };
    let z = denoiser.at(start).sample(&noise.purpose("start"), &space());
    errors(DiffusionFlow::new(denoiser, grid, method).unwrap().solve(z, &noise).unwrap())
}

fn check<M: DiffusionMethod>(
    method: M,
    schedule: impl Schedule + Copy,
    spacing: Spacing,
    steps: usize,
) {
    let found = sample(method.clone(), schedule, spacing, steps, 0.3);
    assert!(found.iter().all(|e| e.abs() < 4.0), "{method:?} under {schedule:?}: {found:?}");
}

fn edm() -> Noising<Edm> {
    Noising::new(Edm { sigma_max: 25.0 })
}

const KARRAS: Spacing = Spacing::Karras { rho: 7.0 };

#[test]
fn ancestral_sampling() {
    let small = Ddpm::default();
    let large = Ddpm { variance: PosteriorVariance::Large };
    check(small, Noising::new(Vp::default()), Spacing::LogSnr, 400);
    check(large, Noising::new(Vp::default()), Spacing::LogSnr, 400);
    check(small, Rectified, Spacing::LogSnr, 400);
}

#[test]
fn ddim_with_noise() {
    check(Ddim { eta: 0.5 }, Noising::new(Cosine::default()), Spacing::LogSnr, 500);
    check(
        Ddim { eta: 1.0 },
        Noising::new(Ve { sigma_min: 0.01, sigma_max: 25.0 }),
        Spacing::LogSnr,
        400,
    );
}

#[test]
fn edm_heun_with_churn() {
    let churn = Churn { amount: 20.0, from: 0.05, to: 10.0, noise: 1.0 };
    check(EdmHeun { churn }, edm(), KARRAS, 100);
    check(EdmHeun { churn }, Noising::new(Vp::default()), KARRAS, 100);
}

#[test]
fn second_order_sde_solvers() {
    check(DpmppSde2M::default(), Noising::new(Vp::default()), Spacing::LogSnr, 70);
    check(DpmppSde2M::default(), edm(), Spacing::LogSnr, 70);
    let heun = DpmppSde2M { variant: SecondOrder::Heun, ..DpmppSde2M::default() };
    check(heun, Rectified, Spacing::LogSnr, 70);
}

#[test]
fn stochastic_adams() {
    check(SaSolver::default(), Noising::new(Vp::default()), Spacing::LogSnr, 70);
    check(SaSolver { tau: 0.6, ..SaSolver::default() }, Rectified, Spacing::LogSnr, 70);
    let window = (0.05, 5.0);
    check(SaSolver { window, ..SaSolver::default() }, edm(), Spacing::LogSnr, 70);
}

#[test]
fn deterministic_samplers_carry_the_law_too() {
    check(Dpmpp3M::default(), Noising::new(Vp::default()), Spacing::LogSnr, 30);
    check(
        UniPc::default(),
        Noising::new(Ve { sigma_min: 0.01, sigma_max: 25.0 }),
        Spacing::LogSnr,
        30,
    );
    check(Deis::default(), Noising::new(Cosine::default()), Spacing::LogSnr, 30);
    check(Dpmpp2M::default(), Rectified, Spacing::LogSnr, 30);
    check(EdmHeun::default(), edm(), KARRAS, 40);
}

/// An oracle with two points of weight in the wrong mode is rejected.
#[test]
fn a_wrong_weight_is_rejected() {
    let found = sample(Dpmpp2M::default(), Noising::new(Vp::default()), Spacing::LogSnr, 40, 0.32);
    assert!(found[2] > 8.0 && found[0] < -8.0, "{found:?}");
}

/// DDIM(1) is DDPM with the posterior's variance, path by path; with the larger variance it is not.
#[test]
fn ddim_with_eta_1_is_ddpm() {
    let noise = Noise::new(2, 40);
    let schedules: [&dyn Schedule; 3] = [&Rectified, &Noising::new(Vp::default()), &edm()];
    for schedule in schedules {
        let denoiser = OracleFlow { law: mixture(0.3), schedule: By(schedule) };
        let grid = Grid::sampling(schedule, 25).unwrap();
        let sigma = schedule.at(grid.times()[0]).sigma;
        let z = noise.purpose("start").normal(1, &space()).mul_scalar(sigma);
        let end = |x: Tensor<2>| to_host(x);
        let gap = |a: &[f64], b: &[f64]| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan)
        };
        let ddim = DiffusionFlow::new(&denoiser, grid.clone(), Ddim { eta: 1.0 }).unwrap();
        let ddim = end(ddim.solve(z.clone(), &noise).unwrap());
        let run = |variance| {
            let flow = DiffusionFlow::new(&denoiser, grid.clone(), Ddpm { variance }).unwrap();
            end(flow.solve(z.clone(), &noise).unwrap())
        };
        let (small, large) = (run(PosteriorVariance::Small), run(PosteriorVariance::Large));
        assert!(gap(&ddim, &small) < 1e-10, "{schedule:?}: {}", gap(&ddim, &small));
        assert!(gap(&ddim, &large) > 1e-3, "{schedule:?}");
    }
}

#[derive(Clone, Copy, Debug)]
struct By<'a>(&'a dyn Schedule);

impl Schedule for By<'_> {
    fn at(&self, t: f64) -> transport_core::Coefs {
        self.0.at(t)
    }
    fn domain(&self) -> Interval {
        self.0.domain()
    }
}
