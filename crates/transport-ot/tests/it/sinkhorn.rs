//! Entropic transport: fixed-point equations, closed forms, limits.

use proptest::prelude::*;
use transport_core::Noise;
use transport_ot::cost::{Cost, Euclidean, Matrix, Side};
use transport_ot::sinkhorn::divergence;
use transport_ot::weights::uniform;
use transport_ot::{EntropicMap, OtError, Problem, Sinkhorn, Solved, exact};

fn points(seed: u64, n: usize, d: usize, shift: f64) -> Vec<f64> {
    Noise::new(seed, n).normal_values(d).iter().map(|v| v + shift).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Marginals, the dual value and the KL form of the primal value, from the dense plan alone, at
    /// any mass.
    #[test]
    fn plans_solve_the_regularised_problem(
        seed in 0u64..1 << 40, n in 1usize..60, m in 1usize..60, log in -2.0..1.0f64,
        acceleration in 0usize..9, mass in 0.3..3.0f64,
    ) {
        let (x, y) = (points(seed, n, 2, 0.0), points(seed + 1, m, 2, 1.0));
        let cost = Euclidean::squared(&x, &y, 2).unwrap();
        let w = Noise::new(seed, n + m).purpose("w").uniform_values(1);
        let normal = |w: &[f64]| {
            w.iter().map(|v| mass * v / w.iter().sum::<f64>()).collect::<Vec<_>>()
        };
        let (a, b) = (normal(&w[..n]), normal(&w[n..]));
        let epsilon = 10f64.powf(log);
        let solver = Sinkhorn { memory: acceleration, ..Sinkhorn::new(epsilon) };
        let solver = solver.max_iterations(100_000);
        let plan = solver.solve(&cost, &a, &b).unwrap().converged().unwrap();
        let p = plan.dense(&cost);
        let row = |i: usize| p[i * m..(i + 1) * m].iter().sum::<f64>();
        let column = |j: usize| p.iter().skip(j).step_by(m).sum::<f64>();
        let off = (0..n).map(|i| (row(i) - a[i]).abs()).sum::<f64>()
            + (0..m).map(|j| (column(j) - b[j]).abs()).sum::<f64>();
        prop_assert!(off < 2e-9 * mass, "marginals off by {}", off);
        let mut costs = vec![0.0; m];
        let (mut linear, mut divergence) = (0.0, 0.0);
        for i in 0..n {
            cost.row(Side::Source, i, &mut costs);
            for j in 0..m {
                let (p, q) = (p[i * m + j], a[i] * b[j]);
                linear += p * costs[j];
                divergence += if p > 0.0 { p * (p / q).ln() } else { 0.0 } - p + q;
            }
        }
        prop_assert!((plan.cost - linear).abs() < 1e-9 * linear);
        let primal = linear + epsilon * divergence;
        let scale = linear + (epsilon * divergence).abs();
        prop_assert!((plan.value - primal).abs() < 1e-7 * scale, "{} {}", plan.value, primal);
    }
}

/// ε = 10⁻⁴ of the cost at a size where scalings would underflow: finite, and within
/// `ε log n` of the linear program, from above.
#[test]
fn small_regularisation_stays_finite() {
    let n = 400;
    let (x, y) = (points(1, n, 2, 0.0), points(2, n, 2, 0.5));
    let (cost, w) = (Euclidean::squared(&x, &y, 2).unwrap(), uniform(n));
    let linear = exact(&cost, &w, &w).unwrap().value;
    let epsilon = 1e-4;
    let plan = Sinkhorn::new(epsilon).tolerance(1e-4).solve(&cost, &w, &w).unwrap();
    let plan = plan.converged().unwrap();
    assert!(plan.f.iter().chain(&plan.g).all(|v| v.is_finite()));
    let above = plan.value - linear;
    let slack = 1e-4 * linear;
    assert!(above > -slack && above < epsilon * (n as f64).ln() + slack, "{above}");
}

/// f32 points give the value of f64 points to f32's accuracy.
#[test]
fn f32_points() {
    let (x, y) = (points(1, 300, 3, 0.0), points(2, 200, 3, 1.0));
    let narrow = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<_>>();
    let (a, b) = (uniform(300), uniform(200));
    let solver = Sinkhorn::new(0.05).tolerance(1e-4);
    let wide = solver.solve(&Euclidean::squared(&x, &y, 3).unwrap(), &a, &b).unwrap();
    let cost = Euclidean::squared(&narrow(&x), &narrow(&y), 3).unwrap();
    let rough = solver.solve(&cost, &a, &b).unwrap().converged().unwrap();
    let wide = wide.converged().unwrap();
    assert!((rough.value - wide.value).abs() < 1e-4 * wide.value);
}

/// The same problem as points and as a matrix, and from the other side.
#[test]
fn a_matrix_is_as_good_as_points() {
    let (x, y) = (points(1, 70, 2, 0.0), points(2, 50, 2, 1.0));
    let cost = Euclidean::squared(&x, &y, 2).unwrap();
    let mut values = vec![0.0; 70 * 50];
    values.chunks_exact_mut(50).enumerate().for_each(|(i, row)| cost.row(Side::Source, i, row));
    let (a, b) = (uniform(70), uniform(50));
    let solver = Sinkhorn::new(0.2);
    let solve = |c: &dyn Cost, a: &[f64], b: &[f64]| {
        solver.solve(c, a, b).unwrap().converged().unwrap().value
    };
    let direct = solve(&cost, &a, &b);
    assert!((direct - solve(&Matrix::new(values, [70, 50]).unwrap(), &a, &b)).abs() < 1e-9);
    let turned = Euclidean::squared(&y, &x, 2).unwrap();
    assert!((direct - solve(&turned, &b, &a)).abs() < 1e-8);
}

/// A point that weighs nothing may lie where nothing goes.
#[test]
fn weightless_points_are_no_error() {
    let cost = Euclidean::squared(&[100.0], &[0.0, 100.0], 1).unwrap();
    let solver = Sinkhorn::new(0.01);
    let plan = solver.solve_from(&cost, &[1.0], &[1.0, 0.0], vec![0.0; 2]).unwrap();
    let plan = plan.converged().unwrap();
    assert_eq!(plan.dense(&cost), [1.0, 0.0]);
}

/// A limit reached is a different type from a solution.
#[test]
fn a_limit_reached_is_reported() {
    let (x, y) = (points(1, 50, 2, 0.0), points(2, 50, 2, 1.0));
    let (cost, w) = (Euclidean::squared(&x, &y, 2).unwrap(), uniform(50));
    let stopped = Sinkhorn::new(1e-3).max_iterations(7).solve(&cost, &w, &w).unwrap();
    assert!(matches!(stopped, Solved::Stopped(_)));
    let said = stopped.effort();
    assert!(said.iterations <= 7 && said.error > 1e-9);
    let e = stopped.converged().unwrap_err();
    assert!(matches!(e, OtError::NotConverged { iterations: 7, .. }), "{e}");
    for (epsilon, limit) in [(0.0, 10), (-1.0, 10), (f64::NAN, 10), (0.1, 0)] {
        let solver = Sinkhorn::new(epsilon).max_iterations(limit);
        assert!(matches!(solver.solve(&cost, &w, &w), Err(OtError::Parameter { .. })));
    }
    let warm = Sinkhorn::new(0.1).solve_from(&cost, &w, &w, vec![0.0; 3]);
    assert!(matches!(warm, Err(OtError::Size { .. })));
}

/// Zero for equal measures, |shift|² for a translation (whose entropic bias cancels), nearer to
/// W₂² than the biased value.
#[test]
fn the_divergence_is_debiased() {
    let (n, d) = (120, 2);
    let x = points(1, n, d, 0.0);
    let y: Vec<f64> = x.chunks(2).flat_map(|p| [p[0] + 0.3, p[1] - 0.4]).collect();
    let (solver, w) = (Sinkhorn::new(0.1), uniform(n));
    let between = |x: &[f64], y: &[f64]| {
        divergence(&solver, [x, y], d, [&w, &w]).unwrap().converged().unwrap().value
    };
    assert!(between(&x, &x).abs() < 1e-8);
    assert!((between(&x, &y) - 0.25).abs() < 1e-7, "{}", between(&x, &y));
    let (u, v) = (points(3, n, d, 0.0), points(4, n, d, 0.2));
    let cost = Euclidean::squared(&u, &v, d).unwrap();
    let linear = exact(&cost, &w, &w).unwrap().value;
    let biased = solver.solve(&cost, &w, &w).unwrap().converged().unwrap().value;
    assert!((between(&u, &v) - linear).abs() < (biased - linear).abs());
}

/// The map at the plan's own points is its conditional mean, elsewhere smooth; its derivative is
/// that of the potential: T(x) = x − ½ ∇f.
#[test]
fn the_map_extends_the_plan() {
    let (x, y) = (points(1, 60, 2, 0.0), points(2, 80, 2, 1.0));
    let cost = Euclidean::squared(&x, &y, 2).unwrap();
    let (a, b) = (uniform(60), uniform(80));
    let plan = Sinkhorn::new(0.3).solve(&cost, &a, &b).unwrap().converged().unwrap();
    let map = EntropicMap::new(&plan, &y, 2).unwrap();
    let (pushed, mean) = (map.push(&x).unwrap(), plan.barycentric(&cost, Side::Source, &y, 2));
    assert!(pushed.iter().zip(&mean).all(|(p, m)| (p - m).abs() < 1e-9));
    let (at, h) = ([0.3, -1.7], 1e-5);
    let f = |dx: f64, dy: f64| map.potential(&[at[0] + dx, at[1] + dy]).unwrap()[0];
    let slope = [(f(h, 0.0) - f(-h, 0.0)) / (2.0 * h), (f(0.0, h) - f(0.0, -h)) / (2.0 * h)];
    let there = map.push(&at).unwrap();
    for k in 0..2 {
        assert!((there[k] - (at[k] - 0.5 * slope[k])).abs() < 1e-8);
    }
    assert!(matches!(EntropicMap::new(&plan, &y, 1), Err(OtError::Size { .. })));
}

/// Many problems at once give what each gives alone, to the bit, and each its own error.
#[test]
fn many_problems_at_once() {
    let sizes = [(5, 7), (40, 40), (90, 30)];
    let costs = sizes
        .map(|(n, m)| Euclidean::squared(&points(1, n, 2, 0.0), &points(2, m, 2, 1.0), 2).unwrap());
    let weights = sizes.map(|(n, m)| [uniform(n), uniform(m)]);
    let mut problems: Vec<Problem<'_>> =
        costs.iter().zip(&weights).map(|(cost, [a, b])| Problem { cost, a, b }).collect();
    problems.push(Problem { a: &weights[1][0], ..problems[0] });
    let solver = Sinkhorn::new(0.1);
    let mut all = solver.solve_all(&problems);
    assert!(matches!(all.pop().unwrap(), Err(OtError::Size { expected: 5, found: 40, .. })));
    for (together, p) in all.into_iter().zip(&problems) {
        let alone = solver.solve(p.cost, p.a, p.b).unwrap().converged().unwrap();
        assert_eq!(together.unwrap().converged().unwrap(), alone);
    }
}

/// Many points start from a part of them, and tiles that cannot matter are left out: the plan has
/// its marginals when they are summed row by row, points without mass included, and iterations on
/// the part are counted and limited like all others.
#[test]
fn many_points_start_from_a_part() {
    let (n, m) = (8192, 8200);
    let (x, y) = (points(1, n, 2, 0.0), points(2, m, 2, 1.0));
    let cost = Euclidean::squared(&x, &y, 2).unwrap();
    let mut a = vec![1.0; n];
    a.iter_mut().step_by(5).for_each(|a| *a = 0.0);
    let total: f64 = a.iter().sum();
    a.iter_mut().for_each(|a| *a /= total);
    let b = uniform(m);
    let solver = Sinkhorn::new(0.2).tolerance(1e-3);
    let plan = solver.solve(&cost, &a, &b).unwrap().converged().unwrap();
    let columns = plan.marginal(&cost, Side::Target);
    let off: f64 = columns.iter().zip(&b).map(|(p, b)| (p - b).abs()).sum();
    assert!(off < 1.001e-3 && (off - plan.effort.error).abs() < 1e-9, "{off} {:?}", plan.effort);
    // More than the whole takes from where the part left off.
    let whole = solver.solve_from(&cost, &a, &b, plan.g.clone()).unwrap().effort().iterations;
    assert!(plan.effort.iterations > whole + 1, "{} and {whole}", plan.effort.iterations);
    let few = solver.max_iterations(2).solve(&cost, &a, &b).unwrap();
    assert!(!few.is_converged() && few.effort().iterations == 2);
}
