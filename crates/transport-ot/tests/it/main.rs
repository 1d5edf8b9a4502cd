//! Discrepancies against closed forms and against slower definitions.

mod exact;
mod frechet;
mod kernels;
mod manifolds;
mod pot;
mod relaxed;
mod resampling;
mod shapes;
mod sinkhorn;

use proptest::prelude::*;
use transport_core::Noise;
use transport_ot::{energy_distance, line::w2_squared, sliced_w2};

proptest! {
    /// Against the definition with both samples repeated to a common length.
    #[test]
    fn w2_on_the_line_is_the_sorted_coupling(
        mut x in prop::collection::vec(-5.0..5.0f64, 1..9),
        mut y in prop::collection::vec(-5.0..5.0f64, 1..9),
    ) {
        x.sort_by(f64::total_cmp);
        y.sort_by(f64::total_cmp);
        let repeat = |s: &[f64], k: usize| -> Vec<f64> {
            s.iter().flat_map(|v| std::iter::repeat_n(*v, k)).collect()
        };
        let (a, b) = (repeat(&x, y.len()), repeat(&y, x.len()));
        let slow = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64;
        prop_assert!((w2_squared(&x, &y) - slow).abs() < 1e-10);
        prop_assert!(w2_squared(&x, &x) < 1e-12);
    }
}

/// Two points against two: 2·mean|x − y| − |x₁ − x₂| − |y₁ − y₂|, by hand.
#[test]
fn energy_distance_by_hand() {
    let (x, y) = ([0.0, 1.0], [3.0, 5.0]);
    assert!((energy_distance(&x, &y, 1) - (2.0 * 3.5 - 1.0 - 2.0)).abs() < 1e-12);
}

/// Equal laws average to zero, shifted Gaussians to their closed form. For N(0, 1) against
/// N(μ, 1): 2 E|N(μ, 2)| − 2 E|N(0, 2)|, E|N(μ, s²)| = s√(2/π) e^{−μ²/2s²} + μ erf(μ/(s√2)).
/// erf(½) = 0.520 499 877 8 (Abramowitz & Stegun, table 7.1).
#[test]
fn energy_distance_of_gaussians() {
    let draw = |seed: u64| Noise::new(seed, 3000).normal_values(1);
    assert!(energy_distance(&draw(1), &draw(2), 1).abs() < 3e-3);
    let shifted: Vec<f64> = draw(3).iter().map(|v| v + 1.0).collect();
    let s = 2f64.sqrt();
    let root = s * (2.0 / std::f64::consts::PI).sqrt();
    let exact = 2.0 * (root * (-0.25f64).exp() + 0.520_499_877_8) - 2.0 * root;
    let got = energy_distance(&draw(1), &shifted, 1);
    assert!((got - exact).abs() < 0.05, "{got} against {exact}");
}

/// A shift by a vector v moves every projection by ⟨θ, v⟩, so SW₂ = |v|/√d; 0.1 is 3.4 standard
/// errors of 2,000 directions.
#[test]
fn sliced_w2_of_a_shift() {
    let (d, n) = (3, 200);
    let x = Noise::new(4, n).normal_values(d);
    let y: Vec<f64> = x.chunks(d).flat_map(|r| [r[0] + 3.0, r[1], r[2] + 4.0]).collect();
    let got = sliced_w2(&x, &y, d, 2000, &Noise::new(0, 1));
    assert!((got - 5.0 / 3f64.sqrt()).abs() < 0.1, "{got}");
    assert_eq!(got, sliced_w2(&x, &y, d, 2000, &Noise::new(0, 1)));
    assert!(sliced_w2(&x, &x, d, 50, &Noise::new(0, 1)) < 1e-9);
}

#[test]
#[should_panic(expected = "rows of 2")]
fn partial_rows_are_a_programmers_fault() {
    let _ = energy_distance(&[0.0; 5], &[0.0; 4], 2);
}

/// `xᵢₖ = sin(1.3 i + 2.1 k + 0.4 i k)` and `yᵢₖ = ½ + (1 + 0.3 k) cos(0.7 i + 0.407 i k)`: two
/// samples that other programs can make too.
fn waves() -> (Vec<f64>, Vec<f64>) {
    let grid = |n: u32| (0..n).flat_map(|i| (0..5).map(move |k| (f64::from(i), f64::from(k))));
    let x = grid(40).map(|(i, k)| (1.3 * i + 2.1 * k + 0.4 * i * k).sin()).collect();
    let y = grid(30).map(|(i, k)| 0.5 + (0.7 * i + 1.1 * k * i * 0.37).cos() * (1.0 + 0.3 * k));
    (x, y.collect())
}
