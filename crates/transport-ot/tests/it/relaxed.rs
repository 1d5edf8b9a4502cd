//! Unbalanced and partial transport, sliced distances, couplings.

use proptest::prelude::*;
use transport_core::Noise;
use transport_ot::cost::{Cost, Euclidean, Matrix, Side};
use transport_ot::sliced::{Samples, directions, max_sliced, sliced};
use transport_ot::weights::uniform;
use transport_ot::{Coupling, OtError, Sinkhorn, Solved, Unbalanced, exact, line, partial};

fn points(seed: u64, n: usize, d: usize, shift: f64) -> Vec<f64> {
    Noise::new(seed, n).normal_values(d).iter().map(|v| v + shift).collect()
}

fn kl(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * (p / q).ln() - p + q } else { q }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// The dual value is the primal value of the dense plan, and no plan nearby is better.
    #[test]
    fn unbalanced_plans_are_optimal(
        seed in 0u64..1 << 40, n in 1usize..20, m in 1usize..20,
        rho in 0.1..5.0f64, epsilon in 0.05..1.0f64, exact_side in any::<bool>(),
    ) {
        let (x, y) = (points(seed, n, 2, 0.0), points(seed + 1, m, 2, 1.0));
        let cost = Euclidean::squared(&x, &y, 2).unwrap();
        let (a, b) = (vec![0.7; n], Noise::new(seed, m).uniform_values(1));
        let rho = [rho, if exact_side { f64::INFINITY } else { 2.0 * rho }];
        let solver = Unbalanced { sinkhorn: Sinkhorn::new(epsilon).tolerance(1e-11), rho };
        let plan = solver.solve(&cost, &a, &b).unwrap().converged().unwrap();
        let mut row = vec![0.0; m];
        let mut objective = |p: &[f64]| {
            let mut total = 0.0;
            for i in 0..n {
                cost.row(Side::Source, i, &mut row);
                for (j, (c, b)) in row.iter().zip(&b).enumerate() {
                    let p = p[i * m + j];
                    total += p * c + epsilon * kl(p, a[i] * b);
                }
                total += rho[0] * kl(p[i * m..(i + 1) * m].iter().sum(), a[i]);
            }
            for (j, b) in b.iter().enumerate() {
                let column: f64 = p.iter().skip(j).step_by(m).sum();
                total += if exact_side { 0.0 } else { rho[1] * kl(column, *b) };
            }
            total
        };
        let p = plan.dense(&cost);
        let best = objective(&p);
        prop_assert!((best - plan.value).abs() < 1e-8 * (1.0 + best.abs()), "{best} {}", plan.value);
        for k in 0..4 {
            // Nearby plans with the same columns, which one side may have to keep.
            let (j, i) = (k % m, k % n);
            let mut moved = p.clone();
            let shift = 1e-3 * p[i * m + j];
            moved[i * m + j] -= shift;
            moved[(i + 1) % n * m + j] += shift;
            prop_assert!(objective(&moved) >= best - 1e-12);
            if !exact_side {
                moved = p.iter().map(|p| p * (1.0 + 1e-3 * (k as f64 - 1.5))).collect();
                prop_assert!(objective(&moved) >= best - 1e-12);
            }
        }
    }

    /// All of the mass is the balanced problem; less is never dearer per unit; entries obey the
    /// bounds. On two points a side, by hand: the cheapest pair first.
    #[test]
    fn partial_plans(seed in 0u64..1 << 40, n in 2usize..25, m in 2usize..25, share in 0.05..1.0f64) {
        let (x, y) = (points(seed, n, 2, 0.0), points(seed + 1, m, 2, 1.0));
        let cost = Euclidean::squared(&x, &y, 2).unwrap();
        let (a, b) = (uniform(n), uniform(m));
        let whole = exact(&cost, &a, &b).unwrap().value;
        let all = partial(&cost, &a, &b, 1.0).unwrap();
        prop_assert!((all.value - whole).abs() < 1e-9);
        let some = partial(&cost, &a, &b, share).unwrap();
        prop_assert!(some.value <= share * whole + 1e-9);
        let (mut rows, mut columns, mut moved) = (a.clone(), b.clone(), 0.0);
        for e in &some.entries {
            rows[e.source] -= e.mass;
            columns[e.target] -= e.mass;
            moved += e.mass;
        }
        prop_assert!((moved - share).abs() < 1e-9);
        prop_assert!(rows.iter().chain(&columns).all(|v| *v > -1e-9));
    }

    /// W_p on the line against the linear program.
    #[test]
    fn the_line_is_the_linear_program(
        seed in 0u64..1 << 40, n in 1usize..20, m in 1usize..20, p in 1.0..4.0f64,
    ) {
        let (x, y) = (points(seed, n, 1, 0.0), points(seed + 1, m, 1, 1.0));
        let normal = |w: Vec<f64>| { let s: f64 = w.iter().sum(); w.iter().map(|v| v / s).collect() };
        let a: Vec<f64> = normal(Noise::new(seed, n).purpose("a").uniform_values(1));
        let b: Vec<f64> = normal(Noise::new(seed, m).purpose("b").uniform_values(1));
        let cost = Euclidean::power(&x, &y, 1, p).unwrap();
        let program = exact(&cost, &a, &b).unwrap().value;
        let closed = line::wasserstein(&x, &a, &y, &b, p).unwrap();
        prop_assert!((program - closed).abs() < 1e-9 * (1.0 + closed), "{program} {closed}");
    }
}

/// ρ → ∞ is the balanced problem; the limit itself is accepted.
#[test]
fn strongly_held_marginals_are_balanced() {
    let (x, y) = (points(1, 30, 2, 0.0), points(2, 40, 2, 1.0));
    let cost = Euclidean::squared(&x, &y, 2).unwrap();
    let (a, b) = (uniform(30), uniform(40));
    let sinkhorn = Sinkhorn::new(0.3);
    let balanced = sinkhorn.solve(&cost, &a, &b).unwrap().converged().unwrap().value;
    let with = |rho: f64| {
        let solver = Unbalanced { sinkhorn, rho: [rho; 2] };
        solver.solve(&cost, &a, &b).unwrap().converged().unwrap().value
    };
    assert_eq!(with(f64::INFINITY), balanced);
    assert!((with(1e6) - balanced).abs() < 1e-4);
    let refused = Unbalanced { sinkhorn, rho: [0.0, 1.0] }.solve(&cost, &a, &b);
    assert!(matches!(refused, Err(OtError::Parameter { .. })));
    assert!(matches!(partial(&cost, &a, &b, 1.5), Err(OtError::Parameter { .. })));
}

/// A shift moves every projection: SW₂ = |v|/√d in the mean, MSW₂ = |v| exactly, along v.
#[test]
fn projections_of_a_shift() {
    let (n, d) = (200, 3);
    let x = points(4, n, d, 0.0);
    let y: Vec<f64> = x.chunks(d).flat_map(|r| [r[0] + 3.0, r[1], r[2] + 4.0]).collect();
    let w = uniform(n);
    let samples = Samples { x: &x, y: &y, a: &w, b: &w, d };
    let theta = directions(2000, d, &Noise::new(0, 1));
    let mean = sliced(&samples, &theta, 2.0).unwrap();
    assert!((mean - 5.0 / 3f64.sqrt()).abs() < 0.1, "{mean}");
    let old = transport_ot::sliced_w2(&x, &y, d, 2000, &Noise::new(0, 1));
    assert!((mean - old).abs() < 1e-12);
    let found = max_sliced(&samples, 4, 1e-8, 500, &Noise::new(1, 1)).unwrap();
    let found = found.converged().unwrap();
    assert!((found.value - 5.0).abs() < 1e-8, "{}", found.value);
    assert!((found.direction[0].abs() - 0.6).abs() < 1e-6);
    let stopped = max_sliced(&samples, 1, 1e-12, 2, &Noise::new(1, 1)).unwrap();
    assert!(matches!(stopped, Solved::Stopped(_)));
    assert!(matches!(sliced(&samples, &[], 2.0), Err(OtError::Size { .. })));
    assert!(matches!(sliced(&samples, &theta, 0.5), Err(OtError::Parameter { .. })));
}

/// Pairs: a permutation when exact, as cheap as the plan; entropic draws follow the plan's rows;
/// the same noise gives the same pairs.
#[test]
fn couplings_pair_batches() {
    let (n, d) = (64, 2);
    let (x, y) = (points(1, n, d, 0.0), points(2, n, d, 1.0));
    let noise = Noise::new(3, n);
    let cost = Euclidean::squared(&x, &y, d).unwrap();
    let total = |pairs: &[usize]| {
        let mut row = vec![0.0; n];
        let paid = |(i, &j): (usize, &usize)| {
            cost.row(Side::Source, i, &mut row);
            row[j] / n as f64
        };
        pairs.iter().enumerate().map(paid).sum::<f64>()
    };
    let best = Coupling::Exact.pairs(&x, &y, d, &noise).unwrap();
    let w = uniform(n);
    assert!((total(&best) - exact(&cost, &w, &w).unwrap().value).abs() < 1e-12);
    assert_eq!(Coupling::Independent.pairs(&x, &y, d, &noise).unwrap(), (0..n).collect::<Vec<_>>());
    let entropic = Coupling::Sinkhorn { epsilon: 0.5 };
    let pairs = entropic.pairs(&x, &y, d, &noise).unwrap();
    assert_eq!(pairs, entropic.pairs(&x, &y, d, &noise).unwrap());
    assert_ne!(pairs, entropic.pairs(&x, &y, d, &noise.at_step(1)).unwrap());
    // The mean cost of draws, over 400 steps, is the plan's: 4 standard errors, false alarm 6e-5.
    let plan = Sinkhorn::new(0.5).tolerance(1e-3).solve(&cost, &w, &w).unwrap();
    let plan = plan.converged().unwrap();
    let draws: Vec<f64> = (0..400)
        .map(|step| total(&entropic.pairs(&x, &y, d, &noise.at_step(step)).unwrap()))
        .collect();
    let mean = draws.iter().sum::<f64>() / 400.0;
    let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 400.0;
    assert!((mean - plan.cost).abs() < 4.0 * (variance / 400.0).sqrt() + 1e-3 * plan.cost);
    // Batches of two sizes: each row's partner is one of those that the plan gives it.
    let some = Coupling::Exact.pairs(&x[..40], &y, d, &noise).unwrap();
    assert_eq!(some.len(), 20);
    assert!(matches!(entropic.pairs(&x, &y[..3], d, &noise), Err(OtError::Size { .. })));
    assert!(Coupling::Sinkhorn { epsilon: 0.0 }.pairs(&x, &y, d, &noise).is_err());
}

/// Where nothing costs anything, no more is moved than was asked for.
#[test]
fn a_part_of_free_mass() {
    let cost = Matrix::new(vec![0.0; 6], [2, 3]).unwrap();
    let plan = partial(&cost, &[0.5; 2], &[1.0 / 3.0; 3], 0.5).unwrap();
    assert!((plan.entries.iter().map(|e| e.mass).sum::<f64>() - 0.5).abs() < 1e-9);
}

/// Costs may be negative.
#[test]
fn negative_costs() {
    let cost = Matrix::new(vec![-1.0, -5.0, -3.0, -1.0], [2, 2]).unwrap();
    assert_eq!(exact(&cost, &[1.0, 1.0], &[1.0, 1.0]).unwrap().value, -8.0);
    assert_eq!(partial(&cost, &[1.0, 1.0], &[1.0, 1.0], 1.0).unwrap().value, -5.0);
}
