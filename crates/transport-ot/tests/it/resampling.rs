//! Bootstrap intervals: errors, coverage, and that weights mean what they say.

use crate::waves;
use transport_core::Noise;
use transport_ot::discrepancy::{Energy, LANES, Mean, Mmd, Redraw, Sliced, Statistic, bootstrap};
use transport_ot::{energy_distance, sliced_w2};

/// `s/√n`, which 400 replicates give within 1/√800 = 3.5 % (five of those allowed).
#[test]
fn a_mean_has_its_standard_error() {
    let values = Noise::new(1, 500).normal_values(1);
    let mean = values.iter().sum::<f64>() / 500.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 499.0;
    let exact = (variance / 500.0).sqrt();
    let estimate = bootstrap(&Mean(values), Redraw::First, 400, &Noise::new(0, 1));
    assert!((estimate.value - mean).abs() < 1e-14);
    assert!((estimate.error / exact - 1.0).abs() < 0.18, "{estimate:?} against {exact}");
    let width = (estimate.high - estimate.low) / (2.0 * 1.96 * exact);
    assert!((0.8..1.2).contains(&width), "{width}");
}

/// A count of 2 is a row twice, but its copies are no pair.
#[test]
fn weights_are_counts_of_rows() {
    let (x, y) = waves();
    let counts = |n: usize| (0..n).map(|i| ((i * 5) % 3) as f64).collect::<Vec<_>>();
    let (a, b) = (counts(40), counts(30));
    let lanes = |w: &[f64]| w.iter().map(|w| [*w; LANES]).collect::<Vec<_>>();
    let row = |s: &[f64], i: usize| s[i * 5..(i + 1) * 5].to_vec();
    let distance = |p: &[f64], q: &[f64]| -> f64 {
        p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>()
    };
    // The definitions, pair by pair.
    let mean = |s: &[f64], w: &[f64], t: &[f64], v: &[f64], same: bool, f: &dyn Fn(f64) -> f64| {
        let (mut sum, mut total) = (0.0, 0.0);
        for (i, wi) in w.iter().enumerate() {
            for (j, vj) in v.iter().enumerate().filter(|(j, _)| !(same && i == *j)) {
                sum += wi * vj * f(distance(&row(s, i), &row(t, j)));
                total += wi * vj;
            }
        }
        sum / total
    };
    let triple = |f: &dyn Fn(f64) -> f64| {
        (
            mean(&x, &a, &y, &b, false, f),
            mean(&x, &a, &x, &a, true, f),
            mean(&y, &b, &y, &b, true, f),
        )
    };
    let (xy, xx, yy) = triple(&f64::sqrt);
    let got = Energy::new(&x, &y, 5).at(&lanes(&a), &lanes(&b));
    assert!(got.iter().all(|v| (v - (2.0 * xy - xx - yy)).abs() < 1e-12), "{got:?}");
    let (xy, xx, yy) = triple(&|s| (-s / (2.0 * 2.25)).exp());
    let got = Mmd::new(&x, &y, 5, 1.5).at(&lanes(&a), &lanes(&b));
    assert!(got.iter().all(|v| (v - (xx + yy - 2.0 * xy)).abs() < 1e-12), "{got:?}");
    // Sorted quantiles know repeated rows only.
    let repeat = |s: &[f64], w: &[f64]| -> Vec<f64> {
        (0..w.len()).flat_map(|i| row(s, i).repeat(w[i] as usize)).collect()
    };
    let noise = Noise::new(3, 1);
    let got = Sliced::new(&x, &y, 5, 20, &noise).at(&lanes(&a), &lanes(&b));
    let expected = sliced_w2(&repeat(&x, &a), &repeat(&y, &b), 5, 20, &noise);
    assert!(got.iter().all(|v| (v - expected).abs() < 1e-12), "{got:?} against {expected}");
    let ones = (vec![[1.0; LANES]; 40], vec![[1.0; LANES]; 30]);
    assert!(
        (Energy::new(&x, &y, 5).at(&ones.0, &ones.1)[0] - energy_distance(&x, &y, 5)).abs() < 1e-14
    );
}

/// The 95 % interval of the energy distance of N(0, 1) and N(1, 1) holds the exact value (see
/// `energy_distance_of_gaussians`) in 120 experiments: 114 expected, fewer than 100 once in 10⁵
/// for the nominal level. Half of the interval does not.
#[test]
fn intervals_cover() {
    let root = (2.0f64).sqrt() * (2.0 / std::f64::consts::PI).sqrt();
    let exact = 2.0 * (root * (-0.25f64).exp() + 0.520_499_877_8) - 2.0 * root;
    let (mut held, mut held_by_half) = (0, 0);
    for seed in 0..120 {
        let noise = Noise::new(seed, 80);
        let x = noise.normal_values(1);
        let y: Vec<f64> = noise.purpose("y").normal_values(1).iter().map(|v| v + 1.0).collect();
        let e = bootstrap(&Energy::new(&x, &y, 1), Redraw::Both, 200, &noise);
        held += usize::from(e.low <= exact && exact <= e.high);
        let off = (exact - e.value).abs();
        held_by_half += usize::from(off <= 0.25 * (e.high - e.low));
    }
    assert!(held >= 100, "{held} of 120");
    assert!(held_by_half < 100, "{held_by_half} of 120");
}

#[test]
fn threads_change_no_bit() {
    let (x, y) = waves();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let noise = Noise::new(1, 1);
        pool.install(|| bootstrap(&Energy::new(&x, &y, 5), Redraw::Both, 50, &noise))
    };
    assert_eq!(run(1), run(3));
    let more = bootstrap(&Energy::new(&x, &y, 5), Redraw::Second, 50, &Noise::new(1, 1));
    assert!(more.error < run(1).error, "one sample moves less than two");
}
