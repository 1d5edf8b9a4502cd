//! Forward simulation: steps and exact kernels against the closed forms.

use crate::space;
use burn::tensor::Tensor;

use std::ops::ControlFlow;
use transport_core::device::to_host;
use transport_core::law::{Density, Gaussian, Law, Mixture, Noisable};
use transport_core::process::{
    CondOt, Cosine, DoubleWell, Edm, GeometricBrownian, OrnsteinUhlenbeck, SquareRoot, SubVp,
    Transition, Ve, Vp,
};
use transport_core::testkit::kolmogorov_distance;
use transport_core::{LinearSde, Noise, Times};
use transport_sde::simulate::{SimulateError, Stopped};
use transport_sde::{Diffusion, Forward, Route, Sde, Simulation, SolveError, Solver};

/// Independent particles: 25 000 rows of 4 coordinates.
const ROWS: usize = 25_000;
const DIM: usize = 4;
const N: f64 = (ROWS * DIM) as f64;
const START: f64 = 1.5;

fn start(x: f64) -> Tensor<2> {
    Tensor::full([ROWS, DIM], x, (&space().device, space().dtype))
}

fn mean_and_variance(x: &Tensor<2>) -> (f64, f64) {
    let values = to_host(x.clone());
    let mean = values.iter().sum::<f64>() / N;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (N - 1.0))
}

/// Mean and variance that Euler–Maruyama itself reaches: the recursion
/// `m ← (1 − λh) m`, `v ← (1 − λh)² v + g² h`, on the simulation's own grid.
fn euler_moments(process: &dyn LinearSde, times: &[f64], steps: usize) -> Vec<(f64, f64)> {
    let end = times[times.len() - 1];
    let mut grid: Vec<f64> = (0..=steps).map(|k| end * k as f64 / steps as f64).collect();
    grid.extend(times);
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    let (mut m, mut v, mut out) = (START, 0.0, Vec::new());
    for ends in grid.windows(2) {
        let (s, h) = (ends[0], ends[1] - ends[0]);
        let factor = 1.0 - process.lambda(s) * h;
        (m, v) = (factor * m, factor * factor * v + process.g(s).powi(2) * h);
        if times.contains(&ends[1]) {
            out.push((m, v));
        }
    }
    out
}

/// Where the family is looked at, and the exact mean and variance there.
fn knots(process: &dyn LinearSde, end: f64) -> (Vec<f64>, Vec<(f64, f64)>) {
    let times: Vec<f64> = [0.3, 0.7, 1.0].iter().map(|part| part * end).collect();
    let exact = times.iter().map(|s| {
        let (alpha, sigma) = process.marginal(*s);
        (alpha * START, sigma * sigma)
    });
    let exact = exact.collect();
    (times, exact)
}

fn errors(variance: f64) -> (f64, f64) {
    ((variance / N).sqrt(), variance * (2.0 / N).sqrt())
}

/// The number of steps at which the bias of Euler–Maruyama, known exactly, is below one standard
/// error in the mean and in the variance at each knot.
fn steps_for(process: &dyn LinearSde, times: &[f64], exact: &[(f64, f64)]) -> usize {
    let unbiased = |steps: &usize| {
        let reached = euler_moments(process, times, *steps);
        reached.iter().zip(exact).all(|((m, v), (mean, variance))| {
            let (on_mean, on_variance) = errors(*variance);
            (m - mean).abs() < 0.8 * on_mean && (v - variance).abs() < 0.8 * on_variance
        })
    };
    (250..20_000).step_by(250).find(unbiased).unwrap()
}

/// Means and variances within four standard errors of the closed form, at each knot.
fn agree(what: &str, states: &[Tensor<2>], exact: &[(f64, f64)]) -> Result<(), String> {
    for (k, (x, (mean, variance))) in states.iter().zip(exact).enumerate() {
        let ((m, v), (on_mean, on_variance)) = (mean_and_variance(x), errors(*variance));
        let (a, b) = ((m - mean) / on_mean, (v - variance) / on_variance);
        if !(a.abs() <= 4.0 && b.abs() <= 4.0) {
            return Err(format!("{what}, knot {k}: mean {a:.2} s.e., variance {b:.2} s.e. off"));
        }
    }
    Ok(())
}

fn simulate(route: &Route<'_>, times: &[f64], seed: u64) -> Vec<Tensor<2>> {
    let plan = Simulation { start: 0.0, times: times.to_vec() };
    plan.run(route, start(START), &Noise::new(seed, ROWS), |_, _| ControlFlow::Continue(()))
        .unwrap()
        .states
}

fn check(process: impl LinearSde + Copy, end: f64) {
    let (times, exact) = knots(&process, end);
    let steps = steps_for(&process, &times, &exact);
    let sde = Forward(process);
    let route = Route::Steps { sde: &sde, solver: Solver::EulerMaruyama, steps };
    agree(&format!("{process:?}, {steps} steps"), &simulate(&route, &times, 41), &exact).unwrap();
    let route = Route::Exact(&process);
    agree(&format!("{process:?}, exact"), &simulate(&route, &times, 42), &exact).unwrap();
}

// 10⁵ particles of each process; four standard errors on 12 numbers each leave a false alarm of
// 8e-4 a process for a random seed (none for these).

#[test]
fn vp_and_subvp_reach_their_marginals() {
    check(Vp::default(), 1.0);
    check(SubVp::default(), 1.0);
}

#[test]
fn exploding_processes_reach_their_marginals() {
    check(Ve::default(), 1.0);
    check(Edm::default(), 80.0);
}

#[test]
fn open_processes_reach_their_marginals_inside_the_domain() {
    check(Cosine::default(), 0.95);
    check(CondOt, 0.95);
}

#[test]
fn ornstein_uhlenbeck_reaches_its_marginals_on_a_long_horizon() {
    check(OrnsteinUhlenbeck { theta: 1.2, sigma: 0.8, horizon: 20.0 }, 10.0);
}

/// The check of agreement passes the process itself, and fails on a drift 4 % too strong and on a
/// variance without its −1 where that matters.
#[test]
fn wrong_processes_are_rejected() {
    #[derive(Clone, Copy)]
    struct Hasty;
    impl Sde for Hasty {
        fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
            Forward(Vp::default()).drift(x, t).mul_scalar(1.04)
        }
        fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
            Forward(Vp::default()).diffusion(x, t)
        }
    }
    let (times, exact) = knots(&Vp::default(), 0.3);
    let right = Forward(Vp::default());
    let by = |sde: &dyn Sde| {
        simulate(&Route::Steps { sde, solver: Solver::EulerMaruyama, steps: 400 }, &times, 41)
    };
    agree("VP", &by(&right), &exact).unwrap();
    assert!(agree("hasty", &by(&Hasty), &exact).is_err());
    let ve = Ve { sigma_min: 0.5, sigma_max: 50.0 };
    let (times, exact) = knots(&ve, 0.5);
    let states = simulate(&Route::Exact(&ve), &times, 41);
    agree("VE", &states, &exact).unwrap();
    let blurred: Vec<_> = exact.iter().map(|(m, v)| (*m, v + 0.25)).collect();
    assert!(agree("VE without its −1", &states, &blurred).is_err());
}

/// The exact route from a mixture is the noised mixture: Kolmogorov–Smirnov at 1e-6, where the
/// distribution function comes from the density.
#[test]
fn a_family_from_a_law_is_the_noised_law() {
    let components =
        vec![Gaussian::isotropic(vec![-2.0], 0.3), Gaussian::isotropic(vec![1.5], 0.5)];
    let law = Mixture::new(vec![0.3, 0.7], components).unwrap();
    let (process, n) = (Vp::default(), 50_000);
    let noise = Noise::new(51, n);
    let x = law.sample(&noise.purpose("start"), &space());
    let plan = Simulation { start: 0.0, times: vec![0.0, 0.1, 0.4] };
    let path =
        plan.run(&Route::Exact(&process), x, &noise, |_, _| ControlFlow::Continue(())).unwrap();
    for (t, x) in path.times.iter().zip(&path.states) {
        let q = law.noised(&process.coefs(*t));
        let grid: Vec<f64> = (0..=4000).map(|k| -6.0 + 12.0 * f64::from(k) / 4000.0).collect();
        let density = to_host(q.log_prob(space().column(&grid)));
        let mut below = vec![0.0];
        for k in 1..grid.len() {
            below.push(below[k - 1] + 0.0015 * (density[k - 1].exp() + density[k].exp()));
        }
        let cdf = |x: f64| {
            let place = ((x + 6.0) / 0.003).clamp(0.0, 3999.0);
            let k = place.floor();
            below[k as usize] + (place - k) * (below[k as usize + 1] - below[k as usize])
        };
        let distance = kolmogorov_distance(&to_host(x.clone()), cdf);
        assert!(distance < 2.69 / (n as f64).sqrt(), "t = {t}: {distance}");
    }
}

/// Steps reach the moments of the processes whose noise depends on the state: a diagonal b, a
/// matrix b, and a square root. Bias below one standard error at these steps (weak order 1).
#[test]
fn state_dependent_noise_reaches_its_moments() {
    fn check(sde: &dyn Sde, exact: &dyn Transition, steps: usize, what: &str) {
        let (rows, times) = (50_000, vec![0.5, 1.0]);
        let plan = Simulation { start: 0.0, times: times.clone() };
        let x = space().tensor(vec![1.5, 0.7], [1, 2]).expand([rows, 2]);
        for route in
            [Route::Steps { sde, solver: Solver::EulerMaruyama, steps }, Route::Exact(exact)]
        {
            let path = plan
                .run(&route, x.clone(), &Noise::new(43, rows), |_, _| ControlFlow::Continue(()))
                .unwrap();
            for (t, x) in times.iter().zip(&path.states) {
                let (mean, variance) = exact.moments(&[1.5, 0.7], &[0.0; 2], 0.0, *t);
                for j in 0..2 {
                    let values = to_host(x.clone().narrow(1, j, 1));
                    let moment = |c: f64, k: i32| {
                        values.iter().map(|v| (v - c).powi(k)).sum::<f64>() / rows as f64
                    };
                    let (m, v) = (moment(0.0, 1), moment(mean[j], 2));
                    let on_mean = (variance[j] / rows as f64).sqrt();
                    let on_variance = ((moment(mean[j], 4) - v * v) / rows as f64).sqrt();
                    assert!((m - mean[j]).abs() < 4.0 * on_mean, "{what} {route:?} mean {j}");
                    let gap = (v - variance[j]) / on_variance;
                    assert!(gap.abs() < 4.0, "{what} {route:?} variance {j}: {gap} s.e.");
                }
            }
        }
    }
    let plain = GeometricBrownian::new(0.2, 0.4, 0.0, 2).unwrap();
    check(&plain, &plain, 250, "geometric");
    let correlated = GeometricBrownian::new(0.2, 0.4, 0.7, 2).unwrap();
    check(&correlated, &correlated, 250, "correlated");
    let root = SquareRoot::new(1.5, 0.8, 0.6).unwrap();
    check(&root, &root, 250, "square root");
}

/// The matrix b of correlated geometric Brownian motion is diag(x) L, so Σ = bbᵀ is
/// σ² xᵢ xⱼ ρ off the diagonal.
#[test]
fn a_matrix_b_has_the_covariance_asked_for() {
    let process = GeometricBrownian::new(0.0, 0.5, 0.6, 2).unwrap();
    let x = space().tensor(vec![2.0, -3.0], [1, 2]);
    let column = |i: usize| {
        let mut e = vec![0.0; 2];
        e[i] = 1.0;
        to_host(process.diffusion(&x, Times::Same(0.0)).apply(space().tensor(e, [1, 2])))
    };
    let (a, b) = (column(0), column(1));
    let sigma = |i: usize, j: usize| a[i] * a[j] + b[i] * b[j];
    assert!((sigma(0, 0) - 1.0).abs() < 1e-12 && (sigma(1, 1) - 2.25).abs() < 1e-12);
    assert!((sigma(0, 1) + 0.25 * 6.0 * 0.6).abs() < 1e-12);
}

/// From one well, Langevin motion ends in the stationary law: both wells alike, and E x² as the
/// density says. The bias of 2000 steps is far below the standard error.
#[test]
fn the_double_well_becomes_stationary() {
    let well = DoubleWell { height: 1.0, width: 1.0, sigma: 1.2 };
    let law = well.stationary();
    let (n, steps) = (8_000, 1500);
    let x = space().tensor(vec![1.0; n], [n, 1]);
    let plan = Simulation { start: 0.0, times: vec![8.0] };
    let route = Route::Steps { sde: &well, solver: Solver::EulerMaruyama, steps };
    let end = plan
        .run(&route, x, &Noise::new(44, n), |_, _| ControlFlow::Continue(()))
        .unwrap()
        .states
        .remove(0);
    let grid: Vec<f64> = (0..=4000).map(|k| -4.0 + f64::from(k) * 0.002).collect();
    let density = to_host(law.log_prob(space().column(&grid)));
    let moment =
        |k: i32| grid.iter().zip(&density).map(|(x, l)| x.powi(k) * l.exp() * 0.002).sum::<f64>();
    assert!((moment(0) - 1.0).abs() < 1e-9);
    let values = to_host(end);
    let average = |k: i32| values.iter().map(|x| x.powi(k)).sum::<f64>() / n as f64;
    for k in [1, 2, 4] {
        let error = ((moment(2 * k) - moment(k).powi(2)) / n as f64).sqrt();
        let gap = (average(k) - moment(k)) / error;
        assert!(gap.abs() < 4.0, "E x^{k}: {} against {}, {gap} s.e.", average(k), moment(k));
    }
}

/// A path does not depend on which times are reported by a solver that meets them anyway, nor on
/// the chunk it is simulated in.
#[test]
fn simulations_do_not_depend_on_the_chunk() {
    let root = SquareRoot::new(1.5, 0.8, 0.6).unwrap();
    let plan = Simulation { start: 0.0, times: vec![0.0, 0.5, 1.0] };
    let (noise, x) = (Noise::new(5, 9), space().tensor(vec![0.7; 18], [9, 2]));
    let steps = Route::Steps { sde: &root, solver: Solver::EulerMaruyama, steps: 8 };
    for route in [steps, Route::Exact(&root)] {
        let whole = plan.run(&route, x.clone(), &noise, |_, _| ControlFlow::Continue(())).unwrap();
        let rows = x.clone().narrow(0, 3, 4);
        let part =
            plan.run(&route, rows, &noise.rows(3..7), |_, _| ControlFlow::Continue(())).unwrap();
        for (a, b) in whole.states.iter().zip(&part.states) {
            assert_eq!(to_host(a.clone())[6..14], to_host(b.clone()), "{route:?}");
        }
    }
}

#[test]
fn what_cannot_be_simulated_says_why() {
    let vp = Vp::default();
    let x = || space().tensor(vec![1.0; 3], [3, 1]);
    let run = |times: &[f64], route: &Route<'_>| -> Stopped {
        let plan = Simulation { start: 0.0, times: times.to_vec() };
        plan.run(route, x(), &Noise::new(0, 3), |_, _| ControlFlow::Continue(())).unwrap_err()
    };
    let exact = Route::Exact(&vp);
    assert_eq!(run(&[], &exact).source, SimulateError::NoTimes);
    let error = run(&[0.5, 0.2], &exact).source;
    assert_eq!(error, SimulateError::Times { index: 1, value: 0.2, start: 0.0 });
    assert!(matches!(run(&[-0.1], &exact).source, SimulateError::Times { index: 0, .. }));
    assert!(matches!(run(&[f64::NAN], &exact).source, SimulateError::Times { .. }));
    let sde = Forward(vp);
    let route = |solver, steps| Route::Steps { sde: &sde, solver, steps };
    assert_eq!(run(&[1.0], &route(Solver::EulerMaruyama, 0)).source, SimulateError::NoSteps);
    let error = run(&[1.0], &route(Solver::Heun, 3));
    assert!(error.to_string().contains("`heun`"), "{error}");
    // The start alone needs no step.
    let plan = Simulation { start: 0.0, times: vec![0.0] };
    let path = plan.run(&exact, x(), &Noise::new(0, 3), |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(to_host(path.states[0].clone()), [1.0; 3]);
}

/// Steps too large for a double well explode: the error names the time and the step, and the
/// states reported before are kept.
#[test]
fn what_was_computed_before_a_failure_is_kept() {
    let well = DoubleWell::default();
    let plan = Simulation { start: 0.0, times: vec![0.0, 1.0, 60.0] };
    let route = Route::Steps { sde: &well, solver: Solver::EulerMaruyama, steps: 60 };
    let x = space().tensor(vec![3.0; 4], [4, 1]);
    let mut seen = Vec::new();
    let stopped = plan
        .run(&route, x, &Noise::new(0, 4), |k, of| {
            seen.push((k, of));
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert_eq!(stopped.kept.times, [0.0, 1.0]);
    assert!(to_host(stopped.kept.states[1].clone()).iter().all(|v| v.is_finite()));
    let SimulateError::Solve(SolveError::NotFinite { t, step, .. }) = stopped.source else {
        panic!("{:?}", stopped.source)
    };
    assert!(t > 1.0 && t < 20.0 && step as f64 == t, "t = {t}, step {step}");
    assert_eq!(seen.last(), Some(&(step - 1, 60)));
    assert!(stopped.to_string().contains("2 of the times"), "{stopped}");
}

/// The names are what the binary offers: each is built with its defaults and, perturbed, refuses.
#[test]
fn processes_are_built_by_name() {
    use transport_sde::simulate::named::{ALL, ProcessError, by_name};
    for entry in ALL {
        let process = entry.build(&[], 2).unwrap();
        assert!(process.domain.contains(0.0), "{}", entry.name);
        for parameter in entry.parameters {
            let set = |value: f64| entry.build(&[(parameter.name.to_owned(), value)], 2);
            assert!(set(parameter.default).is_ok());
            assert!(set(f64::NAN).is_err());
            assert_eq!(set(-0.9).is_err(), parameter.positive, "{} {parameter:?}", entry.name);
        }
        let error = entry.build(&[("thetta".into(), 1.0)], 2).unwrap_err();
        assert!(matches!(error, ProcessError::UnknownParameter { .. }));
    }
    assert!(by_name("ouu").is_none());
    let error = by_name("cir").unwrap().build(&[("sigma".into(), 9.0)], 1).unwrap_err();
    assert!(error.to_string().contains("Feller"), "{error}");
    assert!(by_name("ve").unwrap().build(&[("sigma_max".into(), 0.001)], 1).is_err());
}

/// Each method that fits a process reaches its moments, or, without a closed form, agrees with
/// Euler–Maruyama; those that ask for more than it offers say so.
#[test]
fn every_method_that_fits_reaches_the_moments() {
    use transport_sde::{SolverKind, simulate::named::ALL};
    let (rows, point) = (20_000, [0.9, 1.2]);
    for entry in ALL.iter().filter(|e| matches!(e.name, "vp" | "ou" | "gbm" | "cir")) {
        let set: &[(String, f64)] =
            if entry.name == "vp" { &[("beta_max".into(), 2.0)] } else { &[] };
        let process = entry.build(set, 2).unwrap();
        let mut fitting = 0;
        for solver in Solver::ALL.iter().copied().filter(|s| s.kind() == SolverKind::Sde) {
            let x = space().tensor(point.to_vec(), [1, 2]).expand([rows, 2]);
            let plan = Simulation { start: 0.0, times: vec![1.0] };
            let route = Route::Steps { sde: &*process.sde, solver, steps: 64 };
            let path = match plan
                .run(&route, x, &Noise::new(45, rows), |_, _| ControlFlow::Continue(()))
            {
                Err(Stopped { source: SimulateError::Unfit { .. }, .. }) => continue,
                done => done.unwrap(),
            };
            fitting += 1;
            let exact = process.exact.as_ref().unwrap();
            let (mean, variance) = exact.moments(&point, &[0.0; 2], 0.0, 1.0);
            for j in 0..2 {
                let values = to_host(path.states[0].clone().narrow(1, j, 1));
                let m = values.iter().sum::<f64>() / rows as f64;
                let v = values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / rows as f64;
                let what = format!("{} by {}", entry.name, solver.name());
                let error = (variance[j] / rows as f64).sqrt();
                assert!((m - mean[j]).abs() < 5.0 * error + 0.01 * mean[j], "{what}: mean {m}");
                assert!((v / variance[j] - 1.0).abs() < 0.09, "{what}: {v} for {}", variance[j]);
            }
        }
        println!("{}: {fitting} methods", entry.name);
        assert!(fitting >= 1, "{}: {fitting} methods", entry.name);
    }
}

/// A watch that breaks off: what was reached is kept, and the step not taken is named.
#[test]
fn a_halt_keeps_what_was_reached() {
    let process = Forward(OrnsteinUhlenbeck::default());
    let x = space().tensor(vec![1.0; 3], [3, 1]);
    let plan = Simulation { start: 0.0, times: vec![0.0, 0.5, 1.0] };
    let route = Route::Steps { sde: &process, solver: Solver::EulerMaruyama, steps: 10 };
    let halt = |k, _| if k < 7 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let stopped = plan.run(&route, x, &Noise::new(0, 3), halt).unwrap_err();
    assert_eq!(stopped.kept.times, [0.0, 0.5]);
    assert!(
        matches!(stopped.source, SimulateError::Solve(SolveError::Halted { step: 8, .. })),
        "{stopped}"
    );
}
