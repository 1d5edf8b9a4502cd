//! Gradients through an integration, against closed forms, finite differences and each other.

use crate::space;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::testkit::max_or_nan;
use transport_core::{
    Density, Field, Interval, Jvp, Noise, Space, Times, device::to_host, law::Gaussian,
};
use transport_sde::adjoint::{Backward, Integration, NotRungeKutta, Parametric};
use transport_sde::likelihood::{PENALISED, Penalised, Probe, Trace};
use transport_sde::{Grid, SolveError, Solver};

/// `v(x) = x Aᵀ`, A a parameter.
#[derive(Module, Debug)]
struct Linear {
    matrix: Param<Tensor<2>>,
}

struct LinearField<'a>(&'a Linear);

impl Field for LinearField<'_> {
    fn eval(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.matmul(self.0.matrix.val().transpose())
    }
}

impl Jvp for LinearField<'_> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let tangent = self.eval(u, t);
        (self.eval(x, t), tangent)
    }
}

/// The likelihood's equation of a linear field; `blind` hides A from the divergence's gradient.
struct Likelihood {
    trace: Trace,
    blind: bool,
}

impl Parametric<Linear> for Likelihood {
    fn eval(&self, module: &Linear, y: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let field = Penalised { field: LinearField(module), trace: self.trace.clone() };
        let out = field.eval(y.clone(), t);
        if !self.blind {
            return out;
        }
        let d = y.dims()[1] - PENALISED;
        let rest = out.clone().narrow(1, d, PENALISED).detach();
        Tensor::cat(vec![out.narrow(1, 0, d), rest], 1)
    }
}

const D: usize = 2;
const A: [f64; 4] = [0.4, -0.9, 0.7, -0.3];
const WEIGHTS: [f64; 2] = [0.05, 0.03];

fn linear(matrix: &[f64]) -> Linear {
    Linear { matrix: Param::from_tensor(space().tensor(matrix.to_vec(), [D, D])) }
}

fn points(n: usize) -> Tensor<2> {
    Noise::new(4, n).normal(D, &space())
}

fn start(x: Tensor<2>) -> Tensor<2> {
    let n = x.dims()[0];
    let Space { device, dtype } = space();
    Tensor::cat(vec![x, Tensor::zeros([n, PENALISED], (&device, dtype))], 1)
}

/// `mean [ −log N(z) − log|det| + λ_K ∫‖v‖² + λ_J ∫‖∂v ε‖² ]`.
fn loss(end: Tensor<2>) -> Tensor<1> {
    let [n, _] = end.dims();
    let column = |k: usize| end.clone().narrow(1, D + k, 1).reshape([n]);
    let log_prob = Gaussian::standard(D).log_prob(end.clone().narrow(1, 0, D)) + column(0);
    let sizes = column(1).mul_scalar(-WEIGHTS[0]) + column(2).mul_scalar(-WEIGHTS[1]);
    (sizes - log_prob).sum_dim(0).div_scalar(n as f64)
}

fn backwards(solver: Solver, steps: usize) -> Integration {
    Integration::new(solver, Grid::uniform(Interval::UNIT, steps).unwrap().reversed()).unwrap()
}

type Matrix = [[f64; D]; D];

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..D).map(|k| a[i][k] * b[k][j]).sum()))
}

/// `e^{sA}` by its series on `sA/2¹⁰`, squared ten times.
fn exponential(a: &[f64], s: f64) -> Matrix {
    let small: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| s * a[i * D + j] / 1024.0));
    let one: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(i == j)));
    let (mut sum, mut term) = (one, one);
    for k in 1..12 {
        term = product(&term, &small).map(|row| row.map(|v| v / f64::from(k)));
        sum = std::array::from_fn(|i| std::array::from_fn(|j| sum[i][j] + term[i][j]));
    }
    (0..10).fold(sum, |m, _| product(&m, &m))
}

fn apply(m: &Matrix, x: &[f64]) -> [f64; D] {
    std::array::from_fn(|i| (0..D).map(|j| m[i][j] * x[j]).sum())
}

fn square(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum()
}

/// The loss in closed form: `z = e^{−A} x`, `log|det| = −tr A`, `v(t) = A e^{(t−1)A} x` (Simpson's
/// rule on 200 intervals in t), `∂v ε = A ε`.
fn closed(a: &[f64], x: &[f64], probes: &[f64]) -> f64 {
    let rows: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| a[i * D + j]));
    let back = exponential(a, -1.0);
    let simpson: Vec<(f64, Matrix)> = (0..=200)
        .map(|k| {
            let weight = match k {
                0 | 200 => 1.0,
                k if k % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let flow = exponential(a, f64::from(k) / 200.0 - 1.0);
            (weight / 600.0, product(&rows, &flow))
        })
        .collect();
    let one = |(x, probe): (&[f64], &[f64])| {
        let z = apply(&back, x);
        let log_prob = -0.5 * square(&z) - (2.0 * std::f64::consts::PI).ln() - (a[0] + a[3]);
        let kinetic: f64 = simpson.iter().map(|(w, m)| w * square(&apply(m, x))).sum();
        WEIGHTS[0] * kinetic + WEIGHTS[1] * square(&apply(&rows, probe)) - log_prob
    };
    let n = x.len() / D;
    x.chunks(D).zip(probes.chunks(D)).map(one).sum::<f64>() / n as f64
}

/// Central differences of the closed form.
fn closed_gradient(x: &[f64], probes: &[f64]) -> Vec<f64> {
    let shifted = |k: usize, h: f64| {
        let mut a = A;
        a[k] += h;
        closed(&a, x, probes)
    };
    (0..D * D).map(|k| (shifted(k, 1e-5) - shifted(k, -1e-5)) / 2e-5).collect()
}

const WAYS: [Backward; 4] = [
    Backward::Plain,
    Backward::Checkpointed { segments: 1 },
    Backward::Checkpointed { segments: 7 },
    Backward::Adjoint,
];

fn largest_gap(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan)
}

/// Every way and every trace against the matrix exponential; a divergence whose gradient is lost is
/// caught by the same comparison.
#[test]
fn gradients_are_those_of_the_closed_form() {
    let n = 6;
    let x = points(n);
    let probe = Probe::Rademacher.draw(D, &Noise::new(8, n), &space());
    let (rows, probes) = (to_host(x.clone()), to_host(probe.clone()));
    let (value, gradient) = (closed(&A, &rows, &probes), closed_gradient(&rows, &probes));
    let found = |how, trace: Trace, blind| {
        let equation = Likelihood { trace, blind };
        let integration = backwards(Solver::Rk4, 60);
        integration.differentiate(how, &equation, &linear(&A), start(x.clone()), loss).unwrap()
    };
    for how in WAYS {
        let exact = found(how, Trace::Sized(probe.clone()), false);
        assert!((exact.loss - value).abs() < 1e-7, "{how:?}: {} for {value}", exact.loss);
        let gap = largest_gap(&to_host(exact.parameters.0[0].clone()), &gradient);
        assert!(gap < 1e-6, "{how:?}: {gap:e}");
        let blind = found(how, Trace::Sized(probe.clone()), true);
        let gap = largest_gap(&to_host(blind.parameters.0[0].clone()), &gradient);
        assert!(gap > 0.1, "{how:?}: the planted fault passes, {gap:e}");
    }
    // Without a Jacobian's size, and by a probe with εᵀAε in the place of tr A.
    let sizes = |how| found(how, Trace::Exact, false);
    let jacobian = |k: usize| {
        let (i, j) = (k / D, k % D);
        let of = |e: &[f64]| 2.0 * WEIGHTS[1] * e[j] * (A[i * D] * e[0] + A[i * D + 1] * e[1]);
        probes.chunks(D).map(of).sum::<f64>() / n as f64
    };
    let without: Vec<f64> = (0..4).map(|k| gradient[k] - jacobian(k)).collect();
    let trace = |k: usize| {
        let of = |e: &[f64]| e[k / D] * e[k % D];
        let identity = f64::from(k / D == k % D);
        probes.chunks(D).map(of).sum::<f64>() / n as f64 - identity
    };
    // −log|det| = ∫ εᵀAε rather than tr A.
    let probed: Vec<f64> = (0..4).map(|k| gradient[k] + trace(k)).collect();
    for how in WAYS {
        let gap = largest_gap(&to_host(sizes(how).parameters.0[0].clone()), &without);
        assert!(gap < 1e-6, "{how:?}, exact: {gap:e}");
        let by_probe = found(how, Trace::Probed(probe.clone()), false);
        let gap = largest_gap(&to_host(by_probe.parameters.0[0].clone()), &probed);
        assert!(gap < 1e-6, "{how:?}, probed: {gap:e}");
    }
}

/// A field that is not linear and moves with time: `v = tanh(x Aᵀ) + t sin x`.
struct Bent;

impl Parametric<Linear> for Bent {
    fn eval(&self, module: &Linear, y: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let turn = t.scale(y.clone().sin(), |t| t);
        y.matmul(module.matrix.val().transpose()).tanh() + turn
    }
}

fn size(y: Tensor<2>) -> Tensor<1> {
    let [n, m] = y.dims();
    y.powi_scalar(4).sum_dim(1).reshape([n]).sum_dim(0).div_scalar((n * m) as f64)
}

/// The discrete gradient, in θ and in the start, by central differences of the discrete loss; the
/// checkpoints change its rounding alone.
#[test]
fn discrete_gradients_are_those_of_the_discrete_path() {
    let x = points(5);
    let integration = backwards(Solver::Heun, 11);
    let value = |a: &[f64], x: Tensor<2>| {
        let end = integration.solve(&Bent, &linear(a), x, |_, _, _| {}).unwrap();
        size(end).into_scalar::<f64>()
    };
    let differences: Vec<f64> = (0..D * D)
        .map(|k| {
            let at = |h: f64| {
                let mut a = A;
                a[k] += h;
                value(&a, x.clone())
            };
            (at(1e-5) - at(-1e-5)) / 2e-5
        })
        .collect();
    let plain =
        integration.differentiate(Backward::Plain, &Bent, &linear(&A), x.clone(), size).unwrap();
    let gap = largest_gap(&to_host(plain.parameters.0[0].clone()), &differences);
    assert!(gap < 1e-7, "θ: {gap:e}");
    let rows = to_host(x.clone());
    let in_start: Vec<f64> = (0..rows.len())
        .map(|k| {
            let at = |h: f64| {
                let mut rows = rows.clone();
                rows[k] += h;
                value(&A, space().tensor(rows, [5, D]))
            };
            (at(1e-5) - at(-1e-5)) / 2e-5
        })
        .collect();
    let gap = largest_gap(&to_host(plain.start.clone()), &in_start);
    assert!(gap < 1e-7, "start: {gap:e}");
    for segments in [1, 2, 4, 11, 50] {
        let how = Backward::Checkpointed { segments };
        let kept = integration.differentiate(how, &Bent, &linear(&A), x.clone(), size).unwrap();
        assert_eq!(kept.loss, plain.loss);
        let theta = |d: &transport_sde::adjoint::Differentiated| to_host(d.parameters.0[0].clone());
        assert!(largest_gap(&theta(&kept), &theta(&plain)) < 1e-13, "{segments} segments");
        assert!(largest_gap(&to_host(kept.start), &to_host(plain.start.clone())) < 1e-13);
    }
}

/// The adjoint's gradient approaches the discrete one as fast as the method converges.
#[test]
fn adjoint_and_discrete_gradients_meet_at_the_order_of_the_method() {
    for (solver, order) in [(Solver::Heun, 2.0), (Solver::Rk4, 4.0), (Solver::Dopri5, 5.0)] {
        let gap = |steps: usize| {
            let theta = |how| {
                let integration = backwards(solver, steps);
                let found =
                    integration.differentiate(how, &Bent, &linear(&A), points(5), size).unwrap();
                [to_host(found.parameters.0[0].clone()), to_host(found.start)].concat()
            };
            largest_gap(&theta(Backward::Plain), &theta(Backward::Adjoint))
        };
        let (coarse, fine) = (gap(8), gap(16));
        let observed = (coarse / fine).log2();
        println!("{solver:?}: {coarse:.1e} at 8 steps, {fine:.1e} at 16: order {observed:.2}");
        assert!(observed > order - 0.4, "{solver:?}: order {observed}");
    }
}

/// `E ∫‖v‖²` and `E ∫‖∂v ε‖²` on linear fields: a mean over 20,000 rows within 4.5 standard errors
/// (false alarm under 1e-5 for a random seed, none for this fixed one).
#[test]
fn penalties_have_their_means() {
    let n = 20_000;
    let x = points(n);
    for probe in [Probe::Rademacher, Probe::Gaussian] {
        let drawn = probe.draw(D, &Noise::new(31, n), &space());
        let equation = Likelihood { trace: Trace::Probed(drawn), blind: false };
        let integration = backwards(Solver::Rk4, 20);
        let end =
            integration.solve(&equation, &linear(&A), start(x.clone()), |_, _, _| {}).unwrap();
        let column = |k: usize| to_host(end.clone().narrow(1, D + k, 1));
        let frobenius = square(&A);
        let sizes: Vec<f64> = column(2).iter().map(|v| -v).collect();
        let found = transport_sde::fokker_planck::Estimate::of(&sizes);
        assert!(found.z_score(frobenius).abs() < 4.5, "{probe:?}: {found:?} for {frobenius}");
        let traces = transport_sde::fokker_planck::Estimate::of(&column(0));
        assert!(traces.z_score(-(A[0] + A[3])).abs() < 4.5, "{probe:?}: {traces:?}");
        // The kinetic energy has no probe: E over N(0, I) of ‖A e^{(t−1)A} x‖² is a squared norm.
        let of = |k: i32| {
            let flow = exponential(&A, f64::from(k) / 100.0 - 1.0);
            let a: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| A[i * D + j]));
            let weight = if k == 0 || k == 100 { 0.5 } else { 1.0 };
            weight * product(&a, &flow).iter().map(|row| square(row)).sum::<f64>() / 100.0
        };
        let expected: f64 = (0..=100).map(of).sum();
        let energies: Vec<f64> = column(1).iter().map(|v| -v).collect();
        let found = transport_sde::fokker_planck::Estimate::of(&energies);
        assert!(found.z_score(expected).abs() < 4.5, "{found:?} for {expected}");
    }
}

#[test]
fn what_explodes_is_named_and_what_is_no_runge_kutta_method_is_refused() {
    let wild = linear(&[-9000.0, 0.0, 0.0, 0.1]);
    let x = space().tensor(vec![0.0, 1.0, 1.0, 0.0], [2, D]);
    for how in WAYS {
        let integration = backwards(Solver::Rk4, 60);
        let found = integration.differentiate(how, &Bare, &wild, x.clone(), size);
        let Err(SolveError::NotFinite { t, row, step, .. }) = found else {
            panic!("{how:?}: {found:?}");
        };
        assert_eq!(row, 1, "{how:?}");
        assert!((0.0..1.0).contains(&t) && step > 0, "{how:?}: t = {t}, step {step}");
    }
    let grid = Grid::uniform(Interval::UNIT, 2).unwrap();
    let refused = Integration::new(Solver::AdamsBashforth, grid).unwrap_err();
    assert_eq!(refused, NotRungeKutta { name: "adams-bashforth" });
}

/// `v = x Aᵀ` alone.
struct Bare;

impl Parametric<Linear> for Bare {
    fn eval(&self, module: &Linear, y: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        LinearField(module).eval(y, t)
    }
}
