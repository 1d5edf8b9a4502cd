//! Residuals vanish for exact laws, and see planted faults.

use crate::fokker_planck::{Linear, Ou, Pearson};
use crate::space;
use burn::tensor::Tensor;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport_core::process::{SubVp, Ve, Vp};
use transport_core::schedule::{Rectified, Trigonometric};
use transport_core::{
    Density, Field, Interval, LinearSde, Noise, Score, ScoredField, Times, device::to_host,
};
use transport_sde::dynamics::Epsilon;
use transport_sde::fokker_planck::{
    Axis, Carried, CurrentVelocity, Differenced, LearnedScore, Mesh, MovingLaw, Noised, ScoreOf,
    Still, Wave, continuity_residual, current, density_residual, derivative, div_sigma,
    nelson_velocity, score_residual, weak_residual,
};
use transport_sde::{Diffusion, Family, Grid, OdeFlow, Sde, SdeFlow, Solver};

fn mixture() -> Mixture {
    let components = vec![
        Gaussian::new(vec![0.9, -0.7], vec![0.6, 0.3, 0.3, 0.4]).unwrap(),
        Gaussian::isotropic(vec![-1.0, 1.0], 0.5),
    ];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

fn points(d: usize) -> Tensor<2> {
    Noise::new(4, 200).normal(d, &space())
}

fn largest<const D: usize>(x: Tensor<D>) -> f64 {
    to_host(x).iter().fold(0.0, |m, v| if v.is_nan() { f64::NAN } else { f64::max(m, v.abs()) })
}

/// The largest residuals of density, continuity equation and score at 200 points.
fn residuals(law: &(impl MovingLaw + Copy), sde: &dyn Sde, d: usize, t: f64) -> [f64; 3] {
    let velocity = Differenced(CurrentVelocity { sde, score: ScoreOf(*law) });
    [
        largest(density_residual(law, sde, &points(d), t)),
        largest(continuity_residual(law, &velocity, &points(d), t)),
        largest(score_residual(&velocity, &ScoreOf(*law), &points(d), t)),
    ]
}

fn vanish(what: &str, [density, continuity, score]: [f64; 3]) {
    println!("{what}: density {density:.1e}, continuity {continuity:.1e}, score {score:.1e}");
    assert!(density < 1e-8, "{what}: density residual {density:e}");
    assert!(continuity < 1e-8, "{what}: continuity residual {continuity:e}");
    // ∇·Σ by differences is a third nesting for the score's residual.
    let bound = if what == "Pearson" { 1e-6 } else { 1e-8 };
    assert!(score < bound, "{what}: score residual {score:e}");
}

fn noised<P: LinearSde + Clone>(process: P) -> (Noised<Mixture, P>, Linear<P>) {
    (Noised { law: mixture(), process: process.clone() }, Linear(process))
}

/// `(1 + x²)^{−2}`, the stationary law of Pearson's diffusion with κ = 1, normalised by 2/π.
#[derive(Clone, Copy)]
struct Student;

impl Density for Student {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let square = x.powi_scalar(2).add_scalar(1.0);
        square.log().mul_scalar(-2.0).add_scalar((2.0 / std::f64::consts::PI).ln()).squeeze_dim(1)
    }
}

impl Score for Student {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        x.clone().mul_scalar(-4.0) / x.powi_scalar(2).add_scalar(1.0)
    }
}

/// `dX = −A X dt + B dW` with a full matrix B, and A made so that N(0, S) is stationary:
/// `A = (½BBᵀ + Q) S⁻¹`, Q antisymmetric.
pub(crate) struct Skewed;

impl Skewed {
    const B: [f64; 4] = [1.0, 0.0, 0.5, 0.8];
    const S: [f64; 4] = [1.2, 0.3, 0.3, 0.8];
    const Q: f64 = 0.7;

    pub(crate) fn stationary() -> Gaussian {
        Gaussian::new(vec![0.0; 2], Self::S.to_vec()).unwrap()
    }

    fn matrix(values: [f64; 4]) -> Tensor<2> {
        space().tensor(values.to_vec(), [2, 2])
    }

    /// `S⁻¹` by hand.
    pub(crate) fn precision() -> [f64; 4] {
        let [a, b, _, d] = Self::S;
        let det = a * d - b * b;
        [d / det, -b / det, -b / det, a / det]
    }

    /// `½ B Bᵀ`.
    pub(crate) fn half() -> [f64; 4] {
        let [a, _, c, d] = Self::B;
        [0.5 * a * a, 0.5 * a * c, 0.5 * a * c, 0.5 * (c * c + d * d)]
    }
}

impl Sde for Skewed {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        let [a, b, c, d] = Self::half();
        let pull =
            Self::matrix([a, b + Self::Q, c - Self::Q, d]).matmul(Self::matrix(Self::precision()));
        x.matmul(pull.transpose()).neg()
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        let b: Tensor<3> = space().tensor(Self::B.to_vec(), [1, 2, 2]);
        Diffusion::Matrix(b.expand([x.dims()[0], 2, 2]))
    }
}

/// Exact laws: linear processes on their own clock, members of the family on the transport clock,
/// state-dependent and full-matrix noise at stationarity.
#[test]
fn residuals_of_exact_laws_vanish() {
    let (law, sde) = noised(Ou { theta: 1.0, sigma: 0.8 });
    vanish("OU", residuals(&&law, &sde, 2, 0.4));
    let (law, sde) = noised(Vp { beta_min: 0.1, beta_max: 8.0 });
    vanish("VP", residuals(&&law, &sde, 2, 0.3));
    let (law, sde) = noised(SubVp::default());
    vanish("sub-VP", residuals(&&law, &sde, 2, 0.2));
    let (law, sde) = noised(Ve { sigma_min: 0.1, sigma_max: 10.0 });
    vanish("VE", residuals(&&law, &sde, 2, 0.3));
    let flow = OracleFlow { law: mixture(), schedule: Trigonometric };
    for epsilon in [Epsilon::Constant(0.5), Epsilon::Sigma(2.0), Epsilon::Reversal(1.0)] {
        let family = Family { field: &flow, schedule: Trigonometric, epsilon };
        vanish(&format!("{epsilon:?}"), residuals(&&flow, &family, 2, 0.5));
    }
    vanish("Pearson", residuals(&Still(Student), &Pearson { kappa: 1.0 }, 1, 0.0));
    vanish("full matrix", residuals(&&Still(Skewed::stationary()), &Skewed, 2, 0.0));
}

/// A transport's own velocity, with its exact derivative; and a learned pair, which has no density.
#[test]
fn transports_satisfy_the_continuity_equation() {
    let flow = OracleFlow { law: mixture(), schedule: Rectified };
    for t in [0.1, 0.5, 0.9] {
        let x = points(2);
        let exact = largest(continuity_residual(&flow, &flow, &x, t));
        let pair = largest(score_residual(&flow, &LearnedScore(&flow), &x, t));
        println!("t = {t}: continuity {exact:.1e}, score {pair:.1e}");
        assert!(exact < 1e-8 && pair < 1e-8, "{exact} {pair}");
        let other = OracleFlow { law: mixture(), schedule: Trigonometric };
        assert!(largest(continuity_residual(&flow, &other, &x, t)) > 0.1);
        let off = LearnedScore(Off(&flow));
        let velocity = Differenced(Off(&flow));
        assert!(largest(score_residual(&velocity, &off, &x, t)) > 1e-2, "a learned error is seen");
    }
}

/// With no law but the flow's own, its density by the change of variables along it: the continuity
/// equation holds with the right score, to the flow's steps, and not with one that is off.
#[test]
fn a_flow_is_its_own_law() {
    let flow = OracleFlow { law: mixture(), schedule: Rectified };
    let start = Gaussian::standard(2);
    let x = Noise::new(4, 20).normal(2, &space());
    let residual = |law: &dyn MovingLaw| largest(continuity_residual(law, &flow, &x, 0.6));
    let carried = |steps| Carried {
        reference: start.clone(),
        velocity: &flow,
        score: LearnedScore(&flow),
        start: 0.0,
        steps,
        solver: Solver::Heun,
    };
    let off = Carried {
        reference: start.clone(),
        velocity: &flow,
        score: LearnedScore(Off(&flow)),
        start: 0.0,
        steps: 100,
        solver: Solver::Heun,
    };
    let (coarse, fine, off) = (residual(&carried(100)), residual(&carried(200)), residual(&off));
    println!(
        "own law: {coarse:.1e} with 100 steps, {fine:.1e} with 200; a score that is off {off:.1e}"
    );
    assert!(fine < 1e-3 && coarse > 3.0 * fine && off > 1e-2, "{coarse} {fine} {off}");
}

/// A learned field that is a little off the oracle.
struct Off<'a>(&'a OracleFlow<Mixture, Rectified>);

impl Field for Off<'_> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.velocity_and_score(x, t).0
    }
}

impl ScoredField for Off<'_> {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let error = x.clone().sin().mul_scalar(0.02);
        let (velocity, score) = self.0.velocity_and_score(x, t);
        (velocity, score + error)
    }
}

/// The exact law with the sign of its score turned.
struct Turned<Q>(Q);

impl<Q: MovingLaw> MovingLaw for Turned<Q> {
    fn log_prob(&self, x: Tensor<2>, t: f64) -> Tensor<1> {
        self.0.log_prob(x, t)
    }

    fn score(&self, x: Tensor<2>, t: f64) -> Tensor<2> {
        self.0.score(x, t).neg()
    }
}

/// The drift −λ where −λ x belongs, or the noise √2 g where g does.
struct Faulty {
    keep_x: bool,
    factor: f64,
}

const VP: Vp = Vp { beta_min: 0.1, beta_max: 8.0 };

impl Sde for Faulty {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(if self.keep_x { x } else { x.ones_like() }, |s| -VP.lambda(s))
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, |s| self.factor * VP.g(s))
    }
}

#[test]
fn planted_faults_are_seen() {
    let (law, sde) = noised(VP);
    let see = |what: &str, [density, continuity, score]: [f64; 3]| {
        println!("{what}: density {density:.1e}, continuity {continuity:.1e}, score {score:.1e}");
        assert!(density > 1e-2 && continuity > 0.1 && score > 0.1, "{what} is not seen");
    };
    see(
        "x dropped from the current",
        residuals(&&law, &Faulty { keep_x: false, factor: 1.0 }, 2, 0.3),
    );
    see("½ missing", residuals(&&law, &Faulty { keep_x: true, factor: 2f64.sqrt() }, 2, 0.3));
    see("score turned", residuals(&&Turned(&law), &sde, 2, 0.3));
    vanish("no fault", residuals(&&law, &Faulty { keep_x: true, factor: 1.0 }, 2, 0.3));
}

/// `+½∇·Σ` where the velocity carries `−½∇·Σ`.
struct WrongDivergence;

impl Field for WrongDivergence {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let sde = Pearson { kappa: 1.0 };
        let right = CurrentVelocity { sde: &sde, score: ScoreOf(Still(Student)) };
        right.eval(x.clone(), t) + div_sigma(&sde, &x, t)
    }
}

#[test]
fn the_divergence_of_sigma_has_its_sign() {
    // Σ = 1 + x², ∇·Σ = 2x.
    let x = points(1);
    let divergence = div_sigma(&Pearson { kappa: 1.0 }, &x, Times::Same(0.0));
    assert!(largest(divergence - x.clone().mul_scalar(2.0)) < 1e-10);
    let wrong = Differenced(WrongDivergence);
    assert!(largest(continuity_residual(&Still(Student), &wrong, &x, 0.0)) > 0.5);
}

/// `j = −λ x q − ½ g² ∇q`, spelled out.
#[test]
fn the_current_of_a_linear_process() {
    let (law, sde) = noised(VP);
    let (x, s) = (points(2), 0.3);
    let q = |x: Tensor<2>| law.log_prob(x, s).exp();
    let gradient = |i: usize| {
        let mut unit = vec![0.0; 2];
        unit[i] = 1.0;
        let unit = space().tensor::<2>(unit, [1, 2]);
        derivative(|h| q(x.clone() + unit.clone().mul_scalar(h)).unsqueeze_dim::<2>(1))
    };
    let gradient = Tensor::cat(vec![gradient(0), gradient(1)], 1);
    let spelled = (x.clone() * q(x.clone()).unsqueeze_dim(1)).mul_scalar(-VP.lambda(s))
        - gradient.mul_scalar(0.5 * VP.g(s).powi(2));
    assert!(largest(current(&law, &sde, x, s) - spelled) < 1e-11);
}

const N: usize = 100_000;

/// The field as an SDE without noise.
struct Noiseless<F>(F);

impl<F: Field> Sde for Noiseless<F> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.eval(x, t)
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(0.0)
    }
}

fn knots(end: f64, steps: usize) -> Vec<f64> {
    (0..=steps).map(|k| end * k as f64 / steps as f64).collect()
}

fn ou_paths(start: &dyn Law, d: usize) -> (Linear<Ou>, transport_core::Trajectory) {
    let process = Ou { theta: 1.0, sigma: 0.8 };
    let noise = Noise::new(8, N);
    let x = start.sample(&noise.purpose("start"), &space());
    assert_eq!(x.dims()[1], d);
    let grid = Grid::uniform(Interval { start: 0.0, end: 0.6 }, 120).unwrap();
    let flow = SdeFlow { sde: Linear(process), grid, solver: Solver::EulerMaruyama };
    (Linear(process), flow.solve_trace(x, &knots(0.6, 24), &noise).unwrap())
}

/// Dynkin's formula on particles: within four standard errors (false alarm 6e-5 a wave) for the
/// right process, far outside for one with ten per cent more noise.
#[test]
fn particles_satisfy_the_equation_in_the_weak_sense() {
    let (sde, path) = ou_paths(&mixture(), 2);
    let wrong = Linear(Ou { theta: 1.0, sigma: 0.88 });
    let flow = OracleFlow { law: mixture(), schedule: Rectified };
    let grid = Grid::uniform(Interval::UNIT, 50).unwrap();
    let ode = OdeFlow { field: &flow, grid, solver: Solver::Heun };
    let start = Noise::new(9, 20_000).normal(2, &space());
    let streams = ode.solve_trace(start, &knots(1.0, 50)).unwrap();
    for (k, phase) in [(vec![1.0, 0.0], 0.0), (vec![0.7, -1.1], 0.4), (vec![1.5, 1.5], 0.0)] {
        let wave = Wave { k, phase };
        let (right, off) = (weak_residual(&sde, &path, &wave), weak_residual(&wrong, &path, &wave));
        println!("{wave:?}: {right:?}, wrong noise {:+.0} s.e.", off.z_score(0.0));
        assert!(right.z_score(0.0).abs() < 4.0, "{right:?}");
        assert!(off.z_score(0.0).abs() > 8.0, "{off:?}");
        // Along a flow there is nothing random: what is left is the trapezoidal rule's error.
        let carried = weak_residual(&Noiseless(&flow), &streams, &wave);
        assert!(carried.mean.abs() < 1e-3, "{carried:?}");
    }
}

/// Nelson's velocity from particles is `j/q`, and is not the drift.
#[test]
fn particles_know_the_velocity_of_the_current() {
    let law = Gaussian::isotropic(vec![1.5], 0.3);
    let (sde, path) = ou_paths(&law, 1);
    let mesh = Mesh::new(vec![Axis::new(-1.0, 3.0, 20)]).unwrap();
    let k = 8;
    let t = path.times[k];
    let exact = Noised { law, process: Ou { theta: 1.0, sigma: 0.8 } };
    let velocity = CurrentVelocity { sde: &sde, score: ScoreOf(&exact) };
    let (mut worst, mut drift_seen) = (0f64, 0f64);
    for cell in nelson_velocity(&path, k, &mesh).iter().filter(|c| c.count > 1000) {
        let x = space().tensor::<2>(mesh.centre(cell.cell), [1, 1]);
        let v = to_host(velocity.eval(x.clone(), Times::Same(t)))[0];
        let j = to_host(current(&exact, &sde, x.clone(), t))[0];
        let (got, a) = (cell.velocity[0], to_host(sde.drift(x, Times::Same(t)))[0]);
        // The cell's width and the knots' distance are allowed 0.03.
        worst = worst.max(((got.mean - v).abs() - 0.03) / got.std_error);
        drift_seen = drift_seen.max((got.mean - a).abs() / got.std_error);
        assert!((cell.current()[0] - j).abs() < 0.05, "{} against {j}", cell.current()[0]);
    }
    println!("velocity off by {worst:.1} s.e. at most; the drift by {drift_seen:.0}");
    assert!(worst < 4.0 && drift_seen > 20.0, "{worst} {drift_seen}");
}
