//! The maximum mean discrepancy: values, level and power of its test.

use crate::waves;
use transport_core::Noise;
use transport_ot::discrepancy::{median_distance, mmd, mmd_test};

/// By NumPy 2.4.6, from the definition.
#[test]
fn agrees_with_the_definition() {
    let (x, y) = waves();
    assert!((mmd(&x, &y, 5, 1.5) - 0.158_220_422_278_349_37).abs() < 1e-14);
}

/// `MMD² = 2 (h²/(h² + 2))^{d/2} (1 − exp(−|μ|²/2(h² + 2)))` between N(0, I) and N(μ, I), by
/// Gaussian integrals; 3000 rows leave a standard error of about 0.004.
#[test]
fn gaussians_have_a_closed_form() {
    let (d, h) = (2, 1.3f64);
    let draw = |seed: u64| Noise::new(seed, 3000).normal_values(d);
    let shifted: Vec<f64> = draw(2).iter().map(|v| v + 0.5).collect();
    let wide = h * h + 2.0;
    let exact = 2.0 * (h * h / wide) * (1.0 - (-0.5 / (2.0 * wide)).exp());
    let got = mmd(&draw(1), &shifted, d, h);
    assert!((got - exact).abs() < 0.012, "{got} against {exact}");
    assert!(mmd(&draw(1), &draw(3), d, h).abs() < 2e-3);
}

#[test]
fn the_bandwidth_is_the_median_distance() {
    // Distances of 0, 3, 4, 10: 1, 3, 4, 6, 7, 10; the upper of the two middle ones.
    assert_eq!(median_distance(&[0.0, 3.0, 4.0, 10.0], 1), 6.0);
    assert_eq!(median_distance(&[2.0, 2.0, 2.0], 1), 1.0);
}

/// The test's tiles give the statistic, for sizes that fill no tile.
#[test]
fn the_test_reports_the_statistic() {
    let x = Noise::new(1, 151).normal_values(3);
    let y: Vec<f64> = Noise::new(2, 87).normal_values(3).iter().map(|v| 1.2 * v).collect();
    let h = median_distance(&[&x[..], &y].concat(), 3);
    let result = mmd_test(&x, &y, 3, None, 19, &Noise::new(0, 1));
    assert!((result.statistic - mmd(&x, &y, 3, h)).abs() < 1e-7, "{result:?}");
}

/// Rejections at α = 0.05 of 300 true hypotheses: 15 expected, more than 30 once in 10⁴ seeds (a
/// binomial tail); p-values of equal laws have mean ½ (± 0.085 at five standard errors).
#[test]
fn the_level_holds() {
    let p_values: Vec<f64> = (0..300)
        .map(|seed| {
            let noise = Noise::new(seed, 24);
            let (x, y) = (noise.normal_values(2), noise.purpose("y").normal_values(2));
            mmd_test(&x, &y[..32], 2, None, 99, &noise).p_value
        })
        .collect();
    let rejected = p_values.iter().filter(|p| **p <= 0.05).count();
    assert!(rejected <= 30, "{rejected} of 300");
    let mean = p_values.iter().sum::<f64>() / 300.0;
    assert!((mean - 0.5).abs() < 0.085, "{mean}");
}

/// A rotated law with the same marginal variances, and a wider one, are told apart.
#[test]
fn the_power_is_there() {
    let x = Noise::new(5, 200).normal_values(2);
    let z = Noise::new(6, 200).normal_values(2);
    let correlated: Vec<f64> = z.chunks(2).flat_map(|r| [r[0], 0.8 * r[0] + 0.6 * r[1]]).collect();
    let wider: Vec<f64> = z.iter().map(|v| 1.5 * v).collect();
    for other in [&correlated, &wider] {
        let result = mmd_test(&x, other, 2, None, 199, &Noise::new(0, 1));
        assert_eq!(result.p_value, 1.0 / 200.0, "{result:?}");
    }
    assert!(mmd_test(&x, &z, 2, None, 199, &Noise::new(0, 1)).p_value > 0.01);
}

/// α = 0.01 at 10⁴ against 10⁴ rows: a shift of 0.08 in one of two coordinates is seen, none is
/// not. Run with `cargo test --release -p transport-ot --test it -- --ignored --nocapture`.
#[test]
#[ignore = "slow"]
fn ten_thousand_rows() {
    let started = std::time::Instant::now();
    let draw = |seed: u64| Noise::new(seed, 10_000).normal_values(2);
    let (x, y) = (draw(1), draw(2));
    let same = mmd_test(&x, &y, 2, None, 199, &Noise::new(0, 1));
    println!("{same:?} in {:.1} s", started.elapsed().as_secs_f64());
    let shifted: Vec<f64> = y.chunks(2).flat_map(|r| [r[0] + 0.08, r[1]]).collect();
    let moved = mmd_test(&x, &shifted, 2, None, 199, &Noise::new(0, 1));
    assert!(same.p_value > 0.01 && moved.p_value <= 0.01, "{same:?}, {moved:?}");
}
