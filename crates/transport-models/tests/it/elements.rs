//! The elementwise maps at random, extreme and marginal arguments.

use crate::spaces;
use burn::tensor::Tensor;
use proptest::prelude::*;
use transport_core::Space;
use transport_core::device::to_host;
use transport_models::flow::Element;
use transport_models::flow::spline::BOUND;

const ELEMENTS: [Element; 4] =
    [Element::Additive, Element::Affine, Element::Spline { bins: 1 }, Element::Spline { bins: 7 }];

/// `m` copies of the parameters, one for each argument.
fn theta(element: Element, values: &[f64], m: usize, space: &Space) -> Tensor<3> {
    let row: Vec<f64> = values.iter().cycle().take(element.parameters()).copied().collect();
    space.tensor(row.repeat(m), [1, m, row.len()])
}

/// Where splines go wrong: the ends of the box and their neighbours, far outside, zero.
fn margins() -> Vec<f64> {
    let near = |x: f64| [x, x * (1.0 - 1e-15), x * (1.0 + 1e-15), x * (1.0 - 1e-7)];
    let mut points: Vec<f64> = near(BOUND).into_iter().chain(near(-BOUND)).collect();
    points.extend([0.0, -0.0, 1e-300, 1e6, -1e6, 4.0, -4.0]);
    points
}

/// `f` is finite, increasing, inverted by `f⁻¹` up to its conditioning, and the two log-slopes
/// cancel.
fn check(element: Element, parameters: &[f64], points: &[f64], space: &Space, eps: f64) {
    let m = points.len();
    let z = space.tensor::<2>(points.to_vec(), [1, m]);
    let theta = theta(element, parameters, m, space);
    let (x, log_slope) = element.push(z.clone(), theta.clone());
    let (back, log_back) = element.pull(x.clone(), theta.clone());
    let again = element.push(back.clone(), theta).0;
    let [z, x, log_slope, back, log_back, again] =
        [z, x, log_slope, back, log_back, again].map(to_host);
    for i in 0..m {
        let what = format!("{element:?} at {} with {parameters:?}", z[i]);
        assert!(x[i].is_finite() && log_slope[i].is_finite(), "{what}: {} {}", x[i], log_slope[i]);
        assert!(back[i].is_finite() && log_back[i].is_finite(), "{what}: back {}", back[i]);
        // A rounding error eps in x becomes eps/f′ in z; where the slope changes fast, the slopes
        // at both points count.
        let conditioning = (-log_slope[i]).max(log_back[i]).exp();
        let allowed = 1e3 * eps * (1.0 + z[i].abs() + x[i].abs()) * (1.0 + conditioning);
        // Where the slope changes fast it can be far below that at both points: then what came back
        // must have the same image.
        let same = (again[i] - x[i]).abs() <= 1e3 * eps * (1.0 + x[i].abs());
        let close = (back[i] - z[i]).abs() <= allowed;
        assert!(close || same, "{what}: {} came back, ±{allowed}", back[i]);
    }
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| z[*a].total_cmp(&z[*b]));
    for pair in order.windows(2) {
        let (low, high) = (x[pair[0]], x[pair[1]]);
        // A rounding error in the argument is one in the value, times the slope.
        let slope = log_slope[pair[0]].max(log_slope[pair[1]]).exp();
        let slack = 4.0 * eps * (1.0 + BOUND) * (1.0 + slope);
        assert!(low <= high + slack * (1.0 + low.abs()), "{element:?} falls: {low} to {high}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn increasing_finite_and_invertible(
        parameters in prop::collection::vec(-30.0f64..30.0, 20),
        points in prop::collection::vec(-8.0f64..8.0, 12),
    ) {
        let (single, double) = spaces();
        let points: Vec<f64> = points.into_iter().chain(margins()).collect();
        for element in ELEMENTS {
            check(element, &parameters, &points, &double, f64::EPSILON);
            let gentle: Vec<f64> = parameters.iter().map(|p| 0.1 * p).collect();
            check(element, &gentle, &points, &single, f64::from(f32::EPSILON));
        }
    }
}

#[test]
fn zero_parameters_are_the_identity() {
    let (_, space) = spaces();
    for element in ELEMENTS {
        let points = margins();
        let m = points.len();
        let z = space.tensor::<2>(points, [1, m]);
        let (x, log_slope) = element.push(z.clone(), theta(element, &[0.0], m, &space));
        let gap = to_host((x - z.clone()).abs() / (z.abs() + 1.0));
        assert!(gap.iter().all(|g| *g < 1e-14), "{element:?}: {gap:?}");
        assert!(to_host(log_slope).iter().all(|s| s.abs() < 1e-14), "{element:?}");
    }
}
