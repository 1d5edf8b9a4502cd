//! The Brownian tree: one path at every resolution, with the law of Brownian motion.
//!
//! Moments are held to 5 standard errors, which a random seed would miss with probability 6e-7
//! each; the seeds are fixed.

use crate::space;
use transport_core::device::to_host;
use transport_core::{Interval, Noise, Space, Times};
use transport_sde::method::sde::{BrownianTree, Increment, Span, TreeError};

const N: usize = 40_000;
const START: f64 = -0.5;
const END: f64 = 1.7;

fn tree(n: usize, dim: usize, tolerance: f64) -> BrownianTree {
    let interval = Interval { start: START, end: END };
    BrownianTree::new(&Noise::new(31, n), dim, interval, tolerance).unwrap()
}

fn host(path: &Increment) -> (Vec<f64>, Vec<f64>) {
    (to_host(path.dw()), to_host(path.area()))
}

fn piece(tree: &BrownianTree, from: f64, to: f64) -> (Vec<f64>, Vec<f64>) {
    host(&tree.increment(Times::Same(from), Times::Same(to), &space()))
}

/// The mean of `a b`, whose exact value is `covariance` for centred Gaussians of these variances.
fn check(what: &str, a: &[f64], b: &[f64], variances: (f64, f64), covariance: f64) {
    let n = a.len() as f64;
    let got = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / n;
    // Var(ab) = E a² E b² + Cov² (Isserlis).
    let error = ((variances.0 * variances.1 + covariance * covariance) / n).sqrt();
    assert!((got - covariance).abs() < 5.0 * error, "{what}: {got} where {covariance} is right");
}

/// Variances, and independence of neighbours, on and off the dyadic times.
#[test]
fn increments_and_areas_have_their_law() {
    let tree = tree(N, 1, 0.02);
    let times = [START, -0.31, 0.0, 0.05, 0.6, 1.33, END];
    let pieces: Vec<_> =
        times.windows(2).map(|t| (t[1] - t[0], piece(&tree, t[0], t[1]))).collect();
    for (i, (h, (w, area))) in pieces.iter().enumerate() {
        check("Var ΔW", w, w, (*h, *h), *h);
        check("Var H", area, area, (h / 12.0, h / 12.0), h / 12.0);
        check("Cov(ΔW, H)", w, area, (*h, h / 12.0), 0.0);
        for (g, (v, other)) in &pieces[..i] {
            check("ΔW and ΔW", w, v, (*h, *g), 0.0);
            check("ΔW and H", w, other, (*h, g / 12.0), 0.0);
            check("H and ΔW", area, v, (h / 12.0, *g), 0.0);
            check("H and H", area, other, (h / 12.0, g / 12.0), 0.0);
        }
    }
    // Kurtosis 3 of ΔW and of H: Gaussian, and not only uncorrelated. Var(z⁴) = 96.
    let (h, (w, area)) = &pieces[3];
    for (values, variance) in [(w, *h), (area, h / 12.0)] {
        let fourth = values.iter().map(|v| (v * v / variance).powi(2)).sum::<f64>() / N as f64;
        assert!((fourth - 3.0).abs() < 5.0 * (96.0 / N as f64).sqrt(), "kurtosis {fourth}");
    }
}

/// `Cov(W_s − W_0, W_t − W_0) = min(s, t)`, and the bridge: given the end, what lies inside is
/// `s/T W_T` and a remainder of variance `s (T − s)/T`, independent of `W_T`.
#[test]
fn paths_have_the_covariance_of_brownian_motion_and_of_its_bridge() {
    let (tree, length) = (tree(N, 1, 0.02), END - START);
    let value = |t: f64| to_host(tree.value(Times::Same(t), &space()));
    let (s, t) = (0.2 - START, 1.1 - START);
    let (at_s, at_t, end) = (value(0.2), value(1.1), value(END));
    check("Cov(W_s, W_t)", &at_s, &at_t, (s, t), s);
    let rest = |at: &[f64], s: f64| -> Vec<f64> {
        at.iter().zip(&end).map(|(w, e)| w - s / length * e).collect()
    };
    let (bridge_s, bridge_t) = (rest(&at_s, s), rest(&at_t, t));
    let variance = |s: f64, t: f64| s * (length - t) / length;
    let variances = (variance(s, s), variance(t, t));
    check("bridge, variance", &bridge_s, &bridge_s, (variances.0, variances.0), variances.0);
    check("bridge, covariance", &bridge_s, &bridge_t, variances, variance(s, t));
    check("bridge and end", &bridge_s, &end, (variances.0, length), 0.0);
}

/// The area over `[0, T]` with the path inside it: `Cov(H, W_s − W_0) = s (T − s)/2T`, which holds
/// for `H = 1/T ∫ (W − line)` and fails for any other multiple of it.
#[test]
fn areas_covary_with_the_path_inside() {
    let (tree, length) = (tree(N, 1, 0.02), END - START);
    let (_, area) = piece(&tree, START, END);
    for t in [-0.1, 0.6, 1.0] {
        let (s, w) = (t - START, to_host(tree.value(Times::Same(t), &space())));
        let exact = s * (length - s) / (2.0 * length);
        check("Cov(H, W_s)", &area, &w, (length / 12.0, s), exact);
        // Over part of the interval: Cov(W_s, H over [0, r]) for r < s is that of its own line.
        let (_, inner) = piece(&tree, START, START + 0.5 * s);
        check("H inside and W_s", &inner, &w, (s / 24.0, s), 0.0);
    }
}

/// `H` is the integral: summed from fine steps by the trapezoidal rule on `W` itself.
#[test]
fn areas_are_the_integral_of_the_path() {
    let tree = tree(50, 2, 1e-4);
    let (from, to, steps) = (0.1, 0.9, 2048);
    let mut walk = tree.walk();
    let _ = walk.increment(Span::Same { t: START, h: from - START }, false, &space());
    let h = (to - from) / f64::from(steps);
    let (mut w, mut integral) = (vec![0.0; 100], vec![0.0; 100]);
    for k in 0..steps {
        let t = from + f64::from(k) * h;
        let dw = to_host(walk.increment(Span::Same { t, h }, false, &space()).dw());
        for ((w, sum), dw) in w.iter_mut().zip(&mut integral).zip(dw) {
            *sum += h * (*w + 0.5 * dw);
            *w += dw;
        }
    }
    let (total, area) = piece(&tree, from, to);
    for j in 0..100 {
        assert!((w[j] - total[j]).abs() < 1e-11);
        // What the rule leaves out has variance h²/12 · (to − from), a standard deviation of 1e-4.
        let got = integral[j] / (to - from) - 0.5 * w[j];
        assert!((got - area[j]).abs() < 7e-4, "{got} against {}", area[j]);
    }
}

/// Coarse increments are the fine ones joined, whatever the grids, the order of the questions and
/// the walker's past.
#[test]
fn the_path_is_the_same_at_every_resolution() {
    let tree = tree(20, 3, 1e-3);
    let (whole, area) = piece(&tree, 0.0, 1.0);
    for steps in [2, 7, 64] {
        let (mut walk, mut w, mut sum) = (tree.walk(), vec![0.0; 60], vec![0.0; 60]);
        let h = 1.0 / f64::from(steps);
        for k in 0..steps {
            let span = Span::Same { t: f64::from(k) * h, h };
            let (dw, dh) = host(&walk.increment(span, true, &space()));
            for j in 0..60 {
                // ∫ (W − W₀) over the step.
                sum[j] += h * (w[j] + 0.5 * dw[j] + dh[j]);
                w[j] += dw[j];
            }
        }
        for j in 0..60 {
            assert!((w[j] - whole[j]).abs() < 1e-11, "{steps} steps");
            assert!((sum[j] - 0.5 * w[j] - area[j]).abs() < 1e-11, "{steps} steps, area");
        }
        // Backwards: the same answers.
        let back = walk.increment(Span::Same { t: 0.0, h }, true, &space());
        assert_eq!(host(&back), piece(&tree, 0.0, h));
    }
}

#[test]
fn bits_do_not_depend_on_the_chunk_nor_on_the_other_rows_times() {
    let (n, d) = (11, 2);
    let tree = tree(n, d, 1e-3);
    let h: Vec<f64> = (0..n).map(|i| 0.05 + 0.1 * i as f64).collect();
    let t: Vec<f64> = (0..n).map(|i| START + 0.03 * i as f64).collect();
    let whole = host(&tree.walk().increment(Span::Each { t: &t, h: &h }, true, &space()));
    for rows in [0..1, 1..4, 4..11] {
        let span = Span::Each { t: &t[rows.clone()], h: &h[rows.clone()] };
        let part = host(&tree.rows(rows.clone()).walk().increment(span, true, &space()));
        let at = rows.start * d..rows.end * d;
        assert_eq!((part.0, part.1), (whole.0[at.clone()].to_vec(), whole.1[at].to_vec()));
    }
    let one = piece(&tree, t[5], t[5] + h[5]);
    assert_eq!(one.0[10..12], whole.0[10..12]);
}

#[test]
fn trees_are_checked() {
    let (noise, unit) = (Noise::new(0, 1), Interval::UNIT);
    let backwards = Interval { start: 1.0, end: 0.0 };
    let error = BrownianTree::new(&noise, 1, backwards, 0.1).unwrap_err();
    assert_eq!(error, TreeError::Interval { start: 1.0, end: 0.0 });
    for tolerance in [0.0, -1.0, f64::NAN, 1e-12] {
        let error = BrownianTree::new(&noise, 1, unit, tolerance).unwrap_err();
        assert!(matches!(error, TreeError::Tolerance { .. }), "{tolerance}: {error}");
    }
    let depth = |tolerance| BrownianTree::new(&noise, 1, unit, tolerance).unwrap().depth();
    assert_eq!((depth(2.0), depth(1.0), depth(0.25), depth(0.2)), (0, 0, 2, 3));
}

#[test]
#[should_panic(expected = "outside of the path's interval")]
fn times_outside_are_refused() {
    let _ = tree(1, 1, 0.1).value(Times::Same(2.0), &space());
}

/// A convention off by a factor, such as `∫ (W − line)` in place of its average, does not pass.
#[test]
#[should_panic(expected = "Cov(H, W_s)")]
fn another_multiple_of_the_area_is_rejected() {
    let (tree, length) = (tree(N, 1, 0.02), END - START);
    let (_, area) = piece(&tree, START, END);
    let area: Vec<f64> = area.iter().map(|h| h * length.sqrt()).collect();
    let w = to_host(tree.value(Times::Same(0.6), &space()));
    let s = 0.6 - START;
    check("Cov(H, W_s)", &area, &w, (length / 12.0, s), s * (length - s) / (2.0 * length));
}

/// Steps that all rows share have the bits of a row's own walk.
#[test]
fn shared_steps_are_everyones_own() {
    for (n, d) in [(3, 1), (700, 2), (40, 64)] {
        let tree = BrownianTree::new(&Noise::new(3, n), d, Interval::UNIT, 0.1).unwrap();
        let (mut together, mut apart) = (tree.walk(), tree.walk());
        for (t, h) in [(0.0, 0.25), (0.25, 0.03), (0.28, 0.7), (0.1, 0.9)] {
            let (ts, hs) = (vec![t; n], vec![h; n]);
            let shared = together.increment(Span::Same { t, h }, true, &space());
            let own = apart.increment(Span::Each { t: &ts, h: &hs }, true, &space());
            assert_eq!(host(&shared), host(&own), "{n} rows of {d} from {t}");
        }
    }
}

/// In f32 the path is that of f64 up to rounding: `5 · 2⁻²⁴` of the length of a pair of draws (6 at
/// most here) and a few roundings of sums of size 5 on each of the 10 levels. Its bits do not
/// depend on the chunk.
#[test]
fn paths_in_single_precision_are_those_in_double() {
    let single = Space::f32(&space().device);
    for (n, d) in [(3, 1), (700, 2), (40, 64), (9, 3), (600, 4)] {
        let tree = BrownianTree::new(&Noise::new(3, n), d, Interval::UNIT, 1e-3).unwrap();
        let [mut walk, mut exact] = [tree.walk(), tree.walk()];
        let mut part = tree.rows(1..n - 1).walk();
        for (t, h) in [(0.0, 0.25), (0.25, 0.031), (0.281, 0.0004), (0.28, 0.7), (0.1, 0.9)] {
            let span = Span::Same { t, h };
            let (w, area) = host(&walk.increment(span, true, &single));
            let (v, other) = host(&exact.increment(span, true, &space()));
            for (a, b) in w.iter().chain(&area).zip(v.iter().chain(&other)) {
                assert!((a - b).abs() < 6e-6, "{a}, {b}: [{n}, {d}] from {t}");
            }
            let own = host(&part.increment(span, true, &single));
            let middle = d..(n - 1) * d;
            assert_eq!(own, (w[middle.clone()].to_vec(), area[middle].to_vec()));
        }
    }
}
