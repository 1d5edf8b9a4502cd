//! The bridge of mixture potentials: its drift carries each start to its own conditional law.

use transport_core::device::{Space, select, to_host};
use transport_core::law::Gaussian;
use transport_core::linalg::mean_and_covariance;
use transport_core::{Interval, Noise, Times};
use transport_sde::bridge::{BridgeError, GaussianBridge, MixtureBridge, conditional_uvp};
use transport_sde::{Grid, Sde, SdeFlow, Solver};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

fn planar() -> MixtureBridge {
    let shifts = vec![1.5, 0.0, -1.0, 1.0, 0.0, -1.5];
    let scales = vec![0.3, 0.6, 0.5, 0.2, 1.2, 0.4];
    MixtureBridge::new(0.5, &[0.2, 0.5, 0.3], shifts, scales).unwrap()
}

/// One component is a Gaussian bridge: from N(0, I) with S and r, the target is
/// N(r, S² + ε S), and both give the same drift.
#[test]
fn one_component_is_the_gaussian_bridge() {
    let (r, s, epsilon) = (vec![0.7, -0.4], vec![0.8, 1.7], 0.6);
    let bridge = MixtureBridge::new(epsilon, &[3.0], r.clone(), s.clone()).unwrap();
    let variance = |s: f64| s * s + epsilon * s;
    let target = Gaussian::new(r, vec![variance(s[0]), 0.0, 0.0, variance(s[1])]).unwrap();
    let exact = GaussianBridge::new(Gaussian::standard(2), target, epsilon).unwrap();
    let x = Noise::new(2, 9).normal(2, &space());
    for t in [0.0, 0.3, 0.8, 1.0] {
        let gap = bridge.drift(x.clone(), Times::Same(t)) - exact.drift(x.clone(), Times::Same(t));
        assert!(to_host(gap).iter().all(|v| v.abs() < 1e-11), "t = {t}");
    }
}

/// 40,000 paths from one point, 200 steps: mean and variance of the end within 5 standard errors
/// and the bias of the steps of what the plan says.
#[test]
fn the_drift_realises_the_plan() {
    let (bridge, n) = (planar(), 40_000);
    let x = [0.4, -0.7];
    let start = space().tensor(x.repeat(n), [n, 2]);
    let grid = Grid::uniform(Interval::UNIT, 200).unwrap();
    let flow = SdeFlow { sde: bridge.clone(), grid, solver: Solver::EulerMaruyama };
    let end = to_host(flow.solve(start, &Noise::new(3, n)).unwrap());
    let (mean, cov) = mean_and_covariance(&end, 2);
    let (expected, spread) = bridge.moments_given(&x);
    for i in 0..2 {
        let error = (spread[i * 2 + i] / n as f64).sqrt();
        assert!((mean[i] - expected[i]).abs() < 5.0 * error + 0.01, "{mean:?} {expected:?}");
    }
    for k in 0..4 {
        assert!((cov[k] - spread[k]).abs() < 0.04, "{cov:?} {spread:?}");
    }
    let noise = Noise::new(4, n);
    let mut drawn = vec![0.0; 2 * n];
    for (i, out) in drawn.chunks_exact_mut(2).enumerate() {
        bridge.draw_given(&x, &mut noise.stream(i), out);
    }
    let (mean, cov) = mean_and_covariance(&drawn, 2);
    for i in 0..2 {
        let error = (spread[i * 2 + i] / n as f64).sqrt();
        assert!((mean[i] - expected[i]).abs() < 5.0 * error);
        assert!((cov[i * 2 + i] / spread[i * 2 + i] - 1.0).abs() < 0.05);
    }
}

#[test]
fn the_unexplained_variance_is_zero_for_the_truth_alone() {
    let (bridge, starts) = (planar(), Noise::new(6, 50).normal_values(2));
    assert!(conditional_uvp(&bridge, &bridge, &starts, 2.0).abs() < 1e-9);
    let scales = vec![0.3, 0.6, 0.5, 0.2, 1.2, 0.4];
    let shifted = vec![1.6, 0.0, -1.0, 1.0, 0.0, -1.5];
    let other = MixtureBridge::new(0.5, &[0.2, 0.5, 0.3], shifted, scales).unwrap();
    assert!(conditional_uvp(&other, &bridge, &starts, 2.0) > 0.05);
}

#[test]
fn parameters_out_of_range_are_said() {
    let bad = |epsilon: f64, w: f64, s: f64| MixtureBridge::new(epsilon, &[w], vec![0.0], vec![s]);
    assert!(matches!(bad(0.0, 1.0, 1.0), Err(BridgeError::Variance { .. })));
    assert!(matches!(bad(1.0, 0.0, 1.0), Err(BridgeError::Law(_))));
    assert!(matches!(bad(1.0, 1.0, -1.0), Err(BridgeError::Variance { .. })));
    let ragged = MixtureBridge::new(1.0, &[1.0, 1.0], vec![0.0; 3], vec![1.0; 3]);
    assert!(matches!(ragged, Err(BridgeError::Law(_))));
}
