//! The Gaussian bridge: published numbers, its own equations, and simulation.

use transport_core::device::{Space, select, to_host};
use transport_core::law::{Gaussian, Law};
use transport_core::linalg::mean_and_covariance;
use transport_core::{Field, Interval, Noise, ScoredField, Times};
use transport_sde::bridge::{BridgeError, GaussianBridge};
use transport_sde::{Grid, OdeFlow, Sde, SdeFlow, Solver};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

fn planar() -> GaussianBridge {
    let source = Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap();
    let target = Gaussian::new(vec![-2.0, 0.5], vec![0.5, -0.3, -0.3, 1.5]).unwrap();
    GaussianBridge::new(source, target, 0.7).unwrap()
}

/// N(0, 1) to N(1, 4) with variance ½: constants checked against a log-domain Sinkhorn on a grid of
/// 1201 × 1201 points.
#[test]
fn one_dimension_has_its_known_numbers() {
    let bridge = GaussianBridge::new(
        Gaussian::isotropic(vec![0.0], 1.0),
        Gaussian::isotropic(vec![1.0], 2.0),
        0.5,
    )
    .unwrap();
    assert!((bridge.cross_covariance()[0] - 1.765_564_437_074_637_3).abs() < 1e-12);
    assert!((bridge.divergence().unwrap() - 1.684_635_909_031_473_8).abs() < 1e-12);
    let variances = [
        (0.0, 1.0),
        (0.25, 1.568_336_663_902_989),
        (0.5, 2.257_782_218_537_318_6),
        (0.75, 3.068_336_663_902_989),
        (1.0, 4.0),
    ];
    for (t, variance) in variances {
        assert!((bridge.covariance(t)[0] - variance).abs() < 1e-12, "t = {t}");
    }
}

/// Equal isotropic ends at distance: the endpoint covariance is (√(1 + σ⁴/4) − σ²/2) and no more.
#[test]
fn equal_ends_have_the_golden_ratio() {
    let (a, b) = (Gaussian::isotropic(vec![-0.1; 5], 1.0), Gaussian::isotropic(vec![0.1; 5], 1.0));
    let bridge = GaussianBridge::new(a, b, 1.0).unwrap();
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    for (k, c) in bridge.cross_covariance().iter().enumerate() {
        let expected = if k / 5 == k % 5 { golden } else { 0.0 };
        assert!((c - expected).abs() < 1e-12);
    }
}

/// `∂_t μ` and `∂_t Σ` are what the velocity moves: Σ' = M Σ + Σ Mᵀ for v = m' + M (x − μ).
#[test]
fn the_velocity_moves_the_moments() {
    let bridge = planar();
    let s = space();
    for t in [0.1, 0.5, 0.9] {
        let mean = bridge.mean(t);
        let at = |x: Vec<f64>| to_host(bridge.eval(s.tensor(x, [1, 2]), Times::Same(t)));
        let base = at(mean.clone());
        let mut matrix = [0.0; 4];
        for j in 0..2 {
            let mut x = mean.clone();
            x[j] += 1.0;
            let moved = at(x);
            (0..2).for_each(|i| matrix[i * 2 + j] = moved[i] - base[i]);
        }
        let cov = bridge.covariance(t);
        let h = 1e-5;
        let (after, before) = (bridge.covariance(t + h), bridge.covariance(t - h));
        for i in 0..2 {
            for j in 0..2 {
                let lie: f64 = (0..2)
                    .map(|k| {
                        matrix[i * 2 + k] * cov[k * 2 + j] + cov[i * 2 + k] * matrix[j * 2 + k]
                    })
                    .sum();
                let slope = (after[i * 2 + j] - before[i * 2 + j]) / (2.0 * h);
                assert!((lie - slope).abs() < 1e-8, "t = {t}: {lie} {slope}");
            }
        }
    }
}

#[test]
fn drift_is_velocity_and_half_the_variance_of_score() {
    let (bridge, s) = (planar(), space());
    let x = Noise::new(1, 7).normal(2, &s);
    let times = [0.0, 0.2, 0.2, 0.5, 0.7, 0.9, 1.0];
    let t = Times::Each(&times);
    let (velocity, score) = bridge.velocity_and_score(x.clone(), t);
    let expected = velocity + score.mul_scalar(0.35);
    let gap = to_host(bridge.drift(x, t) - expected);
    assert!(gap.iter().all(|v| v.abs() < 1e-12));
}

/// 20,000 particles by the flow and by the SDE: both end in the target's moments, within 5 standard
/// errors (false alarm below 1e-5 for a random seed) and the bias of the steps; the SDE keeps the
/// endpoint covariance C.
#[test]
fn both_processes_end_in_the_target() {
    let (bridge, s) = (planar(), space());
    let n = 20_000;
    let noise = Noise::new(5, n);
    let start =
        Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap().sample(&noise, &s);
    let grid = Grid::uniform(Interval::UNIT, 100).unwrap();
    let ode = OdeFlow { field: &bridge, grid: grid.clone(), solver: Solver::Rk4 };
    let sde = SdeFlow { sde: bridge.clone(), grid, solver: Solver::EulerMaruyama };
    let ends = [
        to_host(ode.solve(start.clone()).unwrap()),
        to_host(sde.solve(start.clone(), &noise.purpose("path")).unwrap()),
    ];
    for end in &ends {
        let (mean, cov) = mean_and_covariance(end, 2);
        let target = bridge.covariance(1.0);
        for i in 0..2 {
            let error = (target[i * 2 + i] / n as f64).sqrt();
            assert!((mean[i] - bridge.mean(1.0)[i]).abs() < 5.0 * error + 0.01);
            let error = target[i * 2 + i] * (2.0 / n as f64).sqrt();
            assert!((cov[i * 2 + i] - target[i * 2 + i]).abs() < 5.0 * error + 0.02);
        }
    }
    let start = to_host(start);
    let joined: Vec<f64> = start
        .chunks_exact(2)
        .zip(ends[1].chunks_exact(2))
        .flat_map(|(a, b)| [a[0], a[1], b[0], b[1]])
        .collect();
    let (_, cov) = mean_and_covariance(&joined, 4);
    for i in 0..2 {
        for j in 0..2 {
            let expected = bridge.cross_covariance()[i * 2 + j];
            assert!((cov[i * 4 + 2 + j] - expected).abs() < 0.06, "{i} {j}");
        }
    }
}

#[test]
fn what_cannot_be_bridged_is_said() {
    let one = Gaussian::standard(1);
    let wrong = GaussianBridge::new(one.clone(), Gaussian::standard(2), 1.0);
    assert!(matches!(wrong, Err(BridgeError::Dimensions { source_dim: 1, target_dim: 2 })));
    for variance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let wrong = GaussianBridge::new(one.clone(), one.clone(), variance);
        assert!(matches!(wrong, Err(BridgeError::Variance { .. })));
    }
}
