//! Power-function averages against direct sums over a known trajectory, in f64.

use transport_core::testkit::max_or_nan;
use transport_train::power_average::{
    Fit, PowerAverages, Profile, WIDTHS, exponent, fit, relative_width, widest,
};
use transport_train::weights::{Array, Weights};

/// A trajectory without pattern on any one scale: drift, oscillation, noise that decays.
fn theta(step: u64) -> [f64; 2] {
    let t = step as f64;
    [(t / 150.0).sin() + 40.0 / (t + 20.0), (0.37 * t).cos() / (1.0 + t / 100.0) + t / 500.0]
}

fn weights(step: u64) -> Weights {
    let values = theta(step).map(|v| v as f32).to_vec();
    Weights([("w".to_owned(), Array { shape: vec![2], values })].into())
}

/// `Σ_τ p(τ) θ(τ)` with the profile's integral over `[τ − 1, τ]`: what the recursion computes.
fn direct(width: f64, step: u64) -> [f64; 2] {
    let power = |t: u64| (t as f64 / step as f64).powf(exponent(width) + 1.0);
    let mut sum = [0.0; 2];
    for tau in 1..=step {
        let weight = power(tau) - power(tau - 1);
        (0..2).for_each(|k| sum[k] += weight * theta(tau)[k]);
    }
    sum
}

const STEPS: u64 = 1000;

fn followed(every: u64) -> PowerAverages {
    let mut averages = PowerAverages::new(&weights(0), every);
    (1..=STEPS).for_each(|step| averages.follow(&weights(step), step));
    averages
}

/// The pairs that the paper states, §3.1: σ_rel 0.05 and 0.10 are γ = 16.97 and 6.94.
#[test]
fn widths_and_exponents_are_the_published_pairs() {
    for (width, gamma) in [(0.05, 16.97), (0.10, 6.94)] {
        assert!((exponent(width) - gamma).abs() < 0.005, "{}", exponent(width));
        assert!((relative_width(exponent(width)) - width).abs() < 1e-12);
    }
    assert!((widest() - 1.0 / 12f64.sqrt()).abs() < 1e-15);
}

/// The widths that are kept up, at the end: f32 sums against the direct ones.
#[test]
fn running_averages_are_the_direct_sums() {
    let averages = followed(100);
    for width in WIDTHS {
        let (got, error) = averages.average(width, STEPS);
        assert!(error < 1e-5, "{error}");
        for (got, expected) in got.0["w"].values.iter().zip(direct(width, STEPS)) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} against {expected}");
        }
    }
}

/// Widths that were not kept up: as far from the direct sum as the profile's error allows, and
/// nearer with more written down.
#[test]
fn other_widths_are_reconstructed() {
    let (many, few) = (followed(25), followed(250));
    for width in [0.04, 0.07, 0.15, 0.2] {
        let expected = direct(width, STEPS);
        let gap = |averages: &PowerAverages| {
            let (got, error) = averages.average(width, STEPS);
            let got = &got.0["w"].values;
            let gap = (0..2).map(|k| (f64::from(got[k]) - expected[k]).abs()).fold(0.0, max_or_nan);
            (gap, error)
        };
        let ((near, fine), (_, coarse)) = (gap(&many), gap(&few));
        assert!(near < 2e-3 && fine < 0.02, "{width}: {near}, profile {fine}");
        assert!(fine < coarse, "{width}: {fine} with many, {coarse} with few");
    }
}

/// Inner products against sums of the profiles on a fine grid.
#[test]
fn inner_products_are_integrals() {
    let p = Profile { t: 3.0, gamma: 2.5 };
    let q = Profile { t: 5.0, gamma: 7.0 };
    let value = |p: Profile, x: f64| match x <= p.t {
        true => (p.gamma + 1.0) * x.powf(p.gamma) / p.t.powf(p.gamma + 1.0),
        false => 0.0,
    };
    let h = 1e-4;
    let midpoints = (0..50_000).map(|k| (k as f64 + 0.5) * h);
    let sum: f64 = midpoints.map(|x| h * value(p, x) * value(q, x)).sum();
    assert!((p.product(q) - sum).abs() < 1e-7 && (q.product(p) - sum).abs() < 1e-7);
}

/// A profile that is among the given ones is given back; a wrong exponent is not.
#[test]
fn a_profile_fits_itself_and_no_other() {
    let given = [Profile { t: 50.0, gamma: 6.0 }, Profile { t: 100.0, gamma: 6.0 }];
    let Fit { weights, error } = fit(&given, given[1]);
    assert!(weights[0].abs() < 1e-6 && (weights[1] - 1.0).abs() < 1e-6 && error < 1e-5);
    assert!(fit(&given, Profile { t: 100.0, gamma: 1.0 }).error > 0.1);
}

#[test]
fn what_was_written_down_comes_back() {
    let whole = followed(100);
    let mut part = PowerAverages::new(&weights(0), 100);
    (1..=430).for_each(|step| part.follow(&weights(step), step));
    let mut resumed = PowerAverages::new(&weights(0), 100);
    resumed.restore(&part.state()).unwrap();
    (431..=STEPS).for_each(|step| resumed.follow(&weights(step), step));
    assert_eq!(resumed, whole);
    assert!(resumed.restore(&Weights::default()).is_err());
}
