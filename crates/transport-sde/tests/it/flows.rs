use crate::space;
use burn::tensor::Tensor;
use transport_core::field::AffineField;
use transport_core::law::{Gaussian, Law, OracleFlow};
use transport_core::schedule::Rectified;
use transport_core::testkit::{inverse_undoes_push, log_det_is_the_jacobian, path_ends_at_push};
use transport_core::{Density, Interval, Noise, Path, Transport, device::to_host};
use transport_sde::dynamics::Epsilon;
use transport_sde::{Family, Grid, OdeFlow, SdeFlow, Solver};

/// A diagonal field, whose flow over unit time is `x exp(a) + b (exp(a) − 1)/a`.
fn flow(steps: usize) -> OdeFlow<AffineField> {
    let field = AffineField {
        matrix: vec![0.8, 0.0, 0.0, -0.5],
        offset: vec![1.0, -1.0],
        rate: vec![0.0, 0.0],
    };
    let grid = Grid::uniform(Interval::UNIT, steps).unwrap();
    OdeFlow { field, grid, solver: Solver::Heun }
}

fn points(n: usize) -> Tensor<2> {
    Noise::new(6, n).normal(2, &space())
}

#[test]
fn ode_flows_satisfy_the_map_suites() {
    inverse_undoes_push(&flow(400), &points(9), 1e-5).unwrap();
    log_det_is_the_jacobian(&flow(400), &points(9), 1e-5).unwrap();
    path_ends_at_push(&flow(400), &points(9), 1e-5).unwrap();
}

/// A linear flow pushes N(0, I) to a Gaussian whose density is known.
#[test]
fn log_density_along_a_linear_flow_is_exact() {
    let law = Transport { reference: Gaussian::standard(2), map: flow(1000) };
    let shift = |a: f64, b: f64| b * a.exp_m1() / a;
    let exact = Gaussian::new(
        vec![shift(0.8, 1.0), shift(-0.5, -1.0)],
        vec![1.6f64.exp(), 0.0, 0.0, (-1.0f64).exp()],
    )
    .unwrap();
    let x = exact.sample(&Noise::new(1, 50), &space());
    let gap = to_host(law.log_prob(x.clone()) - exact.log_prob(x));
    assert!(gap.iter().all(|g| g.abs() < 1e-5), "{gap:?}");
}

#[test]
fn sde_paths_end_where_their_kernel_does_and_do_not_depend_on_the_chunk() {
    let field = OracleFlow { law: Gaussian::isotropic(vec![1.0, 0.0], 0.5), schedule: Rectified };
    let sde = Family { field, schedule: Rectified, epsilon: Epsilon::Sigma(1.0) };
    let grid = Grid::uniform(Interval::UNIT, 20).unwrap();
    let kernel = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
    path_ends_at_push(&kernel, &points(5), 1e-12).unwrap();

    let (noise, z) = (Noise::new(3, 7), points(7));
    let whole = to_host(kernel.solve(z.clone(), &noise).unwrap());
    let parts: Vec<f64> = [0..2, 2..7]
        .into_iter()
        .flat_map(|rows| {
            let part = z.clone().slice([rows.clone()]);
            to_host(kernel.solve(part, &noise.rows(rows)).unwrap())
        })
        .collect();
    assert_eq!(whole, parts);
}

#[test]
fn traces_visit_the_knots_asked_for() {
    let path = flow(10).trace(points(3), &[0.0, 0.33, 1.0], &Noise::new(0, 3));
    assert_eq!((path.times.len(), path.states.len()), (3, 3));
    let half = to_host(path.states[1].clone());
    let start = to_host(points(3));
    let exact = start[0] * (0.8f64 * 0.33).exp() + (0.8f64 * 0.33).exp_m1() / 0.8;
    assert!((half[0] - exact).abs() < 1e-3, "{} against {exact}", half[0]);
}
