//! The stiff method on published stiff problems, and its Jacobians.

use crate::ode_problems::{Rowwise, hires, orego, robertson, vdpol};
use crate::ode_reference::solve;
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::field::AffineField;
use transport_core::testkit::max_or_nan;
use transport_core::{Field, Noise, Space, Times};
use transport_sde::method::ode::jacobian::{ByJvp, FiniteDifferences, Formula, JacobianRule};
use transport_sde::method::ode::{Adaptive, Rodas4};
use transport_sde::{Grid, Solver, Stepper, Tolerance, drive};

#[test]
fn the_stiff_method_meets_published_end_points() {
    for (problem, atol) in
        [(robertson(), 1e-14), (vdpol(), 1e-8), (hires(), 1e-11), (orego(), 1e-8)]
    {
        let (end, work) = solve(&problem, Solver::Rodas4, 1e-7, atol);
        let error = problem.error(&end);
        println!("{}: {error:.2e} {work:?} {end:?}", problem.name);
        assert!(error < 1e-4, "{}: {error:e}", problem.name);
        let steps = work.accepted + work.rejected;
        assert!(steps < 5000, "{}: {steps} steps", problem.name);
    }
}

/// Where an explicit method needs steps of 10⁻⁶, it spends its budget.
#[test]
fn an_explicit_method_does_not_get_through() {
    let problem = vdpol();
    let field = Rowwise(problem.field);
    let tolerance = Tolerance::new(1e-5, 1e-5).unwrap().max_steps(2000);
    let solver = Solver::Dopri5.controlled(tolerance).unwrap();
    let grid = Grid::new(vec![0.0, problem.t]).unwrap();
    let flow = transport_sde::OdeFlow { field, grid, solver };
    let error = flow.solve(space().tensor(problem.start, [1, 2])).unwrap_err();
    assert!(error.to_string().starts_with("row 1 has used its 2000 steps at t = "), "{error}");
}

/// A row's own matrix, at its own time.
#[test]
fn jacobians_agree() {
    let field = AffineField {
        matrix: vec![1.0, 2.0, 0.5, -3.0, 0.0, 4.0, 0.25, 1.5, -2.0],
        offset: vec![1.0; 3],
        rate: vec![0.5; 3],
    };
    let x = Noise::new(2, 5).normal(3, &space());
    let t: Vec<f64> = (0..5).map(|i| 0.1 * f64::from(i)).collect();
    let slope = field.eval(x.clone(), Times::Each(&t));
    let exact = field.matrix.repeat(5);
    let close = |j: Tensor<3>, tolerance: f64| {
        assert_eq!(j.dims(), [5, 3, 3]);
        let gap = to_host(j).iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan);
        assert!(gap < tolerance, "{gap}");
    };
    close(FiniteDifferences.jacobian(&field, &x, &slope, &t), 1e-6);
    close(ByJvp(&field).jacobian(&field, &x, &slope, &t), 1e-14);
    // Not symmetric in i and j where the field is not.
    let squares = Rowwise(|_, x| vec![x[0] * x[1], x[1] * x[1]]);
    let x = space().tensor(vec![2.0, 3.0], [1, 2]);
    let slope = squares.eval(x.clone(), Times::Same(0.0));
    let j = to_host(FiniteDifferences.jacobian(&squares, &x, &slope, &[0.0]));
    for (got, exact) in j.iter().zip([3.0, 2.0, 0.0, 6.0]) {
        assert!((got - exact).abs() < 1e-6, "{j:?}");
    }
}

#[test]
fn a_supplied_jacobian_serves_as_well() {
    let problem = vdpol();
    let field = Rowwise(problem.field);
    let formula = Formula(|x: &Tensor<2>, _: &[f64]| {
        let rows = to_host(x.clone());
        let matrix =
            |y: &[f64]| [0.0, 1.0, (-2.0 * y[0] * y[1] - 1.0) / 1e-6, (1.0 - y[0] * y[0]) / 1e-6];
        Space::of(x).tensor(rows.chunks_exact(2).flat_map(matrix).collect(), [rows.len() / 2, 2, 2])
    });
    let tolerance = Tolerance::new(1e-7, 1e-8).unwrap();
    let mut stepper = Adaptive::new(Rodas4 { jacobian: formula }, &field, tolerance).until(2.0);
    let grid = Grid::new(vec![0.0, 2.0]).unwrap();
    let start = space().tensor(problem.start.clone(), [1, 2]);
    let end = drive(&mut stepper, start, &grid, |_, _, _| {}).unwrap();
    let error = problem.error(&to_host(end));
    assert!(error < 1e-4, "{error:e}");
    // The differences' evaluations are saved: six stages and ∂v/∂t a try, one slope a step.
    let work = stepper.statistics();
    assert_eq!(work.rows, 2 + 6 * (work.accepted + work.rejected) + work.accepted);
}
