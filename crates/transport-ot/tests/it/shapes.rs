//! Gaussians, barycentres and semidiscrete maps against closed forms.

use transport_core::Noise;
use transport_core::linalg::gram;
use transport_ot::barycentre::{Measure, Pace, debiased_support, fixed_support, free_support};
use transport_ot::gaussian::{Moments, bures_barycentre, bures_map, bures_w2_squared};
use transport_ot::semidiscrete::{Ascent, semidiscrete};
use transport_ot::weights::uniform;
use transport_ot::{OtError, Solved};

fn moments(seed: u64, d: usize) -> Moments {
    let covariance = gram(&Noise::new(seed, d).normal_values(d), d);
    Moments::new(Noise::new(seed + 100, 1).normal_values(d), covariance).unwrap()
}

/// The map pushes one covariance onto the other, M A M = B, and its cost is the distance:
/// |m − k|² + tr A + tr B − 2 tr(M A).
#[test]
fn the_gaussian_map_is_optimal() {
    let d = 5;
    let (a, b) = (moments(1, d), moments(2, d));
    let map = bures_map(&a, &b).unwrap();
    let times = |x: &[f64], y: &[f64]| -> Vec<f64> {
        let entry = |k: usize| (0..d).map(|l| x[k / d * d + l] * y[l * d + k % d]).sum();
        (0..d * d).map(entry).collect()
    };
    let ma = times(&map.matrix, a.covariance());
    let pushed = times(&ma, &map.matrix);
    assert!(pushed.iter().zip(b.covariance()).all(|(x, y)| (x - y).abs() < 1e-8));
    let trace = |x: &[f64]| (0..d).map(|i| x[i * d + i]).sum::<f64>();
    let means: f64 = a.mean().iter().zip(b.mean()).map(|(x, y)| (x - y).powi(2)).sum();
    let cost = means + trace(a.covariance()) + trace(b.covariance()) - 2.0 * trace(&ma);
    let distance = bures_w2_squared(&a, &b).unwrap();
    assert!((cost - distance).abs() < 1e-9 * distance);
    assert!((distance - bures_w2_squared(&b, &a).unwrap()).abs() < 1e-9 * distance);
    assert!(bures_w2_squared(&a, &a).unwrap() < 1e-9);
    assert_eq!(map.push(a.mean()), b.mean());
}

/// In one dimension standard deviations average; the barycentre of one law is that law; the
/// optimality condition Σ wₖ Mₖ = I holds in any dimension.
#[test]
fn gaussian_barycentres() {
    let line = |s: f64| Moments::new(vec![s], vec![s * s]).unwrap();
    let found = bures_barycentre(&[line(1.0), line(4.0)], &[2.0, 1.0], 1e-12, 100).unwrap();
    let found = found.converged().unwrap();
    assert!((found.moments.covariance()[0] - 4.0).abs() < 1e-10);
    assert!((found.value - (2.0 * 2.0 + 8.0) / 3.0).abs() < 1e-10, "{}", found.value);
    let laws = [moments(1, 3), moments(2, 3), moments(3, 3)];
    let w = [0.2, 0.5, 0.3];
    let mean = bures_barycentre(&laws, &w, 1e-13, 500).unwrap().converged().unwrap();
    let mut sum = vec![0.0; 9];
    for (law, w) in laws.iter().zip(&w) {
        let map = bures_map(&mean.moments, law).unwrap();
        sum.iter_mut().zip(&map.matrix).for_each(|(s, m)| *s += w * m);
    }
    for (k, s) in sum.iter().enumerate() {
        assert!((s - f64::from(u8::from(k / 3 == k % 3))).abs() < 1e-6, "{sum:?}");
    }
    assert!(matches!(bures_barycentre(&laws, &w, 1e-13, 2).unwrap(), Solved::Stopped(_)));
}

#[test]
fn bad_moments_are_refused() {
    let new = |c: &[f64]| Moments::new(vec![0.0, 0.0], c.to_vec());
    assert!(matches!(new(&[1.0, 2.0, 2.0, 1.0]), Err(OtError::Covariance { .. })));
    assert!(matches!(new(&[1.0, 0.5, 0.0, 1.0]), Err(OtError::Covariance { .. })));
    assert!(matches!(new(&[1.0; 3]), Err(OtError::Size { expected: 4, found: 3, .. })));
    assert!(matches!(new(&[1.0, f64::NAN, 0.0, 1.0]), Err(OtError::NotFinite { .. })));
    let flat = new(&[1.0, 0.0, 0.0, 0.0]).unwrap();
    assert!(matches!(bures_map(&flat, &flat), Err(OtError::Covariance { .. })));
    assert!(bures_w2_squared(&flat, &flat).unwrap().abs() < 1e-12);
    let other = Moments::new(vec![0.0], vec![1.0]).unwrap();
    assert!(matches!(bures_w2_squared(&flat, &other), Err(OtError::Size { .. })));
}

/// The barycentre of shifted copies is the copy at the mean shift: each point has its own.
#[test]
fn a_free_barycentre_of_shifts() {
    let (n, d) = (60, 2);
    let x = Noise::new(1, n).normal_values(d);
    let shifted = |s: f64| x.iter().map(|v| v + s).collect::<Vec<f64>>();
    let (near, far, w) = (shifted(-1.0), shifted(5.0), uniform(n));
    let measures = [&near, &far].map(|p| Measure { points: p, weights: &w });
    let found = free_support(&measures, &[0.5, 0.5], d, x.clone(), 1e-10, 50).unwrap();
    let found = found.converged().unwrap();
    let exact = shifted(2.0);
    assert!(found.points.iter().zip(&exact).all(|(p, e)| (p - e).abs() < 1e-9));
    assert!((found.value - 18.0).abs() < 1e-9);
    let stopped = free_support(&measures, &[0.5, 0.5], d, x.clone(), 1e-10, 1).unwrap();
    assert!(stopped.converged().is_err());
    let refused = free_support(&measures, &[0.5], d, x, 1e-10, 1);
    assert!(matches!(refused, Err(OtError::Size { .. })));
}

/// Two bumps at −1 and 1 on a line average to a bump at 0, not to two; its variance is the bumps'
/// and about ε/2 more.
#[test]
fn a_fixed_barycentre_lies_between() {
    let support: Vec<f64> = (0..121).map(|k| -3.0 + 0.05 * f64::from(k)).collect();
    let bump = |c: f64| support.iter().map(|x| (-(x - c).powi(2) / 0.08).exp()).collect::<Vec<_>>();
    let (left, right) = (bump(-1.0), bump(1.0));
    let measures = [&left, &right].map(|w| Measure { points: &support, weights: w });
    let pace = Pace { epsilon: 0.02, tolerance: 1e-7, max_iterations: 2000 };
    let found = fixed_support(&support, &measures, &[1.0, 1.0], 1, &pace).unwrap();
    let w = found.converged().unwrap().weights;
    let mean: f64 = w.iter().zip(&support).map(|(w, x)| w * x).sum();
    let variance: f64 = w.iter().zip(&support).map(|(w, x)| w * (x - mean).powi(2)).sum();
    assert!(mean.abs() < 1e-6, "{mean}");
    assert!((0.04..0.055).contains(&variance), "{variance}");
    let hasty = Pace { max_iterations: 1, ..pace };
    let stopped = fixed_support(&support, &measures, &[1.0, 1.0], 1, &hasty).unwrap();
    assert!(stopped.converged().is_err());
}

/// The debiased barycentre of one measure is that measure, and of two bumps of one variance it has
/// that variance (Janati et al. 2020, theorem 3); the plain one is wider.
#[test]
fn a_debiased_barycentre_is_not_blurred() {
    let support: Vec<f64> = (0..121).map(|k| -3.0 + 0.05 * f64::from(k)).collect();
    let bump = |c: f64| support.iter().map(|x| (-(x - c).powi(2) / 0.08).exp()).collect::<Vec<_>>();
    let pace = Pace { epsilon: 0.1, tolerance: 1e-7, max_iterations: 3000 };
    let variance = |w: &[f64]| {
        let mean: f64 = w.iter().zip(&support).map(|(w, x)| w * x).sum();
        w.iter().zip(&support).map(|(w, x)| w * (x - mean).powi(2)).sum::<f64>()
    };
    let (left, right) = (bump(-1.0), bump(1.0));
    let both = [&left, &right].map(|w| Measure { points: &support, weights: w });
    let debiased = debiased_support(&support, &both, &[1.0, 1.0], 1, &pace).unwrap();
    let debiased = debiased.converged().unwrap().weights;
    assert!((variance(&debiased) - 0.04).abs() < 2e-4, "{}", variance(&debiased));
    let blurred = fixed_support(&support, &both, &[1.0, 1.0], 1, &pace).unwrap();
    let blurred = blurred.converged().unwrap().weights;
    assert!(variance(&blurred) > 0.06, "{}", variance(&blurred));
    let one = debiased_support(&support, &both[..1], &[1.0], 1, &pace).unwrap();
    let one = one.converged().unwrap().weights;
    let mass: f64 = left.iter().sum();
    let gap: f64 = one.iter().zip(&left).map(|(w, b)| (w - b / mass).abs()).sum();
    assert!(gap < 1e-5, "{gap}");
    let hasty = Pace { max_iterations: 1, ..pace };
    assert!(!debiased_support(&support, &both, &[1.0, 1.0], 1, &hasty).unwrap().is_converged());
    let refused = debiased_support(&support, &both, &[1.0], 1, &pace);
    assert!(matches!(refused, Err(OtError::Size { .. })));
}

/// A uniform law on [0, 1] onto points on the line: cells are intervals of length b, so that the
/// value is a sum of integrals.
#[test]
fn a_semidiscrete_map_cuts_intervals() {
    let (targets, b) = ([0.1, 0.3, 0.9], [0.5, 0.2, 0.3]);
    let draw = |noise: &Noise| noise.uniform_values(1);
    let ascent = Ascent { tolerance: 0.03, ..Ascent::default() };
    let map = semidiscrete(&draw, &targets, &b, 1, &ascent, &Noise::new(7, 1)).unwrap();
    let map = map.converged().unwrap();
    let cell = |y: f64, from: f64, to: f64| ((to - y).powi(3) - (from - y).powi(3)) / 3.0;
    let exact = cell(0.1, 0.0, 0.5) + cell(0.3, 0.5, 0.7) + cell(0.9, 0.7, 1.0);
    let gap = (map.value - exact).abs();
    assert!(gap < 4.0 * map.standard_error + 1e-3, "{} {exact}", map.value);
    assert_eq!(map.assign(&[0.2, 0.6, 0.95]).unwrap(), [0, 1, 2]);
    let hasty = Ascent { steps: 1, tolerance: 1e-3, ..ascent };
    let stopped = semidiscrete(&draw, &targets, &b, 1, &hasty, &Noise::new(7, 1)).unwrap();
    assert!(stopped.converged().is_err());
    let refused = semidiscrete(&draw, &targets, &b[..2], 1, &ascent, &Noise::new(7, 1));
    assert!(matches!(refused, Err(OtError::Size { .. })));
}
