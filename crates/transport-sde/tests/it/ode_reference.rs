//! Published end points of problems that are not stiff.

use crate::ode_problems::{Problem, Rowwise, arenstorf, lorenz, lotka_volterra, pleiades};
use crate::space;
use transport_core::Interval;
use transport_core::device::to_host;
use transport_sde::{Grid, OdeFlow, Solver, Statistics, Tolerance};

/// The end and the work of an adaptive solution at one tolerance.
pub fn solve(problem: &Problem, solver: Solver, rtol: f64, atol: f64) -> (Vec<f64>, Statistics) {
    let solver = solver.controlled(Tolerance::new(rtol, atol).unwrap()).unwrap();
    let grid = Grid::uniform(Interval { start: 0.0, end: problem.t }, 1).unwrap();
    let flow = OdeFlow { field: Rowwise(problem.field), grid, solver };
    let start = space().tensor(problem.start.clone(), [1, problem.start.len()]);
    let (end, work) = flow.solve_counted(start).unwrap();
    (to_host(end), work)
}

const HIGH_ORDER: [Solver; 3] = [Solver::Dopri5, Solver::Tsit5, Solver::Dop853];

#[test]
fn methods_of_order_five_and_more_meet_published_end_points() {
    for problem in [arenstorf(), lotka_volterra(), lorenz(), pleiades()] {
        for solver in HIGH_ORDER {
            let (end, work) = solve(&problem, solver, 1e-11, 1e-11);
            let error = problem.error(&end);
            println!("{} {}: {error:.2e} {work:?}", problem.name, solver.name());
            assert!(error < 1e-6, "{} by {}: {error:e}", problem.name, solver.name());
        }
    }
}

/// A hundredfold smaller tolerance gives an error about a hundredfold smaller.
#[test]
fn the_error_follows_the_tolerance() {
    let problem = lotka_volterra();
    for solver in [Solver::Heun, Solver::Bs32, Solver::Dopri5, Solver::Tsit5, Solver::Dop853] {
        let error = |rtol: f64| problem.error(&solve(&problem, solver, rtol, rtol).0);
        let (coarse, fine) = (error(1e-4), error(1e-6));
        println!("{}: {coarse:.2e} {fine:.2e}", solver.name());
        assert!(coarse < 0.03 && fine < 3e-4, "{}: {coarse:e} {fine:e}", solver.name());
        assert!(fine < 0.1 * coarse, "{}: {coarse:e} {fine:e}", solver.name());
    }
}
