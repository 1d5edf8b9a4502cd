//! Precision, recall, density, coverage and memorisation against slow definitions.

use transport_core::Noise;
use transport_ot::discrepancy::{Manifold, nearest_others, neighbour_ratios};

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Radii from sorted distances, the row itself being the nearest.
#[test]
fn balls_are_the_definitions() {
    let (d, k) = (3, 3);
    let y = Noise::new(1, 50).normal_values(d);
    let x: Vec<f64> = Noise::new(2, 70).normal_values(d).iter().map(|v| 1.6 * v).collect();
    let radius = |c: &[f64]| {
        let mut all: Vec<f64> = y.chunks(d).map(|o| distance(c, o)).collect();
        all.sort_by(f64::total_cmp);
        all[k]
    };
    let radii: Vec<f64> = y.chunks(d).map(radius).collect();
    let holds = |j: usize, p: &[f64]| distance(&y[j * d..(j + 1) * d], p) <= radii[j];
    let manifold = Manifold::new::<3>(&y, d);
    let counts: Vec<usize> =
        x.chunks(d).map(|p| (0..50).filter(|j| holds(*j, p)).count()).collect();
    let contains: Vec<f64> = counts.iter().map(|c| f64::from(u8::from(*c > 0))).collect();
    let density: Vec<f64> = counts.iter().map(|c| *c as f64 / 3.0).collect();
    let covered: Vec<f64> =
        (0..50).map(|j| f64::from(u8::from(x.chunks(d).any(|p| holds(j, p))))).collect();
    assert_eq!(manifold.contains(&x), contains);
    assert_eq!(manifold.density(&x, k), density);
    assert_eq!(manifold.covered(&x), covered);
    // Not all in, not all out: the comparison means something.
    assert!((0.2..0.95).contains(&mean(&contains)) && (0.2..0.95).contains(&mean(&covered)));
}

/// Data with two modes, samples of one of them: all precise, half recalled, half covered.
#[test]
fn a_lost_mode_halves_recall_and_coverage() {
    let near = Noise::new(3, 200).normal_values(2);
    let far: Vec<f64> = Noise::new(4, 200).normal_values(2).iter().map(|v| v + 50.0).collect();
    let data = [&near[..], &far].concat();
    let samples = Noise::new(5, 400).normal_values(2);
    let precision = mean(&Manifold::new::<3>(&data, 2).contains(&samples));
    let recall = mean(&Manifold::new::<3>(&samples, 2).contains(&data));
    let coverage = mean(&Manifold::new::<5>(&data, 2).covered(&samples));
    assert!(precision > 0.9, "precision {precision}");
    assert!((0.4..=0.5).contains(&recall), "recall {recall}");
    assert!((0.4..=0.5).contains(&coverage), "coverage {coverage}");
}

#[test]
fn copies_are_memorised_and_fresh_draws_are_not() {
    let d = 4;
    let training = Noise::new(6, 300).normal_values(d);
    let copies: Vec<f64> = training[..100 * d].iter().map(|v| v + 1e-6).collect();
    let fresh = Noise::new(7, 100).normal_values(d);
    let share = |x: &[f64]| {
        mean(
            &neighbour_ratios(x, &training, d)
                .iter()
                .map(|r| f64::from(u8::from(*r < 1.0 / 3.0)))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(share(&copies), 1.0);
    // (1/3)⁴ = 1.2 % where the density is flat over both distances.
    assert!(share(&fresh) < 0.06, "{}", share(&fresh));
    // By hand: to 0 and 3 from 1, and a copy of a row that stands there twice.
    assert_eq!(neighbour_ratios(&[1.0, 5.0], &[0.0, 3.0, 5.0, 5.0], 1), [0.5, 0.0]);
    assert_eq!(nearest_others(&[1.0, 4.0, 1.0, 6.0], 1), [0.0, 2.0, 0.0, 2.0]);
}
