//! Codes: there and back, and the arcs between them.

use crate::space;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport_core::process::Vp;
use transport_core::schedule::{Noising, Rectified, Schedule};
use transport_core::testkit::draws_are_normal;
use transport_core::testkit::max_or_nan;
use transport_core::{Noise, Space};
use transport_sde::guide::{decode, encode, slerp};
use transport_sde::{Grid, Solver};

/// Round trips err by the solver's order, and the codes of the data are standard normal (false alarm
/// 2.2e-6 for a random seed, each).
#[test]
fn encoding_is_undone_and_codes_are_normal() {
    let schedule = Noising::new(Vp::default());
    let field = OracleFlow { law: Mixture::circle(4, 1.0, 0.4), schedule };
    let x = field.law.sample(&Noise::new(2, 3000), &space());
    let error = |steps| {
        let grid = Grid::uniform(schedule.domain(), steps).unwrap();
        let z = encode(&field, &grid, Solver::Heun, x.clone()).unwrap();
        let back = decode(&field, &grid, Solver::Heun, z.clone()).unwrap();
        (to_host((back - x.clone()).abs()).into_iter().fold(0.0, max_or_nan), to_host(z))
    };
    let ((coarse, _), (fine, z)) = (error(50), error(200));
    assert!(coarse < 0.2 && fine < 0.02 && fine < coarse / 10.0, "{coarse} {fine}");
    for j in 0..2 {
        let column: Vec<f64> = z.iter().skip(j).step_by(2).copied().collect();
        draws_are_normal(&column, 0.0, 1.0).unwrap();
    }
}

/// A Gaussian's flow is affine: the code of a point is its standardised value.
#[test]
fn the_code_under_a_gaussian_is_its_standard_score() {
    let field = OracleFlow { law: Gaussian::isotropic(vec![2.0], 0.5), schedule: Rectified };
    let grid = Grid::uniform(Rectified.domain(), 400).unwrap();
    let x = space().tensor(vec![1.0, 2.0, 3.5], [3, 1]);
    let z = to_host(encode(&field, &grid, Solver::Rk4, x).unwrap());
    for (got, exact) in z.iter().zip([-2.0, 0.0, 3.0]) {
        assert!((got - exact).abs() < 1e-4, "{got} {exact}");
    }
}

#[test]
fn arcs_keep_the_norm() {
    let space: Space = space();
    let a = space.tensor(vec![1.0, 0.0, 2.0, 0.0, 0.0, 3.0], [3, 2]);
    let b = space.tensor(vec![0.0, 1.0, 2.0, 0.0, 0.0, -3.0], [3, 2]);
    let half = to_host(slerp(a.clone(), b.clone(), 0.5));
    let root = 0.5f64.sqrt();
    // A quarter turn, a standstill, and opposite points, between which there is only the line.
    for (got, exact) in half.iter().zip([root, root, 2.0, 0.0, 0.0, 0.0]) {
        assert!((got - exact).abs() < 1e-12, "{half:?}");
    }
    for (u, end) in [(0.0, a.clone()), (1.0, b.clone())] {
        let got = to_host(slerp(a.clone(), b.clone(), u));
        assert!(got.iter().zip(to_host(end)).all(|(g, e)| (g - e).abs() < 1e-12));
    }
}
