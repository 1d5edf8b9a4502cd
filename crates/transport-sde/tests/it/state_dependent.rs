//! Reversal and the matrix family where `b` depends on the state: with `∇·Σ` they are right, with
//! its sign turned or without it they are rejected.

use crate::carried::{furthest, in_chunks, plane_law, standard_errors};
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Law, OracleFlow};
use transport_core::schedule::Rectified;
use transport_core::{Interval, Noise, Times};
use transport_sde::dynamics::{
    Churn, Clock, Dissipation, DivSigma, MatrixFamily, Reversed, ScoreFn,
};
use transport_sde::method::SdeStepper;
use transport_sde::method::sde::EulerMaruyama;
use transport_sde::{Diffusion, Grid, Sde, drive};

const N: usize = 100_000;

/// Faults are far enough away to be seen by fewer.
const FEW: usize = 20_000;

/// Pearson's diffusion `dX = −θ X dt + √(1 + X²) dW`, whose stationary law is Student's:
/// `p ∝ (1 + x²)^{−(θ+1)}`, that is `X = T/√ν` with ν = 2θ + 1 degrees of freedom.
#[derive(Clone, Copy)]
struct Pearson;

const THETA: f64 = 7.5;

impl Sde for Pearson {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(-THETA)
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(x.clone().powi_scalar(2).add_scalar(1.0).sqrt())
    }
}

impl DivSigma for Pearson {
    fn div_sigma(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.clone().mul_scalar(2.0)
    }
}

/// `−2 (θ + 1) x/(1 + x²)`.
fn student_score(x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
    let weight = x.clone().powi_scalar(2).add_scalar(1.0);
    x.mul_scalar(-2.0 * (THETA + 1.0)) / weight
}

/// A normal over the root of a χ² with 2θ + 1 = 16 degrees of freedom.
fn student(noise: &Noise) -> Tensor<2> {
    let z = noise.purpose("student").normal(17, &space());
    let chi = z.clone().narrow(1, 1, 16).powi_scalar(2).sum_dim(1).sqrt();
    z.narrow(1, 0, 1) / chi
}

/// A full, state-dependent matrix with a stationary law N(0, I) that it circulates in:
///
/// ```text
/// b = [ 1 + ½ sin w     0 ]    w = x + y,      a = −½ Σ x + ½ ∇·Σ + ω (−y, x)
///     [ κ sin w         1 ]
/// ```
///
/// The last term of the drift keeps N(0, I) and breaks time's symmetry: the reversal is another
/// process.
#[derive(Clone, Copy)]
struct Circulating;

const KAPPA: f64 = 0.8;
const OMEGA: f64 = 1.5;

fn columns(x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    (x.clone().narrow(1, 0, 1), x.clone().narrow(1, 1, 1))
}

impl Sde for Circulating {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let (a, b) = columns(&x);
        let around = Tensor::cat(vec![b.neg(), a], 1).mul_scalar(OMEGA);
        let pull = self.diffusion(&x, t).covariance_times(x.clone().neg());
        (pull + self.div_sigma(&x, t)).mul_scalar(0.5) + around
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        let n = x.dims()[0];
        let sin = x.clone().sum_dim(1).sin();
        let rows = vec![
            sin.clone().mul_scalar(0.5).add_scalar(1.0),
            sin.zeros_like(),
            sin.clone().mul_scalar(KAPPA),
            sin.ones_like(),
        ];
        Diffusion::Matrix(Tensor::cat(rows, 1).reshape([n, 2, 2]))
    }
}

impl DivSigma for Circulating {
    /// With s = sin w, c = cos w: `Σ₁₁ = (1 + ½s)²`, `Σ₁₂ = κ s (1 + ½s)`, `Σ₂₂ = 1 + κ² s²`.
    fn div_sigma(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        let w = x.clone().sum_dim(1);
        let (s, c) = (w.clone().sin(), w.cos());
        let d11 = c.clone() * s.clone().mul_scalar(0.5).add_scalar(1.0);
        let d12 = c.clone() * s.clone().add_scalar(1.0).mul_scalar(KAPPA);
        let d22 = (s * c).mul_scalar(2.0 * KAPPA * KAPPA);
        Tensor::cat(vec![d11 + d12.clone(), d12 + d22], 1)
    }
}

fn normal_score(x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
    x.neg()
}

/// The planted fault: the divergence with a factor, −1 for the sign that some write-ups print.
#[derive(Clone, Copy)]
struct Misprinted<S>(S, f64);

impl<S: Sde> Sde for Misprinted<S> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.drift(x, t)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.0.diffusion(x, t)
    }
}

impl<S: DivSigma> DivSigma for Misprinted<S> {
    fn div_sigma(&self, x: &Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.div_sigma(x, t).mul_scalar(self.1)
    }
}

#[test]
fn divergences_are_divergences() {
    fn check(sde: &impl DivSigma, d: usize) {
        const H: f64 = 1e-5;
        let (x, t) = (Noise::new(71, 8).normal(d, &space()), Times::Same(0.0));
        let got = to_host(sde.div_sigma(&x, t));
        let mut exact = vec![0.0; 8 * d];
        for j in 0..d {
            let unit = |k: usize| f64::from(u8::from(k == j));
            let axis = space().tensor::<2>((0..d).map(unit).collect(), [1, d]);
            // The column j of Σ, differentiated along axis j.
            let column = |h: f64| {
                let at = x.clone() + axis.clone().mul_scalar(h);
                sde.diffusion(&at, t).covariance_times(axis.clone().expand([8, d]))
            };
            let slope = to_host((column(H) - column(-H)).div_scalar(2.0 * H));
            exact.iter_mut().zip(slope).for_each(|(e, s)| *e += s);
        }
        let close = got.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-8);
        assert!(close, "{got:?} against {exact:?}");
    }
    check(&Pearson, 1);
    check(&Circulating, 2);
}

/// Rows `(start, end)` of `noise.len()` paths of an SDE over `[0, 1]`.
fn ends(
    sde: &dyn Sde,
    start: impl Fn(&Noise) -> Tensor<2> + Sync,
    noise: &Noise,
    steps: usize,
) -> Vec<f64> {
    let grid = Grid::uniform(Interval::UNIT, steps).unwrap();
    in_chunks(noise, |noise| {
        let x = start(noise);
        let mut stepper = SdeStepper::<EulerMaruyama>::new(sde, noise);
        let end = drive(&mut stepper, x.clone(), &grid, |_, _, _| {}).unwrap();
        Tensor::cat(vec![x, end], 1)
    })
}

/// The exact moments of `(X_0, X_S)`, S = 0.1: with `m = E X² = 1/(2θ − 1)`, `E[X₀X_S] = m e^{−θS}`
/// and `E[X₀²X_S²] = m² + e^{−(2θ−1)S} var X²`; of Student's law with ν = 2θ + 1, over ν,
/// `E X² = 1/(ν − 2)` and `E X⁴ = 3/((ν − 2)(ν − 4))`.
fn pearson_gap(pairs: &[f64]) -> f64 {
    let (s, nu) = (0.1, 2.0 * THETA + 1.0);
    let m2 = 1.0 / (nu - 2.0);
    let m4 = 3.0 / ((nu - 2.0) * (nu - 4.0));
    let rows = || pairs.chunks_exact(2);
    let z = [
        standard_errors(rows().map(|r| r[1]), 0.0),
        standard_errors(rows().map(|r| r[1] * r[1]), m2),
        standard_errors(rows().map(|r| r[0] * r[1]), m2 * (-THETA * s).exp()),
        standard_errors(
            rows().map(|r| (r[0] * r[1]).powi(2)),
            m2 * m2 + (-(2.0 * THETA - 1.0) * s).exp() * (m4 - m2 * m2),
        ),
    ];
    z.iter().fold(0.0, |m: f64, z| m.max(z.abs()))
}

/// Four statistics at four standard errors: a false alarm has probability 3e-4.
#[test]
fn pearsons_diffusion_is_reversed() {
    let run = |factor, n| {
        let sde = Misprinted(Pearson, factor);
        let (score, clock) = (ScoreFn(student_score), Clock { horizon: 0.1 });
        let sde = Reversed { sde, score, clock };
        pearson_gap(&ends(&sde, student, &Noise::new(72, n), 250))
    };
    let z = run(1.0, N);
    assert!(z < 4.0, "{z:.2} standard errors");
    for factor in [-1.0, 0.0] {
        let z = run(factor, FEW);
        assert!(z > 9.0, "∇·Σ times {factor} passes at {z:.2} standard errors");
    }
}

/// Two samples' means of the products of earlier and later coordinates, and of their squares, in
/// standard errors of the difference; `(earlier, later)` is `(x_0, x_S)` in both.
fn joint_gap(forwards: &[f64], backwards: &[f64]) -> f64 {
    let mean = |values: Vec<f64>| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * n))
    };
    let mut worst = 0f64;
    for i in 0..4 {
        for j in 0..=4 {
            let value = |row: &[f64], flip: bool| {
                let at =
                    |k: usize| if k == 4 { 1.0 } else { row[if flip { (k + 2) % 4 } else { k }] };
                at(i) * at(j)
            };
            let (a, u) = mean(forwards.chunks_exact(4).map(|r| value(r, false)).collect());
            let (b, v) = mean(backwards.chunks_exact(4).map(|r| value(r, true)).collect());
            worst = worst.max((a - b).abs() / (u + v).sqrt());
        }
    }
    worst
}

/// The joint law of `(X_0, X_S)`, S = ½, forwards against backwards: 14 means and products, four
/// standard errors of the difference (false alarm below 1e-3). The circulation makes `E[X_0 X_Sᵀ]`
/// differ from its transpose, so that taking the process for its own reversal is rejected as well.
#[test]
fn a_full_matrix_is_reversed() {
    const STEPS: usize = 100;
    let stationary = |noise: &Noise| noise.purpose("start").normal(2, &space());
    let process = Rescaled(Circulating, 0.5);
    let forwards = ends(&process, stationary, &Noise::new(73, N), STEPS);
    let run = |factor, n| {
        let sde = Misprinted(Circulating, factor);
        let sde = Reversed { sde, score: ScoreFn(normal_score), clock: Clock { horizon: 0.5 } };
        joint_gap(&forwards, &ends(&sde, stationary, &Noise::new(74, n), STEPS))
    };
    let z = run(1.0, N);
    assert!(z < 4.0, "{z:.2} standard errors");
    let z = run(-1.0, FEW);
    assert!(z > 9.0, "the wrong sign passes at {z:.2} standard errors");
    let z = joint_gap(&forwards, &ends(&process, stationary, &Noise::new(76, FEW), STEPS));
    assert!(z > 9.0, "the process passes for its reversal at {z:.2} standard errors");
}

/// A process over `[0, S]` in unit time.
struct Rescaled<S>(S, f64);

impl<S: Sde> Sde for Rescaled<S> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.drift(x, t).mul_scalar(self.1)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.0.diffusion(x, t).scaled(self.1.sqrt())
    }
}

/// `𝒟` without its divergence.
struct Undivided<D>(D);

impl<D: Dissipation> Dissipation for Undivided<D> {
    fn root(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.0.root(x, t)
    }

    fn divergence(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}

/// Straight lines from N(0, I) to a mixture with a state-dependent, full-matrix 𝒟.
fn by_family(dissipation: impl Dissipation) -> f64 {
    let field = OracleFlow { law: plane_law(), schedule: Rectified };
    let sde = MatrixFamily { field, dissipation };
    let start = |noise: &Noise| Gaussian::standard(2).sample(&noise.purpose("start"), &space());
    let grid = Grid::uniform(Interval::UNIT, 250).unwrap();
    let points = in_chunks(&Noise::new(75, 20_000), |noise| {
        let mut stepper = SdeStepper::<EulerMaruyama>::new(&sde, noise);
        drive(&mut stepper, start(noise), &grid, |_, _, _| {}).unwrap()
    });
    furthest(&points, &plane_law()).0.abs()
}

/// Six statistics at four standard errors of 20,000 samples, in which Euler–Maruyama's bias at
/// 250 steps is included.
#[test]
fn the_matrix_familys_marginals_do_not_depend_on_it() {
    let churn = Churn { sde: Circulating, clock: Clock::UNIT, amount: 0.4 };
    let z = by_family(churn);
    assert!(z < 4.0, "{z:.2} standard errors");
    let z = by_family(Undivided(churn));
    assert!(z > 9.0, "without ∇·𝒟 it passes at {z:.2} standard errors");
}
