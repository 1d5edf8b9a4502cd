//! Values that POT 0.9.7 gives (NumPy in f64, its tolerances at 1e-15) on a few fixed points: weights of
//! zero, sides of different size, ties, copies of points, extreme ε and ρ.

use transport_ot::cost::Euclidean;
use transport_ot::gaussian::{Moments, bures_w2_squared};
use transport_ot::sliced::{Samples, sliced};
use transport_ot::{Sinkhorn, Unbalanced, exact, line, partial};

const A: [f64; 6] = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0];
const B: [f64; 5] = [2.0, 3.0, 2.0, 3.0, 2.0];
const DIRECTIONS: [f64; 6] = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8];

fn x() -> Vec<f64> {
    (0..6).map(f64::from).flat_map(|i| [(1.7 * i).sin(), (2.3 * i).cos()]).collect()
}

fn y() -> Vec<f64> {
    (0..5).map(f64::from).flat_map(|j| [(0.9 * j + 1.0).sin() + 0.5, (1.1 * j).cos()]).collect()
}

fn cost() -> Euclidean {
    Euclidean::squared(&x(), &y(), 2).unwrap()
}

/// The weights over their sum, 0 at some places.
fn shares<const N: usize>(mut weights: [f64; N], zeros: &[usize]) -> [f64; N] {
    zeros.iter().for_each(|&i| weights[i] = 0.0);
    let total: f64 = weights.iter().sum();
    weights.map(|w| w / total)
}

fn is(value: f64, pot: f64) {
    assert!((value - pot).abs() <= 1e-9 * (1e-3 + pot.abs()), "{value}, POT {pot}");
}

#[test]
fn exact_plans() {
    let value = |zeros: [&[usize]; 2]| {
        exact(&cost(), &shares(A, zeros[0]), &shares(B, zeros[1])).unwrap().value
    };
    is(value([&[], &[]]), 0.700_921_873_025_021);
    is(value([&[1], &[0, 2]]), 0.708_846_601_385_680_9);
}

/// `ot.bregman.sinkhorn_log`; ε down to where the plan is the exact one.
#[test]
fn entropic_plans() {
    let plan = |cost: &Euclidean, a: &[f64], b: &[f64], epsilon| {
        Sinkhorn::new(epsilon).tolerance(1e-12).solve(cost, a, b).unwrap().converged().unwrap().cost
    };
    let (a, b) = (shares(A, &[]), shares(B, &[]));
    for (epsilon, pot) in [
        (0.02, 0.700_921_873_025_025_6),
        (5.0, 1.751_621_994_272_711),
        (500.0, 2.001_705_559_310_73),
    ] {
        is(plan(&cost(), &a, &b, epsilon), pot);
    }
    let (a, b) = (shares(A, &[1]), shares(B, &[0, 2]));
    is(plan(&cost(), &a, &b, 0.1), 0.708_846_733_910_340_3);
}

/// `ot.sinkhorn_unbalanced` with `reg_type="kl"`, ε = 0.1.
#[test]
fn unbalanced_plans() {
    for (rho, pot, mass) in [
        (1e-3, 0.004_152_489_707_850_171, 0.044_450_452_315_385_296),
        (1.0, 0.253_561_626_686_736_9, 0.764_457_728_511_408_7),
        (100.0, 0.683_222_424_479_573_6, 0.996_024_298_686_262),
    ] {
        let solver = Unbalanced { sinkhorn: Sinkhorn::new(0.1).tolerance(1e-13), rho: [rho; 2] };
        let found = solver.solve(&cost(), &shares(A, &[]), &shares(B, &[])).unwrap();
        let plan = found.converged().unwrap();
        is(plan.cost, pot);
        is(plan.dense(&cost()).iter().sum(), mass);
    }
}

/// `ot.partial.partial_wasserstein2`; no mass at all costs nothing.
#[test]
fn partial_plans_from_nothing_to_all() {
    let (a, b) = (shares(A, &[]), shares(B, &[]));
    let (most, half_more) = (exact(&cost(), &a, &b).unwrap().value, b.map(|b| 1.5 * b));
    for (mass, pot) in [
        (0.0, 0.0),
        (0.25, 0.013_000_313_758_431_435),
        (0.75, 0.171_817_729_446_410_38),
        (1.0, most),
    ] {
        let plan = partial(&cost(), &a, &b, mass).unwrap();
        is(plan.value, pot);
        is(plan.entries.iter().map(|e| e.mass).sum(), mass);
    }
    for (mass, pot) in [(0.5, 0.050_923_450_675_815_655), (1.0, 0.509_771_763_563_120_7)] {
        is(partial(&cost(), &a, &half_more, mass).unwrap().value, pot);
    }
    assert!(partial(&cost(), &a, &b, -1e-9).is_err());
    assert!(partial(&cost(), &a, &b, f64::NAN).is_err());
}

/// `ot.sliced_wasserstein_distance` along given directions.
#[test]
fn sliced_distances_along_given_directions() {
    let value = |zeros: [&[usize]; 2], p| {
        let (a, b) = (shares(A, zeros[0]), shares(B, zeros[1]));
        sliced(&Samples { x: &x(), y: &y(), a: &a, b: &b, d: 2 }, &DIRECTIONS, p).unwrap()
    };
    is(value([&[], &[]], 2.0), 0.403_365_231_302_224_74);
    is(value([&[], &[]], 1.0), 0.314_543_186_455_315_87);
    is(value([&[1], &[0, 2]], 2.0), 0.500_358_608_542_010_4);
}

/// `ot.wasserstein_1d`, which is `W_p^p`, on values that are equal within and across the sides.
#[test]
fn ties_on_the_line() {
    let (x, y) = ([0.0, 0.0, 1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 0.0, 2.0, 2.0]);
    for p in [1.0, 2.0, 3.0] {
        is(line::wasserstein(&x, &shares(A, &[]), &y, &shares(B, &[]), p).unwrap(), 0.25);
    }
    let (a, b) = (shares(A, &[1]), shares(B, &[0, 2]));
    is(line::wasserstein(&x, &a, &y, &b, 2.0).unwrap(), 0.425);
}

/// Points that stand on each other, within and across the sides.
#[test]
fn copies_of_points() {
    let (x, y) = (x(), y());
    let rows =
        |at: &[usize]| -> Vec<f64> { at.iter().flat_map(|i| [x[2 * i], x[2 * i + 1]]).collect() };
    let to = [rows(&[0, 1, 1]), y[..4].to_vec()].concat();
    let cost = Euclidean::squared(&rows(&[0, 0, 1, 1, 1, 2]), &to, 2).unwrap();
    let (a, b) = (shares(A, &[]), shares(B, &[]));
    is(exact(&cost, &a, &b).unwrap().value, 1.056_678_668_722_883);
    let plan = Sinkhorn::new(0.1).tolerance(1e-12).solve(&cost, &a, &b).unwrap().converged();
    is(plan.unwrap().cost, 1.065_601_309_129_337_5);
}

/// `ot.gaussian.bures_wasserstein_distance` with covariances of rank 0 and 1.
#[test]
fn singular_covariances() {
    let of = |c: [f64; 4]| Moments::new(vec![0.0; 2], c.to_vec()).unwrap();
    let (line, round, point) = (of([4.0, 2.0, 2.0, 1.0]), of([1.0, 0.0, 0.0, 9.0]), of([0.0; 4]));
    let w2 = |a, b| bures_w2_squared(a, b).unwrap();
    for (a, b, pot) in [
        (&line, &round, 2.790_859_625_468_830_7),
        (&round, &line, 2.790_859_625_468_830_7),
        (&line, &point, 2.236_067_977_499_79),
    ] {
        is(w2(a, b), pot * pot);
    }
    assert!(w2(&line, &line) < 1e-12 && w2(&point, &point) == 0.0);
}
