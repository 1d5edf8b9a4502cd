//! Kinetic energy, straightness and entropy production against closed forms.

use crate::fokker_planck::{Linear, Ou, Whirl};
use crate::fokker_planck_residuals::Skewed;
use crate::space;
use burn::tensor::Tensor;
use transport_core::field::AffineField;
use transport_core::law::{Gaussian, Law, OracleFlow};
use transport_core::schedule::Rectified;
use transport_core::{Interval, Noise, Times, Trajectory, device::to_host};
use transport_sde::dynamics::Epsilon;
use transport_sde::fokker_planck::{
    Axis, Estimate, FokkerPlanckError, Generator, LearnedScore, Mesh, Noised, ScoreOf, Still,
    energy_along, entropy_production, entropy_rates, house_keeping, path_energy, straightness,
    straightness_along,
};
use transport_sde::{Diffusion, Family, Grid, OdeFlow, Sde, SdeFlow, Solver};

const N: usize = 100_000;

fn knots(end: f64, steps: usize) -> Vec<f64> {
    (0..=steps).map(|k| end * k as f64 / steps as f64).collect()
}

/// Simpson's rule with 2000 intervals.
fn integral(end: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (n, h) = (2000, end / 2000.0);
    let weight = |k: usize| if k == 0 || k == n { 1.0 } else { 2.0 + 2.0 * (k % 2) as f64 };
    (0..=n).map(|k| weight(k) * f(k as f64 * h)).sum::<f64>() * h / 3.0
}

fn near(what: &str, got: Estimate, exact: f64, bias: f64) {
    println!("{what}: {:.5} ± {:.5}, exact {exact:.5}", got.mean, got.std_error);
    let allowed = 4.0 * got.std_error + bias;
    assert!((got.mean - exact).abs() < allowed, "{what}: {got:?}, exact {exact}");
}

/// N(0, 1) to N(m, s²) on straight lines: `v = m + (σ′/σ)(x − t m)` with `σ² = t²s² + (1−t)²`, so
/// that the energy is `m² + ∫σ′²` and, the map being monotone, `E|X₁ − X₀|² = m² + (s − 1)² = W₂²`.
/// Within four standard errors (false alarm 6e-5 each) and the stated error of the knots.
#[test]
fn energy_and_straightness_of_a_gaussian_flow() {
    let (m, s) = (1.0, 2.0);
    let flow = OracleFlow { law: Gaussian::isotropic(vec![m], s), schedule: Rectified };
    let rate = |t: f64| {
        let sigma = (t * t * s * s + (1.0 - t).powi(2)).sqrt();
        ((t * s * s - (1.0 - t)) / sigma).powi(2)
    };
    let energy = m * m + integral(1.0, rate);
    let transport = m * m + (s - 1.0) * (s - 1.0);

    let noise = Noise::new(14, N);
    let start = noise.purpose("start").normal(1, &space());
    let grid = Grid::uniform(Interval::UNIT, 100).unwrap();
    let ode = OdeFlow { field: &flow, grid: grid.clone(), solver: Solver::Heun };
    let path = ode.solve_trace(start.clone(), &knots(1.0, 100)).unwrap();
    near("energy along the flow", energy_along(&flow, &path), energy, 1e-3);
    near("energy of its particles", path_energy(&path), energy, 1e-3);
    near("straightness of its particles", straightness(&path), energy - transport, 1e-3);
    near("straightness along", straightness_along(&flow, &path), energy - transport, 1e-3);

    // Particles of an SDE with the same marginals carry the same energy, of its current.
    let sde = Family { field: &flow, schedule: Rectified, epsilon: Epsilon::Sigma(1.0) };
    let kernel = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
    let path = kernel.solve_trace(start, &knots(1.0, 100), &noise).unwrap();
    near("energy along an SDE", energy_along(&flow, &path), energy, 2e-2);
    assert!(path_energy(&path).mean > 10.0 * energy, "Brownian paths have no energy of their own");
}

/// A straight flow has straightness zero and the energy of its displacement; a flow on a longer
/// clock is judged by its mean velocity.
#[test]
fn straight_flows_are_straight() {
    let field = AffineField { matrix: vec![0.0; 4], offset: vec![3.0, -4.0], rate: vec![0.0; 2] };
    let grid = Grid::uniform(Interval { start: 0.0, end: 2.0 }, 10).unwrap();
    let flow = OdeFlow { field, grid, solver: Solver::Euler };
    let start = Noise::new(1, 50).normal(2, &space());
    let path = flow.solve_trace(start, &knots(2.0, 10)).unwrap();
    for s in [straightness(&path), straightness_along(&flow.field, &path)] {
        assert!(s.mean.abs() < 1e-24, "{s:?}");
    }
    for e in [path_energy(&path), energy_along(&flow.field, &path)] {
        assert!((e.mean - 50.0).abs() < 1e-10, "{e:?}");
    }
}

const OU: Ou = Ou { theta: 1.0, sigma: 0.8 };
const D: f64 = 0.32;

/// OU from N(1.5, ½²): `q_t` is Gaussian, `v = −θx + D (x − μ)/V`.
fn ou_law() -> Noised<Gaussian, Ou> {
    Noised { law: Gaussian::isotropic(vec![1.5], 0.5), process: OU }
}

/// Mean and variance of `q_t`.
fn ou_moments(t: f64) -> (f64, f64) {
    let law = ou_law().at(t);
    (law.mean()[0], law.covariance()[0])
}

/// `E v²`.
fn ou_energy(t: f64) -> f64 {
    let (mean, var) = ou_moments(t);
    mean * mean + (D / var - 1.0).powi(2) * var
}

/// `KL(q_t ‖ N(0, D/θ))`.
fn ou_divergence(t: f64) -> f64 {
    let (mean, var) = ou_moments(t);
    0.5 * ((var + mean * mean) / D - 1.0 - (var / D).ln())
}

/// At one time: from samples of the exact law, with the exact score, and from the mesh, whose error
/// falls at second order.
#[test]
fn rates_of_a_relaxing_gaussian() {
    let (law, sde, t) = (ou_law(), Linear(OU), 0.3);
    let x = law.at(t).sample(&Noise::new(5, N), &space());
    let rates = entropy_rates(&sde, &ScoreOf(&law), &x, t).unwrap();
    let (_, var) = ou_moments(t);
    let mean = |rate: Tensor<1>| Estimate::of(&to_host(rate));
    // d/dt ½ log V = D/V − θ.
    let (total, system) = (ou_energy(t) / D, D / var - 1.0);
    near("total", mean(rates.total.clone()), total, 0.0);
    near("system", mean(rates.system.clone()), system, 0.0);
    near("medium", mean(rates.medium.clone()), total - system, 0.0);
    let split = rates.total - rates.system - rates.medium;
    assert!(
        to_host(split).iter().all(|g| g.abs() < 1e-10),
        "total = system + medium, point by point"
    );
    // −d/dt KL(q‖q_∞) is the same number.
    let slope = (ou_divergence(t - 1e-4) - ou_divergence(t + 1e-4)) / 2e-4;
    assert!((slope - total).abs() < 1e-6, "{slope} against {total}");

    let errors = [100, 200, 400].map(|cells| {
        let mesh = Mesh::new(vec![Axis::new(-4.0, 5.0, cells)]).unwrap();
        let generator = Generator::new(&sde, &mesh, t, &space()).unwrap();
        let q = mesh.density(&law.at(t), &space());
        let energy = (generator.kinetic_energy(&q) - ou_energy(t)).abs();
        (energy, (generator.entropy_production(&q) - total).abs())
    });
    println!("mesh errors of energy and entropy production: {errors:?}");
    for pair in errors.windows(2) {
        let orders = [(pair[0].0 / pair[1].0).log2(), (pair[0].1 / pair[1].1).log2()];
        assert!(orders.iter().all(|o| (o - 2.0).abs() < 0.2), "{orders:?}");
    }
}

/// Over time: the total along particles is the fall of KL, the system's part the change of entropy.
#[test]
fn entropy_produced_along_particles() {
    let (law, sde, end) = (ou_law(), Linear(OU), 1.0);
    let noise = Noise::new(6, N);
    let start = law.law.sample(&noise.purpose("start"), &space());
    let grid = Grid::uniform(Interval { start: 0.0, end }, 200).unwrap();
    let flow = SdeFlow { sde: Linear(OU), grid, solver: Solver::EulerMaruyama };
    let path = flow.solve_trace(start, &knots(end, 50), &noise).unwrap();
    let produced = entropy_production(&sde, &ScoreOf(&law), &path).unwrap();
    let total = ou_divergence(0.0) - ou_divergence(end);
    let system = 0.5 * (ou_moments(end).1 / ou_moments(0.0).1).ln();
    near("total", produced.total, total, 0.01);
    near("system", produced.system, system, 0.01);
    near("medium", produced.medium, total - system, 0.01);
    // A score that is a fifth too large is seen.
    struct Louder(Noised<Gaussian, Ou>);
    impl transport_core::Field for Louder {
        fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
            ScoreOf(&self.0).eval(x, t).mul_scalar(1.2)
        }
    }
    let wrong = entropy_production(&sde, &Louder(ou_law()), &path).unwrap();
    assert!(wrong.total.z_score(total).abs() > 20.0, "{wrong:?}");
}

/// A learned pair on the transport clock: the family's entropy production from its own score.
#[test]
fn learned_scores_serve_as_exact_ones() {
    let flow = OracleFlow { law: Gaussian::isotropic(vec![1.0, 0.0], 0.5), schedule: Rectified };
    let sde = Family { field: &flow, schedule: Rectified, epsilon: Epsilon::Constant(0.5) };
    let x = flow.at(0.5).sample(&Noise::new(2, 100), &space());
    let learned = entropy_rates(&sde, &LearnedScore(&flow), &x, 0.5).unwrap();
    let exact = entropy_rates(&sde, &ScoreOf(&flow), &x, 0.5).unwrap();
    let gap = to_host(learned.total - exact.total);
    assert!(gap.iter().all(|g| g.abs() < 1e-10));
}

fn multiply(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    let entry = |i: usize, j: usize| a[2 * i] * b[j] + a[2 * i + 1] * b[2 + j];
    [entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)]
}

fn inverse([a, b, c, d]: [f64; 4]) -> [f64; 4] {
    let det = a * d - b * c;
    [d / det, -b / det, -c / det, a / det]
}

/// Away from equilibrium, with full-matrix noise: `v_∞ = −Q S⁻¹ x` keeps the house at the rate
/// `tr(S⁻¹ Qᵀ D⁻¹ Q)`, all of the total at stationarity; elsewhere the rest of the total is the
/// excess, `E (v − v_∞)ᵀ D⁻¹ (v − v_∞)`.
#[test]
fn house_keeping_and_excess() {
    let turn = [0.0, 0.7, -0.7, 0.0];
    let back = [0.0, -0.7, 0.7, 0.0];
    let inner = multiply(back, multiply(inverse(Skewed::half()), turn));
    let product = multiply(Skewed::precision(), inner);
    let exact = product[0] + product[3];
    let stationary = Still(Skewed::stationary());
    let x = stationary.0.sample(&Noise::new(3, N), &space());
    let keeping = house_keeping(&Skewed, &ScoreOf(&stationary), &x, 0.0).unwrap();
    near("house-keeping at stationarity", Estimate::of(&to_host(keeping)), exact, 0.0);

    let law = Still(Gaussian::new(vec![0.5, -0.3], vec![0.7, -0.2, -0.2, 1.1]).unwrap());
    let x = law.0.sample(&Noise::new(4, N), &space());
    let total = entropy_rates(&Skewed, &ScoreOf(&law), &x, 0.0).unwrap().total;
    let keeping = house_keeping(&Skewed, &ScoreOf(&stationary), &x, 0.0).unwrap();
    // v − v_∞ = −D (s − s_∞), so that the excess is (s − s_∞)ᵀ D (s − s_∞).
    let gap = transport_core::Score::score(&law.0, x.clone())
        - transport_core::Score::score(&stationary.0, x);
    let half: Tensor<2> = space().tensor(Skewed::half().to_vec(), [2, 2]);
    let excess: Tensor<1> = (gap.clone().matmul(half) * gap).sum_dim(1).squeeze_dim(1);
    near(
        "total − house-keeping − excess",
        Estimate::of(&to_host(total - keeping - excess)),
        0.0,
        0.0,
    );
}

/// The chain's entropy production on a mesh in the plane: a whirl at stationarity makes 2ω².
#[test]
fn a_whirl_on_a_mesh_produces_entropy() {
    let whirl = Whirl { omega: 0.5, sigma: 1.0 };
    let law = Gaussian::isotropic(vec![0.0; 2], 0.5f64.sqrt());
    let errors = [40, 80].map(|cells| {
        let mesh = Mesh::new(vec![Axis::new(-4.0, 4.0, cells); 2]).unwrap();
        let generator = Generator::new(&whirl, &mesh, 0.0, &space()).unwrap();
        (generator.entropy_production(&mesh.density(&law, &space())) - 0.5).abs()
    });
    println!("whirl: errors {errors:?}");
    assert!(errors[1] < 0.01 && errors[0] > 3.0 * errors[1], "{errors:?}");
}

#[test]
fn entropy_without_noise_is_refused() {
    struct Noise2(Diffusion);
    impl Sde for Noise2 {
        fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
            x.neg()
        }
        fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
            self.0.clone()
        }
    }
    let law = Still(Gaussian::standard(2));
    let x: Tensor<2> = space().tensor(vec![0.1; 4], [2, 2]);
    let refused = |b: Diffusion, row: usize| {
        let error = entropy_rates(&Noise2(b), &ScoreOf(&law), &x, 0.5).unwrap_err();
        assert_eq!(error, FokkerPlanckError::Degenerate { row, t: 0.5 });
    };
    refused(Diffusion::Scalar(0.0), 0);
    refused(Diffusion::Diagonal(space().tensor(vec![1.0, 1.0, 0.0, 1.0], [2, 2])), 1);
    let singular = vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    refused(Diffusion::Matrix(space().tensor(singular, [2, 2, 2])), 1);
    let empty = Trajectory { times: vec![], states: vec![] };
    assert!(std::panic::catch_unwind(|| path_energy(&empty)).is_err());
}
