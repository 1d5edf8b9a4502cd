//! The law of an SDE three ways: the solver, particles and closed forms agree.

use crate::fokker_planck::{DoubleWell, Linear, Ou, line, solve, square, uniform};
use crate::space;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport_core::schedule::Rectified;
use transport_core::{Noise, device::to_host};
use transport_sde::dynamics::Epsilon;
use transport_sde::fokker_planck::{Mesh, Noised, Scheme};
use transport_sde::{Family, Grid, Sde, SdeFlow, Solver};

/// Pearson's χ² of points against a density, on bins of `group` cells along each axis with at
/// least 50 points expected, in standard deviations above its mean.
fn chi_squared(mesh: &Mesh, density: &[f64], points: &[f64], group: usize) -> f64 {
    let n = (points.len() / mesh.dim()) as f64;
    let observed = mesh.histogram(points);
    let coarse = |values: &[f64]| {
        let mut bins = std::collections::BTreeMap::new();
        for (cell, value) in values.iter().enumerate() {
            let cells = mesh.axes()[0].cells;
            let key = if mesh.dim() == 1 {
                (cell / group, 0)
            } else {
                (cell / cells / group, cell % cells / group)
            };
            *bins.entry(key).or_insert(0.0) += value * mesh.volume() * n;
        }
        bins.into_values().collect::<Vec<f64>>()
    };
    let pairs = coarse(density).into_iter().zip(coarse(&observed));
    let terms: Vec<f64> =
        pairs.filter(|(e, _)| *e >= 50.0).map(|(e, o)| (o - e).powi(2) / e).collect();
    let freedom = terms.len() as f64 - 1.0;
    (terms.iter().sum::<f64>() - freedom) / (2.0 * freedom).sqrt()
}

const PARTICLES: usize = 100_000;

/// Particles at the knots. On a line they are carried two to a row, each coordinate by itself.
fn particles(sde: impl Sde, start: &dyn Law, grid: Grid, knots: &[f64]) -> Vec<Vec<f64>> {
    let rows = PARTICLES * start.dim() / 2;
    let noise = Noise::new(31, rows);
    let x = start.sample(&noise.resized(PARTICLES).purpose("start"), &space()).reshape([rows, 2]);
    let flow = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
    flow.solve_trace(x, knots, &noise).unwrap().states.into_iter().map(to_host).collect()
}

/// OU: solver, particles and closed form. χ² above its mean by four standard deviations or more has
/// a false-alarm rate under 1e-3 for a random seed (χ² is skewed), none for this one.
#[test]
fn ou_agrees_three_ways() {
    let process = Ou { theta: 1.0, sigma: 1.0 };
    let start = Mixture::new(
        vec![0.4, 0.6],
        vec![Gaussian::isotropic(vec![-1.5], 0.3), Gaussian::isotropic(vec![1.0], 0.4)],
    )
    .unwrap();
    let law = Noised { law: start.clone(), process };
    let mesh = line(6.0, 480);
    let density = mesh.density(&start, &space());
    let end = solve(&Linear(process), &mesh, Scheme::Midpoint, &density, &uniform(0.5, 200));
    let exact = mesh.density(&law.at(0.5), &space());
    let gap = mesh.l1(&end, &exact);
    let points = particles(Linear(process), &start, uniform(0.5, 200), &[0.5]).remove(0);
    let (solver, closed) =
        (chi_squared(&mesh, &end, &points, 8), chi_squared(&mesh, &exact, &points, 8));
    println!(
        "OU: solver to closed form {gap:.1e} (L1); particles {solver:+.1} and {closed:+.1} sd"
    );
    assert!(gap < 1e-3, "{gap}");
    assert!(solver < 4.0 && closed < 4.0, "{solver} {closed}");
    // Five per cent more noise is seen.
    let wrong = particles(Linear(Ou { sigma: 1.05, ..process }), &start, uniform(0.5, 200), &[0.5]);
    assert!(chi_squared(&mesh, &end, &wrong[0], 8) > 20.0);
}

/// The double well from one side: solver and particles on the way, with the closed form at the end.
#[test]
fn double_well_agrees_on_the_way_and_at_the_end() {
    let (well, step) = (|| DoubleWell { sigma: 1.0 }, 0.005);
    let grid = |end: f64| uniform(end, (end / step) as usize);
    let mesh = line(4.0, 320);
    let gibbs = well().gibbs(&mesh);
    let left = Gaussian::isotropic(vec![-1.0], 0.3);
    let both = vec![Gaussian::isotropic(vec![-0.8], 0.4), Gaussian::isotropic(vec![0.8], 0.4)];
    let both = Mixture::new(vec![0.5, 0.5], both).unwrap();
    let run = |start: &[f64], end, steps| {
        solve(&well(), &mesh, Scheme::Midpoint, start, &uniform(end, steps))
    };
    let transient = run(&mesh.density(&left, &space()), 1.0, 200);
    let gap = mesh.l1(&run(&transient, 100.0, 1000), &gibbs);
    let points = particles(well(), &left, grid(1.0), &[1.0]).remove(0);
    let on_the_way = chi_squared(&mesh, &transient, &points, 8);
    let unmixed = chi_squared(&mesh, &gibbs, &points, 8);
    // From both sides at once, the slow passage over the barrier need not be waited for.
    let points = particles(well(), &both, grid(3.0), &[3.0]).remove(0);
    let at_the_end = chi_squared(&mesh, &gibbs, &points, 8);
    println!("double well: solver at t = 100 to Gibbs {gap:.1e} (L1)");
    println!("particles {on_the_way:+.1} sd on the way, {at_the_end:+.1} sd at the end");
    assert!(gap < 1e-11, "{gap}");
    assert!(on_the_way < 4.0 && at_the_end < 4.0, "{on_the_way} {at_the_end}");
    assert!(unmixed > 100.0, "at t = 1 the law is still far from Gibbs: {unmixed}");
}

fn plane_mixture() -> Mixture {
    Mixture::new(
        vec![0.5, 0.3, 0.2],
        vec![
            Gaussian::isotropic(vec![-1.2, -0.6], 0.5),
            Gaussian::isotropic(vec![1.3, 0.4], 0.6),
            Gaussian::new(vec![0.0, 1.5], vec![0.5, 0.15, 0.15, 0.3]).unwrap(),
        ],
    )
    .unwrap()
}

/// The bridge from N(0, I) to a mixture in the plane, on straight lines with noise:
/// `dX = (v + ½ s) dt + dW`.
fn bridge() -> Family<OracleFlow<Mixture, Rectified>, Rectified> {
    let field = OracleFlow { law: plane_mixture(), schedule: Rectified };
    Family { field, schedule: Rectified, epsilon: Epsilon::Constant(0.5) }
}

fn bridge_solution(cells: usize, steps: usize) -> (Mesh, Vec<f64>, f64) {
    let mesh = square(5.0, cells);
    let start = mesh.density(&Gaussian::standard(2), &space());
    let end = solve(&bridge(), &mesh, Scheme::Midpoint, &start, &uniform(1.0, steps));
    let gap = mesh.l1(&end, &mesh.density(&plane_mixture(), &space()));
    (mesh, end, gap)
}

/// The solver converges to the exact law of the bridge at second order, and particles follow it.
#[test]
fn mixture_bridge_agrees_three_ways() {
    let (_, _, coarse) = bridge_solution(30, 40);
    let (mesh, end, fine) = bridge_solution(60, 80);
    let order = (coarse / fine).log2();
    let exact = mesh.density(&plane_mixture(), &space());
    // Euler–Maruyama's own bias is seen at 100 steps (+4.3 sd), and no more at 200.
    let points = particles(bridge(), &Gaussian::standard(2), uniform(1.0, 200), &[1.0]).remove(0);
    let (solver, closed) =
        (chi_squared(&mesh, &end, &points, 5), chi_squared(&mesh, &exact, &points, 5));
    println!(
        "bridge: L1 {coarse:.1e} on 30², {fine:.1e} on 60², order {order:.2}; particles {solver:+.1} and {closed:+.1} sd"
    );
    assert!(fine < 0.05 && (order - 2.0).abs() < 0.3, "{coarse} {fine} {order}");
    assert!(solver < 4.0 && closed < 4.0, "{solver} {closed}");
}
