//! Steps chosen for each row: independence, run-ahead, budgets, work.

use crate::ode_problems::{Rowwise, lotka_volterra, verner, verner_solution};
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::field::AffineField;
use transport_core::testkit::{inverse_undoes_push, log_det_is_the_jacobian, path_ends_at_push};
use transport_core::{Field, Interval, Noise, Space, Times};
use transport_sde::method::ode::{Adaptive, Dop853, Dopri5, Rodas4};
use transport_sde::method::{Controlled, NotAdaptive};
use transport_sde::{Grid, OdeFlow, SolveError, Solver, Statistics, Stepper, Tolerance, drive};

const ADAPTIVE: [Solver; 6] =
    [Solver::Heun, Solver::Bs32, Solver::Dopri5, Solver::Tsit5, Solver::Dop853, Solver::Rodas4];

fn controlled(solver: Solver, tolerance: f64) -> Controlled {
    solver.controlled(Tolerance::new(tolerance, tolerance).unwrap()).unwrap()
}

fn flow<F: Field>(field: F, start: f64, end: f64, solver: Controlled) -> OdeFlow<F, Controlled> {
    OdeFlow { field, grid: Grid::new(vec![start, end]).unwrap(), solver }
}

/// A swirl in tensor operations whose speed grows with the radius, so that rows need different
/// steps, and change places in the order of arrival.
#[derive(Debug)]
struct Swirl;

impl Field for Swirl {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let d = x.dims()[1];
        let radius = x.clone().powi_scalar(2).sum_dim(1);
        let turned = x.clone().narrow(1, 1, d - 1);
        let turned = Tensor::cat(vec![turned, x.clone().narrow(1, 0, 1).neg()], 1);
        t.scale(turned * radius, |t| 1.0 + (3.0 * t).sin()) - x
    }
}

/// A small network of the state and the time.
struct Network;

impl Field for Network {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let ([n, d], space) = (x.dims(), Space::of(&x));
        let weights = |seed, from, to| Noise::new(seed, from).normal(to, &space);
        let t = t.column(&space, |t| t).expand([n, 1]);
        let hidden = Tensor::cat(vec![x, t], 1).matmul(weights(1, d + 1, 48)).tanh();
        hidden.matmul(weights(2, 48, d))
    }
}

#[test]
fn a_row_does_not_depend_on_the_others() {
    let knots = [0.0, 0.21, 0.5, 0.501, 0.9, 1.0];
    for (d, space) in [(2, space()), (3, space()), (19, space()), (5, Space::f32(&space().device))]
    {
        let x = Noise::new(8, 23).normal(d, &space);
        for solver in ADAPTIVE {
            let flow = flow(Network, 0.0, 1.0, controlled(solver, 1e-3));
            let whole = flow.solve_trace(x.clone(), &knots).unwrap().states;
            for rows in [0..1, 7..8, 4..21] {
                let part = flow.solve_trace(x.clone().slice([rows.clone()]), &knots).unwrap();
                for (all, few) in whole.iter().zip(part.states) {
                    let all = to_host(all.clone().slice([rows.clone()]));
                    assert_eq!(all, to_host(few), "{} d = {d}, rows {rows:?}", solver.name());
                }
            }
        }
    }
}

/// A field that mixes rows is noticed.
#[test]
fn rows_that_do_depend_on_the_others_are_seen() {
    struct Mixed;
    impl Field for Mixed {
        fn eval(&self, x: Tensor<2>, _: Times<'_>) -> Tensor<2> {
            x.clone().mean_dim(0) - x
        }
    }
    let x = Noise::new(8, 9).normal(2, &space());
    let flow = flow(Mixed, 0.0, 1.0, controlled(Solver::Dopri5, 1e-3));
    let whole = to_host(flow.solve(x.clone()).unwrap().narrow(0, 3, 1));
    assert_ne!(whole, to_host(flow.solve(x.narrow(0, 3, 1)).unwrap()));
}

/// One row of a hundred turns two hundred times as fast: the others do not pay for it.
#[test]
fn rows_that_have_arrived_cost_nothing() {
    let n = 100;
    let mut values = vec![0.3; 2 * n];
    (values[80], values[81]) = (5.0, 2.0);
    let x = space().tensor(values, [n, 2]);
    let solve = |x: Tensor<2>| {
        flow(Swirl, 0.0, 1.0, controlled(Solver::Dopri5, 1e-6)).solve_counted(x).unwrap().1
    };
    let (all, hard, easy) =
        (solve(x.clone()), solve(x.clone().narrow(0, 40, 1)), solve(x.narrow(0, 0, 1)));
    assert_eq!(all.rows, hard.rows + 99 * easy.rows);
    assert_eq!(all.accepted, hard.accepted + 99 * easy.accepted);
    assert_eq!(all.evals, hard.evals);
    assert!(10 * easy.rows < hard.rows && 5 * all.rows < n * all.evals, "{all:?}");
}

#[test]
fn states_at_knots_do_not_shorten_steps() {
    let (start, end) = (0.3, 1.3);
    let knots: Vec<f64> = (0..=40).map(|k| start + f64::from(k) / 40.0).collect();
    let z = space().tensor(verner_solution(start), [1, 4]);
    for (solver, allowed) in [
        (Solver::Heun, 1e-2),
        (Solver::Bs32, 1e-3),
        (Solver::Dopri5, 1e-4),
        (Solver::Tsit5, 1e-4),
        (Solver::Dop853, 1e-4),
        (Solver::Rodas4, 1e-3),
    ] {
        let flow = flow(Rowwise(verner), start, end, controlled(solver, 1e-6));
        let whole = flow.solve(z.clone()).unwrap();
        let path = flow.solve_trace(z.clone(), &knots).unwrap();
        assert_eq!(to_host(path.states[40].clone()), to_host(whole), "{}", solver.name());
        for (t, x) in path.times.iter().zip(&path.states) {
            let exact = verner_solution(*t);
            for (got, exact) in to_host(x.clone()).iter().zip(&exact) {
                let gap = (got - exact).abs() / exact.abs().max(1.0);
                assert!(gap < allowed, "{} at {t}: {got} where {exact}", solver.name());
            }
        }
    }
}

/// FSAL methods interpolate for nothing; DOP853 pays three evaluations for a step looked into.
#[test]
fn looking_between_steps_has_a_known_price() {
    let grid = |n: usize| Grid::uniform(Interval::UNIT, n).unwrap();
    let z = Noise::new(1, 1).normal(2, &space());
    let tolerance = Tolerance::new(1e-6, 1e-6).unwrap();
    let work = |stepper: &mut dyn Stepper, n: usize| {
        drive(stepper, z.clone(), &grid(n), |_, _, _| {}).unwrap();
        stepper.statistics()
    };
    let dopri5 = |n| work(&mut Adaptive::new(Dopri5, &Swirl, tolerance).until(1.0), n);
    assert_eq!(dopri5(1), dopri5(1000));
    let dop853 = |n| work(&mut Adaptive::new(Dop853, &Swirl, tolerance).until(1.0), n);
    let (plain, dense) = (dop853(1), dop853(1000));
    assert_eq!(dense.evals, plain.evals + 3 * plain.accepted);
    // Without run-ahead each interval of the grid is a step at least, and steps are remembered.
    let landing = work(&mut Adaptive::new(Dopri5, &Swirl, tolerance), 1000);
    assert_eq!((landing.accepted, landing.rejected), (1000, 0));
    let few = work(&mut Adaptive::new(Dopri5, &Swirl, tolerance), 2);
    assert!(few.accepted <= dopri5(1).accepted + 2, "{few:?}");
}

#[test]
fn time_runs_either_way() {
    let z = Noise::new(3, 11).normal(2, &space());
    for solver in ADAPTIVE {
        let solver = controlled(solver, 1e-7);
        let there = flow(Swirl, 0.0, 0.7, solver).solve(z.clone()).unwrap();
        let back = flow(Swirl, 0.7, 0.0, solver);
        let path = back.solve_trace(there, &[0.35, 0.0]).unwrap();
        let gap = to_host(path.states[1].clone() - z.clone());
        assert!(gap.iter().all(|g| g.abs() < 1e-4), "{solver:?}: {gap:?}");
        let half = flow(Swirl, 0.0, 0.35, solver).solve(z.clone()).unwrap();
        let gap = to_host(path.states[0].clone() - half);
        assert!(gap.iter().all(|g| g.abs() < 1e-4), "{solver:?}: {gap:?}");
    }
}

#[test]
fn adaptive_flows_satisfy_the_map_suites() {
    let field = AffineField {
        matrix: vec![0.8, 0.3, 0.0, -0.5],
        offset: vec![1.0, -1.0],
        rate: vec![0.2, 0.0],
    };
    let points = Noise::new(6, 9).normal(2, &space());
    for solver in [Solver::Dopri5, Solver::Dop853] {
        let map = flow(field.clone(), 0.0, 1.0, controlled(solver, 1e-9));
        inverse_undoes_push(&map, &points, 1e-6).unwrap();
        log_det_is_the_jacobian(&map, &points, 1e-5).unwrap();
        path_ends_at_push(&map, &points, 0.0).unwrap();
    }
}

fn failure(field: fn(f64, &[f64]) -> Vec<f64>, tolerance: Tolerance) -> SolveError {
    let solver = Solver::Dopri5.controlled(tolerance).unwrap();
    let z = space().tensor(vec![0.0, 1.0, 0.5], [3, 1]);
    flow(Rowwise(field), 0.0, 1.0, solver).solve(z).unwrap_err()
}

#[test]
fn failures_name_the_row_and_the_time() {
    let tolerance = Tolerance::new(1e-6, 1e-6).unwrap();
    // x′ = 2x² from 1 is infinite at ½, for the second row alone.
    let blow_up = |_: f64, x: &[f64]| vec![2.0 * x[0] * x[0]];
    match failure(blow_up, tolerance) {
        SolveError::StepTooSmall { t, h, row, step, evals } => {
            assert!((t - 0.5).abs() < 1e-3 && h > 0.0 && h < 1e-12 && evals > 100, "{t} {h}");
            assert_eq!((row, step), (1, 1));
        }
        other => panic!("{other}"),
    }
    match failure(blow_up, tolerance.max_steps(20)) {
        SolveError::Budget { t, row, steps, step, evals } => {
            assert!(t > 0.2 && t < 0.5 && evals > 100, "{t} {evals}");
            assert_eq!((row, steps, step), (1, 20, 1));
        }
        other => panic!("{other}"),
    }
    let nan_later = |t: f64, x: &[f64]| vec![if t > 0.5 { f64::NAN } else { x[0] }];
    match failure(nan_later, tolerance) {
        SolveError::NotFinite { t, step: 1, .. } => assert!((t - 0.5).abs() < 1e-9, "{t}"),
        other => panic!("{other}"),
    }
    let nan = |_: f64, _: &[f64]| vec![f64::NAN];
    let error = failure(nan, tolerance);
    assert_eq!(error, SolveError::NotFinite { t: 0.0, row: 0, step: 1, evals: 1 });
}

#[test]
fn a_method_without_an_estimate_is_refused() {
    let tolerance = Tolerance::new(1e-6, 1e-6).unwrap();
    for solver in [Solver::Rk4, Solver::AdamsBashforth, Solver::EulerMaruyama] {
        let refused = solver.controlled(tolerance).unwrap_err();
        assert_eq!(refused, NotAdaptive { name: solver.name(), instead: "dopri5" });
    }
}

/// A given first step and a longest one are kept to.
#[test]
fn steps_keep_to_their_bounds() {
    let z = space().tensor(vec![1.0], [1, 1]);
    let count = |tolerance: Tolerance| {
        let solver = Solver::Dopri5.controlled(tolerance).unwrap();
        let still = Rowwise(|_, _| vec![0.0]);
        flow(still, 0.0, 1.0, solver).solve_counted(z.clone()).unwrap().1
    };
    let tolerance = Tolerance::new(1e-6, 1e-6).unwrap();
    assert_eq!(count(tolerance.max_step(0.1).unwrap().first_step(0.1).unwrap()).accepted, 10);
    // One step, no estimate of the first: k₁ and the six others.
    let one = Statistics { accepted: 1, rejected: 0, evals: 7, rows: 7 };
    assert_eq!(count(tolerance.first_step(2.0).unwrap()), one);
}

/// Work on a fixed problem: a change of these numbers is a change of the controller.
#[test]
fn work_is_as_recorded() {
    let problem = lotka_volterra();
    let counts = ADAPTIVE.map(|solver| {
        let map = flow(Rowwise(problem.field), 0.0, problem.t, controlled(solver, 1e-6));
        let z = space().tensor(problem.start.clone(), [1, 2]);
        let work = map.solve_counted(z).unwrap().1;
        (solver.name(), work.accepted, work.rejected, work.evals)
    });
    println!("{counts:?}");
    assert_eq!(counts, RECORDED);
}

const RECORDED: [(&str, usize, usize, usize); 6] = [
    ("heun", 13362, 0, 26726),
    ("bs32", 641, 0, 1925),
    ("dopri5", 87, 19, 638),
    ("tsit5", 87, 9, 578),
    ("dop853", 37, 9, 545),
    ("rodas4", 257, 6, 2100),
];

/// The stiff method is adaptive on tensors of any dtype, and in batches.
#[test]
fn the_stiff_method_runs_in_single_precision() {
    let space = Space::f32(&space().device);
    // x′ = −1000 (x − cos t): two rows, one of them far from the slow solution.
    let field = Rowwise(|t, x| vec![-1000.0 * (x[0] - t.cos())]);
    let tolerance = Tolerance::new(1e-4, 1e-4).unwrap();
    let mut stepper = Adaptive::new(
        Rodas4::<transport_sde::method::ode::jacobian::FiniteDifferences>::default(),
        &field,
        tolerance,
    )
    .until(1.0);
    let z = space.tensor(vec![1.0, 5.0], [2, 1]);
    let grid = Grid::uniform(Interval::UNIT, 1).unwrap();
    let x = to_host(drive(&mut stepper, z, &grid, |_, _, _| {}).unwrap());
    let slow = (1e6 * 1f64.cos() + 1e3 * 1f64.sin()) / (1e6 + 1.0);
    assert!(x.iter().all(|x| (x - slow).abs() < 1e-3), "{x:?} where {slow}");
    assert!(stepper.statistics().accepted < 120, "{:?}", stepper.statistics());
}
