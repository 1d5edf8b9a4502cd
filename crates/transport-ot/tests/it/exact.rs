//! The linear program: brute force where it can be had, duality everywhere.

use proptest::prelude::*;
use transport_core::Noise;
use transport_ot::cost::{Cost, Euclidean, Function, Matrix, Side};
use transport_ot::weights::uniform;
use transport_ot::{ExactPlan, OtError, assignment, exact};

/// The smallest mean cost over all permutations.
fn brute(cost: &Matrix) -> f64 {
    fn best(cost: &Matrix, row: usize, free: &mut Vec<usize>) -> f64 {
        let n = cost.shape()[0];
        if row == n {
            return 0.0;
        }
        let mut least = f64::INFINITY;
        for k in 0..free.len() {
            let j = free.swap_remove(k);
            least = least.min(cost.values()[row * n + j] + best(cost, row + 1, free));
            free.push(j);
            let last = free.len() - 1;
            free.swap(k, last);
        }
        least
    }
    let n = cost.shape()[0];
    best(cost, 0, &mut (0..n).collect()) / n as f64
}

/// What makes a plan optimal: it is feasible, so is its dual, and their values agree.
fn certify(plan: &ExactPlan, cost: &dyn Cost, a: &[f64], b: &[f64]) -> Result<(), String> {
    let (mut rows, mut columns) = (a.to_vec(), b.to_vec());
    for e in &plan.entries {
        rows[e.source] -= e.mass;
        columns[e.target] -= e.mass;
        if e.mass < 0.0 {
            return Err(format!("negative mass {e:?}"));
        }
    }
    let mass = a.iter().sum::<f64>();
    let gap = rows.iter().chain(&columns).map(|v| v.abs()).sum::<f64>() / mass;
    if gap > 1e-9 || (gap - plan.effort.error).abs() > 1e-12 {
        return Err(format!("marginals are off by {gap}, said {}", plan.effort.error));
    }
    let tiny = 1e-9 * cost.scale().max(1e-300);
    let mut row = vec![0.0; b.len()];
    for (i, f) in plan.f.iter().enumerate() {
        cost.row(Side::Source, i, &mut row);
        for (j, (c, g)) in row.iter().zip(&plan.g).enumerate() {
            if c - f - g < -tiny {
                return Err(format!("dual infeasible at {i}, {j}: {}", c - f - g));
            }
        }
    }
    if (plan.value - plan.dual).abs() > 1e-9 * (cost.scale() * mass).max(1e-300) {
        return Err(format!("value {} but dual {}", plan.value, plan.dual));
    }
    Ok(())
}

fn weights(n: usize, seed: u64) -> Vec<f64> {
    let w = Noise::new(seed, n).purpose("weights").uniform_values(1);
    let total = w.iter().sum::<f64>();
    w.iter().map(|w| w / total).collect()
}

/// Weights that differ by up to twelve decades.
fn uneven(n: usize, seed: u64) -> Vec<f64> {
    let w = Noise::new(seed, n).purpose("uneven").uniform_values(1);
    let w: Vec<f64> = w.iter().map(|w| 10f64.powf(-12.0 * w)).collect();
    let total = w.iter().sum::<f64>();
    w.iter().map(|w| w / total).collect()
}

proptest! {
    #[test]
    fn small_assignments_are_the_best_permutation(
        n in 1usize..7, values in prop::collection::vec(-3.0..3.0f64, 36), coarse in any::<bool>(),
    ) {
        // Rounded costs have ties.
        let values = values[..n * n].iter().map(|v| if coarse { v.round() } else { *v }).collect();
        let cost = Matrix::new(values, [n, n]).unwrap();
        let found = assignment(&cost).unwrap();
        prop_assert!((found.value - brute(&cost)).abs() < 1e-12);
        let mut seen = found.targets.clone();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
    }

    #[test]
    fn plans_carry_their_certificate(
        seed in 0u64..1 << 40, n in 1usize..150, m in 1usize..150, d in 1usize..4,
        kind in 0usize..6,
    ) {
        let (mut x, mut y) =
            (Noise::new(seed, n).normal_values(d), Noise::new(seed + 1, m).normal_values(d));
        let (mut a, mut b) = (weights(n, seed), weights(m, seed + 1));
        match kind {
            // Ties in the costs.
            1 => x.iter_mut().chain(&mut y).for_each(|v| *v = v.round()),
            // Points without mass.
            2 => {
                a.iter_mut().step_by(3).skip(1).for_each(|w| *w = 0.0);
                let total = a.iter().sum::<f64>();
                a.iter_mut().for_each(|w| *w /= total);
            }
            // Equal weights on sides of different size.
            3 => (a, b) = (uniform(n), uniform(m)),
            // Masses over twelve decades.
            4 => (a, b) = (uneven(n, seed), uneven(m, seed + 1)),
            // Everything at once: ties, and masses whose partial sums meet.
            5 => {
                x.iter_mut().chain(&mut y).for_each(|v| *v = v.round());
                (a, b) = (vec![m as f64; n], vec![n as f64; m]);
            }
            _ => {}
        }
        let cost = Euclidean::squared(&x, &y, d).unwrap();
        let plan = exact(&cost, &a, &b).unwrap();
        certify(&plan, &cost, &a, &b).map_err(TestCaseError::fail)?;
        b.iter_mut().for_each(|w| *w *= 1.0 + 1e-12);
        prop_assert!((exact(&cost, &a, &b).unwrap().value - plan.value).abs() < 1e-9);
    }
}

/// Above 1,024 points arcs are listed: with ties, uneven masses and sides of different size.
#[test]
fn many_points_carry_their_certificate() {
    for (n, m, kind) in [(1100, 700, 0), (300, 1200, 1), (1030, 1030, 2)] {
        let (mut x, y) = (Noise::new(7, n).normal_values(2), Noise::new(8, m).normal_values(2));
        let (mut a, mut b) = (weights(n, 7), weights(m, 8));
        match kind {
            1 => x.iter_mut().for_each(|v| *v = (4.0 * *v).round()),
            2 => (a, b) = (uneven(n, 7), uneven(m, 8)),
            _ => {}
        }
        let cost = Euclidean::squared(&x, &y, 2).unwrap();
        let plan = exact(&cost, &a, &b).unwrap();
        certify(&plan, &cost, &a, &b).unwrap();
    }
}

/// The certificate sees a plan that is not optimal, and potentials that are not feasible.
#[test]
fn the_certificate_rejects_faults() {
    let (x, y) = (Noise::new(1, 40).normal_values(2), Noise::new(2, 40).normal_values(2));
    let (cost, w) = (Euclidean::squared(&x, &y, 2).unwrap(), uniform(40));
    let good = exact(&cost, &w, &w).unwrap();
    certify(&good, &cost, &w, &w).unwrap();
    let mut row = vec![0.0; 40];
    let mut swapped = good.clone();
    (swapped.entries[0].target, swapped.entries[1].target) =
        (good.entries[1].target, good.entries[0].target);
    swapped.value = 0.0;
    for e in &swapped.entries {
        cost.row(Side::Source, e.source, &mut row);
        swapped.value += e.mass * row[e.target];
    }
    assert!(certify(&swapped, &cost, &w, &w).is_err());
    let mut raised = good.clone();
    raised.f[3] += 1e-3;
    assert!(certify(&raised, &cost, &w, &w).unwrap_err().contains("infeasible"));
    let mut lost = good;
    lost.entries.pop();
    assert!(certify(&lost, &cost, &w, &w).unwrap_err().contains("marginals"));
}

/// A shift is its own optimal map, and so is a permutation of equal points; sizes at which the
/// recursion has several levels.
#[test]
fn shifts_and_permutations_are_found() {
    let (n, d) = (1500, 3);
    let x = Noise::new(3, n).normal_values(d);
    let order = Noise::new(4, 1).permutation(n);
    let y: Vec<f64> =
        order.iter().flat_map(|&i| [x[3 * i] + 3.0, x[3 * i + 1], x[3 * i + 2] - 4.0]).collect();
    let cost = Euclidean::squared(&x, &y, d).unwrap();
    let found = assignment(&cost).unwrap();
    assert!((found.value - 25.0).abs() < 1e-10, "{}", found.value);
    assert!(found.targets.iter().enumerate().all(|(i, &j)| order[j] == i));
}

/// Any cost: a distance, a closure; against the sorted coupling on the line.
#[test]
fn other_costs_and_the_line() {
    let (n, m) = (300, 200);
    let (mut x, mut y) = (Noise::new(5, n).normal_values(1), Noise::new(6, m).normal_values(1));
    let taxi = |x: &[f64], y: &[f64]| (x[0] - y[0]).abs();
    let closure = Function::new(&x, &y, 1, taxi).unwrap();
    let (a, b) = (uniform(n), uniform(m));
    let by_closure = exact(&closure, &a, &b).unwrap().value;
    let distance = Euclidean::distance(&x, &y, 1).unwrap();
    let squared = exact(&Euclidean::squared(&x, &y, 1).unwrap(), &a, &b).unwrap().value;
    assert!((by_closure - exact(&distance, &a, &b).unwrap().value).abs() < 1e-12);
    x.sort_by(f64::total_cmp);
    y.sort_by(f64::total_cmp);
    assert!((squared - transport_ot::line::w2_squared(&x, &y)).abs() < 1e-12);
}

#[test]
fn bad_problems_are_refused() {
    let cost = Matrix::new(vec![1.0; 6], [2, 3]).unwrap();
    let refuse = |a: &[f64], b: &[f64]| exact(&cost, a, b).unwrap_err();
    assert!(matches!(refuse(&[0.5; 3], &[1.0; 3]), OtError::Size { expected: 2, found: 3, .. }));
    let e = refuse(&[1.0, -0.1], &[0.3; 3]);
    assert!(matches!(e, OtError::Weight { side: "source", index: 1, .. }), "{e}");
    assert!(matches!(refuse(&[0.0; 2], &[0.0; 3]), OtError::NoMass { side: "source" }));
    assert!(matches!(refuse(&[0.5; 2], &[1.0; 3]), OtError::Unbalanced { .. }));
    assert!(matches!(refuse(&[1e308; 2], &[1e308; 3]), OtError::Overflow { side: "source" }));
    assert!(matches!(refuse(&[0.5, f64::NAN], &[1.0; 3]), OtError::Weight { index: 1, .. }));
    assert!(matches!(assignment(&cost), Err(OtError::Size { .. })));
    assert!(matches!(Matrix::new(vec![], [0, 3]), Err(OtError::TooFewPoints { .. })));
    let e = Matrix::new(vec![0.0, f64::NAN], [1, 2]).unwrap_err();
    assert!(matches!(e, OtError::NotFinite { index: 1, .. }));
    let e = Euclidean::squared(&[0.0, f64::INFINITY], &[0.0], 1).unwrap_err();
    assert!(matches!(e, OtError::NotFinite { index: 1, .. }));
    let e = Euclidean::squared(&[1e200], &[0.0], 1).unwrap_err();
    assert!(matches!(e, OtError::NotFinite { what: "the largest cost", .. }), "{e}");
    let e = Euclidean::squared(&[0.0; 3], &[0.0; 2], 2).unwrap_err();
    assert!(matches!(e, OtError::Size { expected: 4, found: 3, .. }));
    let e = Function::new(&[0.0], &[0.0], 1, |_, _| f64::NAN).unwrap_err();
    assert!(matches!(e, OtError::NotFinite { what: "cost", .. }));
}

/// One point against one is a problem like any other.
#[test]
fn a_single_point() {
    let cost = Euclidean::squared(&[0.0, 0.0], &[3.0, 4.0], 2).unwrap();
    let plan = exact(&cost, &[2.0], &[2.0]).unwrap();
    assert_eq!((plan.value, plan.entries.len()), (50.0, 1));
    assert_eq!(assignment(&cost).unwrap().value, 25.0);
}
