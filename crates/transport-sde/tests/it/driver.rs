use crate::space;
use burn::tensor::Tensor;
use transport_core::{Field, Interval, Times};
use transport_sde::method::OdeStepper;
use transport_sde::method::ode::Euler;
use transport_sde::{Grid, GridError, SolveError, Solver, drive};

/// `x′ = 1/(½ − t)`, infinite in the middle of the clock.
struct Pole;

impl Field for Pole {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(x.ones_like(), |t| 1.0 / (0.5 - t))
    }
}

#[test]
fn a_state_that_is_not_finite_names_time_step_and_evaluations() {
    let grid = Grid::uniform(Interval::UNIT, 4).unwrap();
    let x = space().tensor(vec![0.0], [1, 1]);
    let error = drive(&mut OdeStepper::<Euler>::new(&Pole), x, &grid, |_, _, _| {}).unwrap_err();
    assert_eq!(error, SolveError::NotFinite { t: 0.75, row: 0, step: 3, evals: 3 });
}

#[test]
fn grids_are_checked() {
    assert_eq!(Grid::new(vec![0.0]), Err(GridError::TooShort { found: 1 }));
    assert_eq!(
        Grid::new(vec![0.0, 0.5, 0.4]),
        Err(GridError::NotMonotone { index: 2, value: 0.4 })
    );
    assert!(Grid::new(vec![1.0, 0.5, 0.0]).is_ok());
    assert!(Grid::new(vec![0.0, f64::NAN]).is_err());
    assert!(Grid::uniform(Interval::UNIT, 0).is_err());
    let grid = Grid::uniform(Interval::UNIT, 2).unwrap().with_knots(&[0.25, 0.5, 7.0]);
    assert_eq!(grid.times(), [0.0, 0.25, 0.5, 1.0]);
    assert_eq!(grid.reversed().with_knots(&[0.9]).times(), [1.0, 0.9, 0.5, 0.25, 0.0]);
}

#[test]
fn solvers_are_found_by_name() {
    for solver in Solver::ALL {
        assert_eq!(Solver::by_name(solver.name()), Some(*solver));
        assert!(solver.order().contains("order") || solver.order().contains("strong"));
    }
    assert_eq!(Solver::by_name("eular"), None);
}
