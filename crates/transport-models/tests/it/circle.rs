//! Splines on the circle: periodic, smooth at the seam, of mass 2π, and invertible at random and
//! extreme parameters.

use crate::spaces;
use burn::tensor::Tensor;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::f64::consts::{PI, TAU};
use transport_core::Space;
use transport_core::device::to_host;
use transport_models::flow::Element;

const BINS: usize = 5;
const CIRCLE: Element = Element::Circular { bins: BINS };

fn theta(values: &[f64], m: usize, space: &Space) -> Tensor<3> {
    let row: Vec<f64> = values.iter().cycle().take(CIRCLE.parameters()).copied().collect();
    space.tensor(row.repeat(m), [1, m, row.len()])
}

/// `f` and `log f′` at some angles.
fn push(angles: &[f64], parameters: &[f64], space: &Space) -> (Vec<f64>, Vec<f64>) {
    let m = angles.len();
    let z = space.tensor::<2>(angles.to_vec(), [1, m]);
    let (x, log_slope) = CIRCLE.push(z, theta(parameters, m, space));
    (to_host(x), to_host(log_slope))
}

/// The distance on the circle.
fn apart(a: f64, b: f64) -> f64 {
    (a - b - TAU * ((a - b) / TAU).round()).abs()
}

fn check(parameters: &[f64], angles: &[f64], space: &Space, eps: f64) -> Result<(), TestCaseError> {
    let m = angles.len();
    let (x, log_slope) = push(angles, parameters, space);
    let inner = space.tensor::<2>(x.clone(), [1, m]);
    let (back, log_back) = CIRCLE.pull(inner, theta(parameters, m, space));
    let (back, log_back) = (to_host(back), to_host(log_back));
    for i in 0..m {
        prop_assert!((-PI - 1e-6..=PI + 1e-6).contains(&x[i]), "{} is no angle", x[i]);
        prop_assert!(log_slope[i].is_finite() && log_back[i].is_finite());
        let conditioning = (-log_slope[i]).max(log_back[i]).exp();
        let allowed = 1e3 * eps * (1.0 + conditioning) * (1.0 + angles[i].abs());
        prop_assert!(apart(back[i], angles[i]) <= allowed, "{} back as {}", angles[i], back[i]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn periodic_finite_and_invertible(
        parameters in prop::collection::vec(-30.0f64..30.0, 3 * BINS + 1),
        angles in prop::collection::vec(-4.0f64..4.0, 12),
    ) {
        let (single, double) = spaces();
        let seam = [PI, -PI, PI * (1.0 - 1e-15), -PI * (1.0 - 1e-15), 0.0, -0.0, 1e-300, 3.0 * PI, 100.0];
        let angles: Vec<f64> = angles.into_iter().chain(seam).collect();
        check(&parameters, &angles, &double, f64::EPSILON)?;
        let gentle: Vec<f64> = parameters.iter().map(|p| 0.1 * p).collect();
        check(&gentle, &angles, &single, f64::from(f32::EPSILON))?;
        let round: Vec<f64> = angles.iter().map(|a| a + TAU).collect();
        let (here, there) = (push(&angles, &gentle, &double), push(&round, &gentle, &double));
        for (a, b) in here.0.iter().zip(&there.0) {
            prop_assert!(apart(*a, *b) < 1e-9, "{a} and {b} a turn later");
        }
    }
}

/// `f′` is continuous where the circle closes, agrees with differences, and has mass 2π.
#[test]
fn the_seam_is_smooth_and_the_degree_is_one() {
    let (_, space) = spaces();
    let parameters: Vec<f64> = (0..3 * BINS + 1).map(|k| (k as f64 * 1.7).sin()).collect();
    let (_, ends) = push(&[-PI, PI - 1e-9], &parameters, &space);
    assert!((ends[0] - ends[1]).abs() < 1e-6, "{ends:?}");
    let n = 4000;
    let angles: Vec<f64> =
        (0..n).map(|i| -PI + TAU * (f64::from(i) + 0.5) / f64::from(n)).collect();
    let (x, log_slope) = push(&angles, &parameters, &space);
    let mass: f64 = log_slope.iter().map(|s| s.exp()).sum::<f64>() * TAU / f64::from(n);
    assert!((mass - TAU).abs() < 1e-5, "{mass}");
    let h = 1e-6;
    let moved: Vec<f64> = angles.iter().map(|a| a + h).collect();
    for ((a, b), s) in x.iter().zip(push(&moved, &parameters, &space).0).zip(&log_slope) {
        assert!((apart(b, *a) / h - s.exp()).abs() < 1e-4 * (1.0 + s.exp()), "slope {}", s.exp());
    }
}

#[test]
fn zero_parameters_are_the_identity() {
    let (_, space) = spaces();
    let angles = [-PI, -1.0, 0.0, 0.3, 3.0];
    let (x, log_slope) = push(&angles, &[0.0], &space);
    assert!(x.iter().zip(angles).all(|(x, a)| apart(*x, a) < 1e-14), "{x:?}");
    assert!(log_slope.iter().all(|s| s.abs() < 1e-14));
}
