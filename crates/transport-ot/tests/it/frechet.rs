//! The Fréchet distance against SciPy, closed forms and repeated rows.

use crate::waves;
use transport_core::Noise;
use transport_ot::discrepancy::{Frechet, LANES, Statistic};
use transport_ot::frechet_distance;

/// By `scipy.linalg.sqrtm` (SciPy 1.17.1) of the product of `numpy.cov`s.
#[test]
fn agrees_with_scipy() {
    let (x, y) = waves();
    assert!((frechet_distance(&x, &y, 5) - 2.966_136_463_998_506).abs() < 1e-11);
    assert!((frechet_distance(&y, &x, 5) - 2.966_136_463_998_506).abs() < 1e-11);
    assert!(frechet_distance(&x, &x, 5) < 1e-12);
}

/// `y = a x + b` has `Σ_y = a² Σ_x`: `FD = |m_x − m_y|² + (a − 1)² tr Σ_x`, also where coordinates
/// are constant, repeated or sums of others.
#[test]
fn a_scaled_sample_has_its_closed_form_whatever_the_rank() {
    let (n, d) = (60, 6);
    let full = Noise::new(3, n).normal_values(d);
    let singular: Vec<f64> =
        full.chunks(d).flat_map(|r| [r[0], r[0], 2.5, r[1] - r[0], r[1], r[2]]).collect();
    for (x, tolerance) in [(full, 1e-11), (singular, 1e-6)] {
        let y: Vec<f64> = x.iter().map(|v| 1.7 * v + 0.4).collect();
        let mean = |j: usize| x.iter().skip(j).step_by(d).sum::<f64>() / n as f64;
        let shift: f64 = (0..d).map(|j| (0.7 * mean(j) + 0.4).powi(2)).sum();
        let centred = |k: usize| x[k] - mean(k % d);
        let trace = (0..n * d).map(|k| centred(k).powi(2)).sum::<f64>() / (n - 1) as f64;
        let got = frechet_distance(&x, &y, d);
        let expected = shift + 0.49 * trace;
        assert!((got - expected).abs() < tolerance, "{got} against {expected}");
    }
}

/// Two rows span one direction: variances 8 and 2 along (1, 1), the same mean.
#[test]
fn two_rows_are_enough() {
    let x = [-1.0, -1.0, 1.0, 1.0];
    let y = [-0.5, -0.5, 0.5, 0.5];
    // tr Σ = 4 and 1, and the root of the product has trace 2.
    assert!((frechet_distance(&x, &y, 2) - 1.0).abs() < 1e-9);
}

#[test]
fn weights_are_repeated_rows() {
    let (x, y) = waves();
    let frechet = Frechet::new(&x, &y, 5);
    let counts = |n: usize| (0..n).map(|i| [((i * 7) % 3) as f64; LANES]).collect::<Vec<_>>();
    let (a, b) = (counts(40), counts(30));
    let repeat = |s: &[f64]| -> Vec<f64> {
        let rows = s.chunks(5).enumerate();
        rows.flat_map(|(i, row)| row.repeat((i * 7) % 3)).collect()
    };
    let expected = frechet_distance(&repeat(&x), &repeat(&y), 5);
    for got in frechet.at(&a, &b) {
        assert!((got - expected).abs() < 1e-10, "{got} against {expected}");
    }
}
