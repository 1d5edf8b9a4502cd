//! The samplers: biases that are known, laws that are kept, errors that are named.

use crate::space;
use burn::tensor::Tensor;
use std::ops::ControlFlow;
use transport_core::device::to_host;
use transport_core::law::{Density, Gaussian, Law, Mixture, OracleFlow, Score};
use transport_core::process::Ve;
use transport_core::schedule::Noising;
use transport_core::testkit::max_or_nan;
use transport_core::{Noise, Space};
use transport_sde::langevin::*;

pub(crate) fn run(transition: &dyn Transition, start: Tensor<2>, plan: &Plan, seed: u64) -> Chains {
    let noise = Noise::new(seed, start.dims()[0]);
    sample(transition, start, plan, &noise, |_| ControlFlow::Continue(())).unwrap()
}

/// Only the last of `steps` steps.
fn last_of(steps: usize, step: f64) -> Plan {
    Plan { thin: steps, ..Plan::fixed(Tuning::new(step), 1) }
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// Four standard errors of a variance of `n` Gaussian values.
fn allowed(variance: f64, n: usize) -> f64 {
    4.0 * variance * (2.0 / n as f64).sqrt()
}

/// n = 100,000 chains, 60 steps from `N(0, 4)`: what the start leaves of itself, (1 − ε)¹²⁰, is
/// nothing. False alarm of a random seed 6e-5 each.
#[test]
fn ula_has_the_bias_it_is_known_for() {
    let (law, n, epsilon) = (Gaussian::standard(1), 100_000, 0.5);
    let start = Noise::new(1, n).normal(1, &space()).mul_scalar(2.0);
    let plan = last_of(60, epsilon);
    let ula = variance(run(&Ula { score: &law }, start.clone(), &plan, 2).draws());
    let exact = 1.0 / (1.0 - 0.5 * epsilon);
    assert!((ula - exact).abs() < allowed(exact, n), "{ula} against {exact}");
    let mala = variance(run(&Mala { target: &law }, start.clone(), &plan, 3).draws());
    assert!((mala - 1.0).abs() < allowed(1.0, n), "MALA: {mala}");
    let hmc = Hmc { target: &law, leapfrogs: 3 };
    let hmc = variance(run(&hmc, start.clone(), &last_of(30, 0.9), 4).draws());
    assert!((hmc - 1.0).abs() < allowed(1.0, n), "HMC: {hmc}");
    // BAOAB is exact in position on a Gaussian, whatever h.
    let baoab = Underdamped { score: &law, friction: 1.0 };
    let baoab = variance(run(&baoab, start, &last_of(40, 1.0), 5).draws());
    assert!((baoab - 1.0).abs() < allowed(1.0, n), "BAOAB: {baoab}");
}

/// Preconditioned with its own covariance, every Gaussian behaves like the unit one.
#[test]
fn preconditioning_whitens() {
    let covariance = vec![4.0, 1.5, 1.5, 0.81];
    let law = Gaussian::new(vec![1.0, -2.0], covariance.clone()).unwrap();
    let (n, epsilon) = (100_000, 0.4);
    let preconditioner = Preconditioner::dense(&covariance, 2).unwrap();
    let tuning = Tuning { step: epsilon, preconditioner };
    let plan = Plan { thin: 60, ..Plan::fixed(tuning, 1) };
    let start = Noise::new(1, n).normal(2, &space());
    for (transition, factor) in [
        (&Ula { score: &law } as &dyn Transition, 1.0 / (1.0 - 0.5 * epsilon)),
        (&Mala { target: &law }, 1.0),
        (&Hmc { target: &law, leapfrogs: 2 }, 1.0),
        (&Underdamped { score: &law, friction: 2.0 }, 1.0),
    ] {
        let chains = run(transition, start.clone(), &plan, 6);
        for (j, exact) in [(0, 4.0 * factor), (1, 0.81 * factor)] {
            let got = variance(&chains.series(j).concat());
            assert!((got - exact).abs() < allowed(exact, n), "{j}: {got} against {exact}");
        }
    }
}

/// `U = x²/2 + ½ cos 2x`: anharmonic, with curvature between −1 and 3.
struct Ripple;

impl Score for Ripple {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        x.clone().mul_scalar(2.0).sin() - x
    }
}

/// `E cos 2x` under `e^{−U}` by the trapezoidal rule, exact for such an integrand.
fn mean_cosine_of_the_ripple() -> f64 {
    let weight = |x: f64| (-0.5 * x * x - 0.5 * (2.0 * x).cos()).exp();
    let points = (-10_000..=10_000).map(|k| f64::from(k) * 1e-3);
    let (mut above, mut below) = (0.0, 0.0);
    points.for_each(|x| {
        above += (2.0 * x).cos() * weight(x);
        below += weight(x);
    });
    above / below
}

/// The bias of `E cos 2x` at h = 0.6 and 0.3, from 20,000 chains: about 0.016 and 0.004, with a
/// standard error of 3e-4, which leaves the order uncertain by 0.1; the next term, of order h⁴, adds
/// 0.3 at these steps. Extrapolation leaves that term's quarter.
#[test]
fn baoab_is_of_second_order_in_position() {
    let (n, exact) = (20_000, mean_cosine_of_the_ripple());
    let start = Noise::new(1, n).normal(1, &space());
    let moment = |h: f64, draws: usize| {
        let plan = Plan { warmup: 40, thin: draws, ..Plan::fixed(Tuning::new(h), 1) };
        let mut sum = 0.0;
        let baoab = Underdamped { score: &Ripple, friction: 1.0 };
        sample(&baoab, start.clone(), &plan, &Noise::new(7, n), |report| {
            if !report.warming {
                let cosine = report.state.x.clone().mul_scalar(2.0).cos();
                sum += cosine.mean().into_scalar::<f64>();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        sum / draws as f64
    };
    let (coarse, fine) = (moment(0.6, 600), moment(0.3, 1300));
    let order = ((coarse - exact) / (fine - exact)).abs().log2();
    assert!((order - 2.0).abs() < 0.4, "order {order}: {coarse}, {fine} against {exact}");
    let extrapolated = (4.0 * fine - coarse) / 3.0;
    assert!((extrapolated - exact).abs() < 0.002, "{extrapolated} against {exact}");
}

/// Gumbel's law: `log p = −x − e^{−x}`, `P(X ≤ x) = exp(−e^{−x})`. Skewed, so that a missing
/// correction shows.
struct Gumbel;

impl Density for Gumbel {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        (x.clone().neg() - x.neg().exp()).squeeze_dim(1)
    }
}

impl Score for Gumbel {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        x.neg().exp().sub_scalar(1.0)
    }
}

/// The Metropolis ratio without the proposal's correction: a planted fault.
struct Uncorrected;

impl Transition for Uncorrected {
    fn begin(&self, x: Tensor<2>, noise: &Noise) -> State {
        Mala { target: &Gumbel }.begin(x, noise)
    }

    fn step(&self, _k: usize, state: State, tuning: &Tuning, noise: &Noise) -> Move {
        let xi = noise.purpose("langevin").normal(1, &Space::of(&state.x));
        let x = state.x.clone()
            + state.score.clone().mul_scalar(tuning.step)
            + xi.mul_scalar((2.0 * tuning.step).sqrt());
        let proposed = self.begin(x, noise);
        let ratio: Vec<f64> =
            proposed.log_density.iter().zip(&state.log_density).map(|(a, b)| a - b).collect();
        metropolis(state, proposed, &ratio, &noise.purpose("accept").uniform_values(1), 1)
    }
}

/// The largest deviation, in standard errors, of (i) the flows between cells after one step from
/// the exact law, which detailed balance makes equal both ways, and (ii) the cells' probabilities
/// after ten more.
fn balance(transition: &dyn Transition, step: f64) -> f64 {
    let n = 200_000;
    let edges = [-0.5, 0.0, 0.5, 1.2, 2.5];
    let cell = |x: f64| edges.iter().filter(|e| x > **e).count();
    let uniforms = Noise::new(3, n).uniform_values(1);
    let exact: Vec<f64> = uniforms.iter().map(|u| -(-(u.max(1e-300)).ln()).ln()).collect();
    let start = space().tensor(exact.clone(), [n, 1]);
    let once = run(transition, start.clone(), &last_of(1, step), 8);
    let mut flows = [[0.0; 6]; 6];
    exact.iter().zip(once.draws()).for_each(|(a, b)| flows[cell(*a)][cell(*b)] += 1.0);
    let pairs = (0..6).flat_map(|i| (0..i).map(move |j| (i, j)));
    let flow = |(i, j): (usize, usize)| {
        let (there, back): (f64, f64) = (flows[i][j], flows[j][i]);
        if there + back < 100.0 { 0.0 } else { (there - back).abs() / (there + back).sqrt() }
    };
    let later = run(transition, start, &last_of(11, step), 9);
    let cdf = |x: f64| (-(-x).exp()).exp();
    let deviation = |i: usize| {
        let low = if i == 0 { 0.0 } else { cdf(edges[i - 1]) };
        let p = edges.get(i).map_or(1.0, |e| cdf(*e)) - low;
        let count = later.draws().iter().filter(|x| cell(**x) == i).count() as f64;
        let n = n as f64;
        (count - n * p).abs() / (n * p * (1.0 - p)).sqrt()
    };
    pairs.map(flow).chain((0..6).map(deviation)).fold(0.0, max_or_nan)
}

/// 21 deviations, each beyond 4.5 with probability 7e-6.
#[test]
fn mala_and_hmc_keep_a_skewed_law_in_detailed_balance() {
    let (mala, hmc) = (Mala { target: &Gumbel }, Hmc { target: &Gumbel, leapfrogs: 2 });
    for (name, deviation) in [("MALA", balance(&mala, 0.8)), ("HMC", balance(&hmc, 0.9))] {
        assert!(deviation < 4.5, "{name}: {deviation} standard errors");
    }
    let fault = balance(&Uncorrected, 0.8);
    assert!(fault > 10.0, "the missing correction passes: {fault} standard errors");
}

/// Two modes, eight standard deviations of the wider one apart, with weights 0.25 and 0.75.
pub(crate) fn separated() -> Mixture {
    let components =
        vec![Gaussian::isotropic(vec![-3.0, 0.0], 0.5), Gaussian::isotropic(vec![5.0, 2.0], 0.8)];
    Mixture::new(vec![0.25, 0.75], components).unwrap()
}

fn left(values: &[f64]) -> f64 {
    values.chunks_exact(2).filter(|x| x[0] < 0.5).count() as f64 / (values.len() as f64 / 2.0)
}

/// n = 10,000 chains: the standard error of the weight is 0.0043. The bar is 2 points.
#[test]
fn annealing_finds_the_weights_of_separated_modes() {
    let law = separated();
    let n = 10_000;
    let start = Noise::new(1, n).normal(2, &space()).mul_scalar(10.0);
    let ladder = Smoothed::geometric(law.clone(), 10.0, 0.2, 15);
    let annealed = Annealed { ladder, descent: 600 };
    let weight = left(run(&annealed, start.clone(), &last_of(620, 0.012), 2).draws());
    assert!((weight - 0.25).abs() < 0.02, "annealed: {weight}");
    // Without the ladder the start decides.
    let plain = left(run(&Ula { score: &law }, start, &last_of(620, 0.03), 2).draws());
    assert!((plain - 0.25).abs() > 0.05, "ULA: {plain}");
}

/// The same along the exact scores of a flow, as a learned field would give them.
#[test]
fn fields_are_annealed_along_their_schedule() {
    let ve = Noising::new(Ve { sigma_min: 0.1, sigma_max: 12.0 });
    let field = OracleFlow { law: separated(), schedule: ve };
    let times: Vec<f64> = (0..15).map(|k| 0.9 * f64::from(k) / 14.0).collect();
    let ladder = FieldLadder { field: field.clone(), schedule: ve, times };
    let n = 10_000;
    let start = Noise::new(1, n).normal(2, &space()).mul_scalar(12.0);
    let annealed = Annealed { ladder, descent: 600 };
    let weight = left(run(&annealed, start, &last_of(620, 0.008), 2).draws());
    assert!((weight - 0.25).abs() < 0.02, "{weight}");

    // ULA on the score at one time samples that time's law.
    let at = AtTime { field: field.clone(), t: 0.3 };
    let exact = to_host(field.at(0.3).sample(&Noise::new(3, n), &space()));
    let start = space().tensor(exact.clone(), [n, 2]);
    let draws = run(&Ula { score: &at }, start, &last_of(50, 0.2), 4);
    let spread = |v: &[f64]| variance(&v.iter().step_by(2).copied().collect::<Vec<_>>());
    let (got, expected) = (spread(draws.draws()), spread(&exact));
    assert!((got / expected - 1.0).abs() < 0.08, "{got} against {expected}");
}

/// 200 chains that all start in one mode; the weight from 1000 draws of each within 2 points.
#[test]
fn tempering_finds_the_weights_from_the_density_alone() {
    let law = separated();
    let n = 200;
    let start = Noise::new(1, n).normal(2, &space()).mul_scalar(0.3);
    let start = start + space().tensor(vec![-3.0, 0.0], [1, 2]);
    let tempered = Tempered::geometric(&law, 60.0, 7);
    let plan = Plan { warmup: 300, ..Plan::adaptive(300, 1000, Metric::Keep) };
    let chains = run(&tempered, start.clone(), &plan, 2);
    let weight = left(chains.draws());
    assert!((weight - 0.25).abs() < 0.02, "tempered: {weight}");
    let plain = left(run(&Mala { target: &law }, start, &plan, 2).draws());
    assert!(plain > 0.9, "MALA stays where it started: {plain}");
}

/// The mean acceptance after warm-up is what warm-up aimed at, within 0.03.
#[test]
fn warm_up_reaches_the_acceptance_it_aims_at() {
    let d = 8_usize;
    let covariance: Vec<f64> = (0..d * d)
        .map(|k| {
            let (i, j) = (k / d, k % d);
            // AR(1) correlations, scales from 0.01 to 100.
            let scale = |i: usize| 10f64.powf(-2.0 + 4.0 * i as f64 / 7.0);
            0.8f64.powi(i.abs_diff(j) as i32) * scale(i) * scale(j)
        })
        .collect();
    let law = Gaussian::new(vec![1.0; d], covariance.clone()).unwrap();
    let start = Noise::new(1, 32).normal(d, &space());
    let mala = Mala { target: &law };
    let hmc = Hmc { target: &law, leapfrogs: 4 };
    for (transition, goal) in [(&mala as &dyn Transition, 0.574), (&hmc, 0.8)] {
        let plan = Plan::adaptive(1000, 500, Metric::Dense);
        let chains = run(transition, start.clone(), &plan, 3);
        let got = chains.mean_acceptance();
        assert!((got - goal).abs() < 0.03, "{got} where {goal} is aimed at");
        assert!(chains.tuning().step > 0.1, "whitened steps are of order one");
        for (j, s) in chains.summaries().iter().enumerate() {
            assert!((s.mean - 1.0).abs() < 4.0 * s.mcse_mean, "{j}: {s:?}");
            let exact = covariance[j * d + j].sqrt();
            assert!((s.sd - exact).abs() < 4.0 * s.mcse_sd, "{j}: {s:?} against {exact}");
            assert!(s.rhat < 1.02, "{j}: {s:?}");
        }
    }
    for metric in [Metric::Diagonal, Metric::Keep] {
        let plan = Plan { acceptance: Some(0.7), ..Plan::adaptive(1000, 300, metric) };
        let start = start.clone().mul_scalar(1e-2).add_scalar(1.0);
        let got = run(&mala, start, &plan, 4).mean_acceptance();
        assert!((got - 0.7).abs() < 0.03, "{metric:?}: {got} where 0.7 was asked for");
    }
}

/// A regression on years as they are, 1952 … 2013, whose covariance has a condition of 4e10, from
/// starts of order one, where residuals are of order 1000. Slope and scale against least squares:
/// with flat priors on the coefficients their posterior mean is the least-squares solution.
#[test]
fn climbing_makes_a_hard_start_easy() {
    let years: Vec<f64> = (0..62).map(|i| 1952.0 + f64::from(i)).collect();
    let noise = Noise::new(1, 62).normal_values(1);
    let y: Vec<f64> =
        years.iter().zip(&noise).map(|(x, e)| 9.3 + 0.02 * (x - 1982.0) + 1.1 * e).collect();
    let centre = years.iter().sum::<f64>() / 62.0;
    let square: f64 = years.iter().map(|x| (x - centre).powi(2)).sum();
    let slope = years.iter().zip(&y).map(|(x, y)| (x - centre) * y).sum::<f64>() / square;
    let (x, y) = (space().tensor::<2>(years, [1, 62]), space().tensor::<2>(y, [1, 62]));
    let log_density = LogDensity::new(move |p: Tensor<2>| {
        let column = |j: usize| p.clone().narrow(1, j, 1);
        let fit = column(0) + column(1) * x.clone();
        let residuals = (y.clone() - fit) / column(2);
        let squares = residuals.powi_scalar(2).sum_dim(1).mul_scalar(-0.5);
        (squares - column(2).log().mul_scalar(63.0)).squeeze_dim(1)
    });
    let transforms = vec![Transform::Real(2), Transform::POSITIVE];
    let target = Constrained::new(log_density, transforms).unwrap();
    let mala = Mala { target: &target };
    let noise = Noise::new(4, 32);
    let start = find_start(&mala, 3, 1.0, 100, &noise, &space());
    let start = climb(&target, start, 2000, 0.1);
    let chains = run(&mala, start.clone(), &Plan::adaptive(1500, 1000, Metric::Dense), 4);
    let s = chains.summaries()[1];
    assert!(s.rhat < 1.01 && s.ess_bulk > 4000.0, "{s:?}");
    assert!((s.mean - slope).abs() < 4.0 * s.mcse_mean, "{s:?} against {slope}");
    // Rows climb alone.
    let alone = climb(&target, start.clone().narrow(0, 3, 1), 20, 0.1);
    let together = climb(&target, start, 20, 0.1).narrow(0, 3, 1);
    assert_eq!(to_host(alone), to_host(together));
}
