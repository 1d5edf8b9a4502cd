//! One step for a whole batch: the batch is one row.

use crate::ode_problems::Rowwise;
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Noise, Space, Times};
use transport_sde::method::Controlled;
use transport_sde::{Grid, OdeFlow, SolveError, Solver, Tolerance};

const METHODS: [Solver; 5] =
    [Solver::Heun, Solver::Bs32, Solver::Dopri5, Solver::Tsit5, Solver::Dop853];
const KNOTS: [f64; 4] = [0.0, 0.3, 0.31, 1.0];

/// `dx/dt = −(1 + 3 sin²πt) |x|² x`, row by row, or in a state that is one row of rows of `columns`.
struct Damped {
    columns: Option<usize>,
}

impl Field for Damped {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let shape = x.dims();
        let rows = match self.columns {
            Some(d) => x.reshape([shape[0] * shape[1] / d, d]),
            None => x,
        };
        let size = rows.clone().powi_scalar(2).sum_dim(1);
        let speed = |t: f64| -1.0 - 3.0 * (std::f64::consts::PI * t).sin().powi(2);
        match (self.columns, t) {
            (Some(_), Times::Each(t)) => Times::Same(t[0]).scale(rows * size, speed),
            (_, t) => t.scale(rows * size, speed),
        }
        .reshape(shape)
    }
}

fn controlled(solver: Solver, tolerance: f64) -> Controlled {
    solver.controlled(Tolerance::new(tolerance, tolerance).unwrap()).unwrap()
}

fn flow(columns: Option<usize>, solver: Controlled) -> OdeFlow<Damped, Controlled> {
    let grid = Grid::uniform(Interval::UNIT, 1).unwrap();
    OdeFlow { field: Damped { columns }, grid, solver }
}

fn together(solver: Solver, tolerance: f64) -> OdeFlow<Damped, Controlled> {
    flow(None, controlled(solver, tolerance).together().unwrap())
}

#[test]
fn the_batch_steps_as_one_row() {
    for space in [space(), Space::f32(&space().device)] {
        let x = Noise::new(4, 17).normal(3, &space);
        for solver in METHODS {
            let (found, work) = together(solver, 1e-4).solve_counted(x.clone()).unwrap();
            let row = flow(Some(3), controlled(solver, 1e-4));
            let (one, expected) = row.solve_counted(x.clone().reshape([1, 51])).unwrap();
            assert_eq!(to_host(found), to_host(one), "{solver:?}");
            let counts = (work.accepted, work.rejected, work.evals);
            assert_eq!(counts, (expected.accepted, expected.rejected, expected.evals));
            assert_eq!(work.rows, 17 * work.evals, "{solver:?}");
        }
    }
}

/// By `‖x(1)‖⁻² = ‖x(0)‖⁻² + 2 ∫ (1 + 3 sin²πt) dt = ‖x(0)‖⁻² + 5`.
#[test]
fn it_reaches_the_solution_within_the_tolerance() {
    let x = Noise::new(4, 40).normal(2, &space());
    for solver in METHODS {
        let end = to_host(together(solver, 1e-7).solve(x.clone()).unwrap());
        for (x, end) in to_host(x.clone()).chunks(2).zip(end.chunks(2)) {
            let square = x[0] * x[0] + x[1] * x[1];
            let shrink = (1.0 + 5.0 * square).sqrt().recip();
            let gap = (end[0] - shrink * x[0]).hypot(end[1] - shrink * x[1]);
            assert!(gap < 1e-5, "{solver:?}: {gap}");
        }
    }
}

#[test]
fn looking_does_not_change_the_end_and_interpolates() {
    let x = Noise::new(4, 9).normal(2, &space());
    for solver in METHODS {
        let flow = together(solver, 1e-6);
        let path = flow.solve_trace(x.clone(), &KNOTS).unwrap();
        let end = to_host(flow.solve(x.clone()).unwrap());
        assert_eq!(to_host(path.states[3].clone()), end, "{solver:?}");
        let grid = Grid::new(vec![0.0, 0.3]).unwrap();
        let part = OdeFlow { grid, ..together(Solver::Dop853, 1e-10) };
        let exact = to_host(part.solve(x.clone()).unwrap());
        let gaps = to_host(path.states[1].clone()).into_iter().zip(exact).map(|(a, b)| a - b);
        assert!(gaps.map(f64::abs).fold(0.0, f64::max) < 1e-4, "{solver:?}");
    }
}

/// What rows of their own promise does not hold here, and does there.
#[test]
fn a_row_depends_on_its_batch() {
    let x = Noise::new(4, 6).normal(2, &space());
    let few = x.clone().narrow(0, 0, 1);
    for (solver, alike) in [
        (controlled(Solver::Dopri5, 1e-3), true),
        (controlled(Solver::Dopri5, 1e-3).together().unwrap(), false),
    ] {
        let ends = |x| to_host(flow(None, solver).solve(x).unwrap());
        assert_eq!(ends(x.clone())[..2] == ends(few.clone())[..], alike);
    }
}

#[test]
fn no_rows_and_no_number_are_answered() {
    let flow = together(Solver::Dopri5, 1e-3);
    let none: Tensor<2> = Noise::new(1, 0).normal(2, &space());
    assert_eq!(flow.solve(none).unwrap().dims(), [0, 2]);
    let bad = space().tensor(vec![1.0, 2.0, f64::NAN, 1.0], [2, 2]);
    let failure = flow.solve(bad).unwrap_err();
    assert!(matches!(failure, SolveError::NotFinite { t: 0.0, row: 0, .. }), "{failure}");
    let wall = Rowwise(|t, _: &[f64]| vec![if t > 0.5 { f64::NAN } else { 1.0 }; 2]);
    let solver = controlled(Solver::Tsit5, 1e-3).together().unwrap();
    let flow = OdeFlow { field: wall, grid: Grid::uniform(Interval::UNIT, 1).unwrap(), solver };
    assert!(flow.solve(space().tensor(vec![1.0; 4], [2, 2])).is_err());
}
