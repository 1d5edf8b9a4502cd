//! Unbalanced pairs: strays are left out, growth is followed, and a high price balances.

use std::sync::Arc;
use transport_core::device::select;
use transport_core::law::Gaussian;
use transport_core::{Noise, Space};
use transport_data::Table;
use transport_ot::{Coupling, OtError, Unbalanced, cost::Euclidean, weights::uniform};
use transport_train::bridge::{
    FitConfig, Method, Pairs, SnapshotError, Snapshots, Source, fit, unbalanced_pairs,
};

/// Two clusters at −1 and 1 with `shares` of the rows, and what else is given.
fn clusters(n: usize, share: f64, strays: &[f64], seed: u64) -> Vec<f64> {
    let noise = Noise::new(seed, n).normal_values(1);
    let right = (share * n as f64) as usize;
    let row = |(i, z): (usize, &f64)| if i < right { 1.0 + 0.1 * z } else { -1.0 + 0.1 * z };
    let mut points: Vec<f64> = noise.iter().enumerate().map(row).collect();
    points.iter_mut().zip(strays).for_each(|(point, stray)| *point = *stray);
    points
}

fn share(pairs: &[(usize, usize)], holds: impl Fn(&(usize, usize)) -> bool) -> f64 {
    pairs.iter().filter(|p| holds(p)).count() as f64 / pairs.len() as f64
}

/// Ten of a hundred ends lie at 30, where nothing comes from: at ρ = 1 no start goes there, while
/// balanced pairs send a tenth.
#[test]
fn strays_are_left_out() {
    let (x, y) = (clusters(100, 0.5, &[], 1), clusters(100, 0.5, &[30.0; 10], 2));
    let noise = Noise::new(3, 100);
    let far = |rho: f64| {
        let pairs = unbalanced_pairs(&x, &y, 1, 0.1, rho, &noise).unwrap();
        share(&pairs, |(_, j)| *j < 10)
    };
    assert_eq!(far(1.0), 0.0);
    // Three standard errors of a share of 0.1 are 0.09.
    assert!((far(1e6) - 0.1).abs() < 0.09, "{}", far(1e6));
}

/// The cluster on the right grows from a fifth to four fifths: at a low price pairs stay within their
/// clusters and starts on the right are drawn more often; at a high one most starts on the left cross.
#[test]
fn growth_is_followed() {
    let (n, noise) = (400, Noise::new(5, 400));
    let (x, y) = (clusters(n, 0.2, &[], 1), clusters(n, 0.8, &[], 2));
    let crossing = |rho: f64| {
        let pairs = unbalanced_pairs(&x, &y, 1, 0.1, rho, &noise).unwrap();
        let right = share(&pairs, |(i, _)| x[*i] > 0.0);
        (share(&pairs, |(i, j)| x[*i] * y[*j] < 0.0), right)
    };
    let ((low, grown), (high, held)) = (crossing(0.5), crossing(1e6));
    assert!(low < 0.02 && grown > 0.4, "{low} cross, {grown} start on the right");
    assert!((high - 0.6).abs() < 0.08 && (held - 0.2).abs() < 0.07, "{high} cross, {held}");
}

/// Pairs are drawn in proportion to the plan: row shares of 20,000 draws within five standard errors.
#[test]
fn pairs_follow_the_plan() {
    let (x, y) = (vec![0.0, 1.0, 3.0], vec![0.2, 2.0, 2.5]);
    let mut counts = [0.0; 9];
    for step in 0..7000u64 {
        let pairs = unbalanced_pairs(&x, &y, 1, 0.5, 1.0, &Noise::new(1, 3).at_step(step)).unwrap();
        pairs.iter().for_each(|(i, j)| counts[3 * i + j] += 1.0);
    }
    let cost = Euclidean::squared(&x, &y, 1).unwrap();
    let solver = Unbalanced { sinkhorn: transport_ot::Sinkhorn::new(0.5), rho: [1.0; 2] };
    let plan = solver.solve(&cost, &uniform(3), &uniform(3)).unwrap().converged().unwrap();
    let plan = plan.dense(&cost);
    let total: f64 = plan.iter().sum();
    for (count, mass) in counts.iter().zip(&plan) {
        let expected = mass / total;
        let error = (expected * (1.0 - expected) / 21_000.0).sqrt();
        assert!((count / 21_000.0 - expected).abs() < 5.0 * error + 1e-3, "{counts:?} {plan:?}");
    }
}

#[test]
fn prices_out_of_range_are_said() {
    let points = [0.0, 1.0];
    let pairs = |epsilon: f64, rho: f64| {
        unbalanced_pairs(&points, &points, 1, epsilon, rho, &Noise::new(0, 2))
    };
    let wrong: [Result<_, OtError>; 3] = [pairs(0.0, 1.0), pairs(0.1, 0.0), pairs(0.1, f64::NAN)];
    assert!(wrong.iter().all(Result::is_err));
    // Mass that is cheaper to lose than to carry: none is left to draw pairs from.
    let far = unbalanced_pairs(&points, &[1e6, 2e6], 1, 0.1, 1e-3, &Noise::new(0, 2));
    assert!(matches!(far, Err(OtError::Parameter { name: "rho", .. })), "{far:?}");
}

/// Training through snapshots that nothing can be carried between says so, not that its loss is NaN;
/// and times a rounding apart are one.
#[test]
fn why_a_batch_has_no_pairs_is_said() {
    let at = |x: f64| Table::from_rows_unnamed(1, vec![x, x + 0.01, x + 0.02]).unwrap();
    let snapshots = [(0.0, at(0.0)), (1.0, at(9.0))];
    let space = Space::f32(&select(None).unwrap());
    let fitted = |rho: f64| {
        let config = FitConfig {
            pairs: Some(Pairs::Unbalanced),
            sigma: 0.01,
            rho,
            steps: 3,
            width: 8,
            depth: 1,
            ..FitConfig::new(Method::Sf2m)
        };
        fit(&config, &snapshots, &space, &mut |_| false)
    };
    let error = fitted(1e-9).unwrap_err().to_string();
    assert!(error.contains("rho") && !error.contains("--lr"), "{error}");
    let carried = fitted(1e3).unwrap().carry(&at(0.0), 0.3, &[0.3, 0.3 + 1e-16, 0.4], 0).unwrap();
    assert_eq!(carried.len(), 3);

    let laws = |n: usize| vec![Source::Law(Arc::new(Gaussian::standard(1))); n];
    let refuse = |times: &[f64], n: usize| {
        Snapshots::new(times, laws(n), Coupling::Independent, 0.0).unwrap_err()
    };
    assert_eq!(refuse(&[0.0, 1.0, 2.0], 2), SnapshotError::Counts { times: 3, laws: 2 });
    assert!(matches!(refuse(&[f64::NEG_INFINITY, 0.0], 2), SnapshotError::Order { .. }));
}
