//! States between the steps of a grid.

use crate::ode_problems::{Rowwise, spiral, spiral_at};
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::testkit::max_or_nan;
use transport_core::testkit::path_ends_at_push;
use transport_core::{Interval, Noise};
use transport_sde::method::SolverKind;
use transport_sde::{Grid, OdeFlow, Solver};

const SPAN: Interval = Interval { start: 0.3, end: 1.3 };

fn flow(solver: Solver, steps: usize) -> OdeFlow<Rowwise> {
    OdeFlow { field: Rowwise(spiral), grid: Grid::uniform(SPAN, steps).unwrap(), solver }
}

fn start(t: f64) -> Tensor<2> {
    space().tensor(spiral_at(t, 0.5), [1, 2])
}

fn ode_solvers() -> impl Iterator<Item = &'static Solver> {
    Solver::ALL.iter().filter(|solver| solver.kind() == SolverKind::Ode)
}

/// Knots that fall on steps, between them, and several into one.
const KNOTS: [f64; 8] = [0.3, 0.33, 0.34, 0.5, 0.55 + 1e-14, 0.87, 1.299, 1.3];

/// The largest error at the knots, walked in the direction of the grid.
fn error(flow: &OdeFlow<Rowwise>) -> f64 {
    let path = flow.solve_trace(start(flow.grid.times()[0]), &KNOTS).unwrap();
    let gap = |(t, x): (&f64, &Tensor<2>)| {
        let exact = spiral_at(*t, 0.5);
        to_host(x.clone()).iter().zip(exact).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan)
    };
    path.times.iter().zip(&path.states).map(gap).fold(0.0, max_or_nan)
}

#[test]
fn looking_between_steps_does_not_change_the_path() {
    for solver in ode_solvers() {
        let flow = flow(*solver, 20);
        let path = flow.solve_trace(start(0.3), &KNOTS).unwrap();
        let ends = [path.states[0].clone(), path.states[7].clone()].map(to_host);
        let whole = flow.solve(start(0.3)).unwrap();
        assert_eq!(ends, [to_host(start(0.3)), to_host(whole)], "{}", solver.name());
        // On a step of the grid the state is that step's: 0.5 is its fourth.
        let four = Grid::new(flow.grid.times()[..5].to_vec()).unwrap();
        let part = OdeFlow { grid: four, ..flow.clone() }.solve(start(0.3)).unwrap();
        assert_eq!(to_host(path.states[3].clone()), to_host(part), "{}", solver.name());
    }
    path_ends_at_push(
        &OdeFlow { grid: Grid::uniform(Interval::UNIT, 7).unwrap(), ..flow(Solver::Rk4, 1) },
        &Noise::new(1, 5).normal(2, &space()),
        0.0,
    )
    .unwrap();
}

/// The error between steps shrinks as fast as at their ends, in both directions, up to the order
/// of the continuous extension.
#[test]
fn states_between_steps_have_the_methods_order() {
    for (solver, order, steps) in [
        (Solver::Euler, 1.0, 200),
        (Solver::Midpoint, 2.0, 100),
        (Solver::Heun, 2.0, 100),
        (Solver::Bs32, 3.0, 50),
        (Solver::Rk4, 4.0, 50),
        (Solver::AdamsBashforth, 4.0, 200),
        (Solver::Rodas4, 4.0, 50),
        (Solver::Dopri5, 5.0, 50),
        (Solver::Tsit5, 5.0, 50),
        (Solver::Dop853, 8.0, 5),
    ] {
        for backwards in [false, true] {
            let at = |steps: usize| {
                let flow = flow(solver, steps);
                let reversed = OdeFlow { grid: flow.grid.reversed(), ..flow.clone() };
                error(if backwards { &reversed } else { &flow })
            };
            // Over two doublings, since the largest error moves from knot to knot.
            let observed = 0.5 * (at(steps) / at(4 * steps)).log2();
            println!("{} {observed:.2}", solver.name());
            assert!(observed > order - 0.4, "{}: {observed} where {order}", solver.name());
        }
    }
}

/// An extension of too low an order would be seen.
#[test]
fn the_order_of_the_extension_is_needed() {
    let chord = |steps: usize| {
        let flow = flow(Solver::Rk4, steps);
        let times = flow.grid.times();
        let k = steps.div_euclid(3);
        let path = flow.solve_trace(start(0.3), &times[k..k + 2]).unwrap();
        let middle = (path.states[0].clone() + path.states[1].clone()).div_scalar(2.0);
        let exact = spiral_at(0.5 * (times[k] + times[k + 1]), 0.5);
        (to_host(middle)[0] - exact[0]).abs()
    };
    assert!((chord(48) / chord(96)).log2() < 2.5);
}
