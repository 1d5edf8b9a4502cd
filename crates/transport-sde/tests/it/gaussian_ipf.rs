//! Proportional fitting between Gaussians: its limit, its ends, and its own equations.

use transport_core::law::Gaussian;
use transport_core::linalg::{cholesky, gram, invert_lower};
use transport_core::testkit::max_or_nan;
use transport_sde::bridge::{BridgeError, GaussianBridge, GaussianIpf};
use transport_sde::dynamics::gaussian_divergence;

fn ends() -> (Gaussian, Gaussian) {
    (
        Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap(),
        Gaussian::new(vec![-2.0, 0.5], vec![0.5, -0.3, -0.3, 1.5]).unwrap(),
    )
}

fn iterates(count: usize) -> Vec<GaussianIpf> {
    let (a, b) = ends();
    std::iter::successors(Some(GaussianIpf::new(a, b, 0.7).unwrap()), |p| Some(p.clone().next()))
        .take(count)
        .collect()
}

fn gap(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan)
}

/// An iterate has the target's law after an odd number of halves, the source's after an even one, to
/// rounding, and the other end comes nearer each time.
#[test]
fn one_end_is_right_and_the_other_comes_nearer() {
    let (a, b) = ends();
    let mut before = f64::INFINITY;
    for ipf in iterates(12) {
        let at = |t: f64| ipf.marginal(t).unwrap();
        let distance = |t: f64, law: &Gaussian| gaussian_divergence(&at(t), law);
        let (right, wrong) = if ipf.count() % 2 == 0 {
            (distance(0.0, &a), distance(1.0, &b))
        } else {
            (distance(1.0, &b), distance(0.0, &a))
        };
        assert!(right.abs() < 1e-10, "iterate {}: {right}", ipf.count());
        assert!(wrong < before, "iterate {}: {wrong} after {before}", ipf.count());
        before = wrong;
    }
    assert!(before < 1e-2, "{before}");
}

/// The limit is the bridge in closed form, plan and marginals.
#[test]
fn the_limit_is_the_bridge() {
    let (a, b) = ends();
    let bridge = GaussianBridge::new(a, b, 0.7).unwrap();
    let last = iterates(400).pop().unwrap();
    assert!(gap(last.cross_covariance(), bridge.cross_covariance()) < 1e-10);
    for t in [0.0, 0.3, 0.5, 1.0] {
        let law = last.marginal(t).unwrap();
        assert!(gap(law.mean(), &bridge.mean(t)) < 1e-10, "t = {t}");
        assert!(gap(law.covariance(), &bridge.covariance(t)) < 1e-10, "t = {t}");
    }
}

/// Every plan keeps the reference's conditional structure, `P₀₁ = −I/σ²` off the diagonal blocks of
/// the precision: `π(x₀, x₁) ∝ f(x₀) g(x₁) exp(−|x₁ − x₀|²/2σ²)`.
#[test]
fn every_plan_is_a_product_times_the_kernel() {
    for ipf in iterates(6) {
        let ([a, b], c) = ([0.0, 1.0].map(|t| ipf.marginal(t).unwrap()), ipf.cross_covariance());
        let mut joint = vec![0.0; 16];
        for i in 0..2 {
            for j in 0..2 {
                joint[i * 4 + j] = a.covariance()[i * 2 + j];
                joint[(i + 2) * 4 + j + 2] = b.covariance()[i * 2 + j];
                joint[i * 4 + j + 2] = c[i * 2 + j];
                joint[(j + 2) * 4 + i] = c[i * 2 + j];
            }
        }
        let inverse = invert_lower(&cholesky(&joint, 4).unwrap(), 4);
        let precision = gram(&inverse, 4);
        for i in 0..2 {
            for j in 0..2 {
                let expected = if i == j { -1.0 / 0.7 } else { 0.0 };
                assert!((precision[i * 4 + j + 2] - expected).abs() < 1e-9, "{}", ipf.count());
            }
        }
    }
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let one = Gaussian::standard(1);
    let wrong = GaussianIpf::new(one.clone(), Gaussian::standard(2), 1.0);
    assert!(matches!(wrong, Err(BridgeError::Dimensions { source_dim: 1, target_dim: 2 })));
    for variance in [0.0, -1.0, f64::NAN] {
        let wrong = GaussianIpf::new(one.clone(), one.clone(), variance);
        assert!(matches!(wrong, Err(BridgeError::Variance { .. })));
    }
}
