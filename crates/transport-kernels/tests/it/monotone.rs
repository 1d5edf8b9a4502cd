//! Increasing maps and masked layers: kernels and composed operations against each other and
//! against differences in f64.

use crate::spaces;
use burn::tensor::Tensor;
use std::sync::Arc;
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::monotone::BOUND;
use transport_kernels::{Activation, Mask, Monotone, Way, composed, ops};

const MAPS: [Monotone; 5] = [
    Monotone::Shift,
    Monotone::Affine,
    Monotone::Spline { bins: 1 },
    Monotone::Spline { bins: 2 },
    Monotone::Spline { bins: 8 },
];
const WAYS: [Way; 2] = [Way::Along, Way::Back];

type Map = fn(Monotone, Way, Tensor<2>, Tensor<2>, &Arc<[usize]>) -> (Tensor<2>, Tensor<1>);

fn composed_map(
    map: Monotone,
    way: Way,
    x: Tensor<2>,
    theta: Tensor<2>,
    columns: &Arc<[usize]>,
) -> (Tensor<2>, Tensor<1>) {
    composed::monotone::monotone(map, way, x, theta, columns)
}

/// Points inside the box and outside, and parameters of size `scale`.
fn arguments(map: Monotone, [n, d, m]: [usize; 3], scale: f64, space: &Space) -> [Tensor<2>; 2] {
    let x = Noise::new(1, n).normal(d, space).mul_scalar(2.5);
    let theta = Noise::new(2, n).normal(m * map.parameters(), space).mul_scalar(scale);
    [x, theta]
}

/// Normal numbers that f32 represents, the same in both precisions: draws in f32 differ from those in
/// f64 by more than a rounding, which an inverse of small slope would magnify.
fn cotangents(seed: u64, [n, d]: [usize; 2], space: &Space) -> Tensor<2> {
    let draws = Noise::new(seed, n).normal_values(d);
    space.tensor(draws.into_iter().map(|v| f64::from(v as f32)).collect(), [n, d])
}

/// Value, log-slopes, and the gradients of a weighted sum of both.
fn all(
    f: Map,
    (map, way): (Monotone, Way),
    [x, theta]: [Tensor<2>; 2],
    columns: &Arc<[usize]>,
) -> [Vec<f64>; 4] {
    let ([n, d], space) = (x.dims(), Space::of(&x));
    let (x, theta) = (x.autodiff().require_grad(), theta.autodiff().require_grad());
    let (y, log) = f(map, way, x.clone(), theta.clone(), columns);
    let by = Tensor::from_inner(cotangents(3, [n, d], &space));
    let by_log = Tensor::from_inner(cotangents(4, [n, 1], &space).squeeze_dim(1));
    let g = ((y.clone() * by).sum() + (log.clone() * by_log).sum()).backward();
    [
        to_host(y.inner()),
        to_host(log.inner()),
        to_host(x.grad(&g).unwrap()),
        to_host(theta.grad(&g).unwrap()),
    ]
}

/// The one suite: a map in f32 against the composed one in f64, at points that f32 represents.
fn holds(name: &str, f: Map) {
    let [single, double] = spaces();
    for map in MAPS {
        for way in WAYS {
            for (n, d, columns) in [(37, 5, vec![0, 2, 4]), (1, 3, vec![1]), (64, 2, vec![0, 1])] {
                let columns: Arc<[usize]> = columns.into();
                let sizes = [n, d, columns.len()];
                let args = arguments(map, sizes, 0.7, &single);
                let wide = args.clone().map(|a| {
                    let shape = a.dims();
                    double.tensor(to_host(a), shape)
                });
                let got = all(f, (map, way), args, &columns);
                let right = all(composed_map, (map, way), wide.clone(), &columns);
                // What a point's last bit in f32 does: the conditioning, large for an inverse of
                // small slope.
                let [x, theta] = wide;
                let nudged = [x.mul_scalar(1.0 + f64::from(f32::EPSILON)), theta];
                let nudged = all(composed_map, (map, way), nudged, &columns);
                for (part, (got, right)) in got.iter().zip(&right).enumerate() {
                    let size = right.iter().fold(1.0f64, |s, v| s.max(v.abs()));
                    for ((a, b), other) in got.iter().zip(right).zip(&nudged[part]) {
                        let gap = ((a - b).abs() - (other - b).abs()).max(0.0) / size;
                        let what = "value, log-slope, by x, by θ".split(", ").nth(part);
                        assert!(gap < 2e-5, "{name} {map:?} {way:?} {what:?}: {a} for {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn kernels_hold_the_suite() {
    holds("kernel", ops::monotone);
}

#[test]
fn composed_operations_hold_the_suite() {
    holds("composed", composed_map);
}

/// A planted fault: the log-slope of the other way.
#[test]
#[should_panic(expected = "faulty")]
fn the_suite_rejects_a_flipped_log_slope() {
    holds("faulty", |map, way, x, theta, columns| {
        let (y, log) = ops::monotone(map, way, x, theta, columns);
        (y, log.neg())
    });
}

/// A planted fault: a column that is read by its neighbour's parameters.
#[test]
#[should_panic(expected = "faulty")]
fn the_suite_rejects_swapped_parameters() {
    holds("faulty", |map, way, x, theta, columns| {
        let p = map.parameters();
        let first = theta.clone().narrow(1, 0, p);
        let rest = theta.clone().narrow(1, p, theta.dims()[1] - p);
        ops::monotone(map, way, x, Tensor::cat(vec![rest, first], 1), columns)
    });
}

/// The derivatives of the composed form, which the suite trusts, are those of its values.
#[test]
fn gradients_are_differences() {
    let [_, double] = spaces();
    let columns: Arc<[usize]> = Arc::from([0, 1]);
    let h = 1e-6;
    for map in MAPS {
        for way in WAYS {
            let args = arguments(map, [9, 2, 2], 0.7, &double);
            let [_, _, by_x, by_theta] = all(composed_map, (map, way), args.clone(), &columns);
            let total = |[x, theta]: [Tensor<2>; 2]| {
                let (y, log) = composed_map(map, way, x, theta, &columns);
                let by = cotangents(3, [9, 2], &double);
                let by_log: Tensor<1> = cotangents(4, [9, 1], &double).squeeze_dim(1);
                ((y * by).sum() + (log * by_log).sum()).into_scalar::<f64>()
            };
            for (which, gradient) in [by_x, by_theta].into_iter().enumerate() {
                let step = |k: usize, h: f64| {
                    let mut args = args.clone();
                    let shape = args[which].dims();
                    let mut values = to_host(args[which].clone());
                    values[k] += h;
                    args[which] = double.tensor(values, shape);
                    total(args)
                };
                for (k, g) in gradient.iter().enumerate() {
                    let difference = (step(k, h) - step(k, -h)) / (2.0 * h);
                    let gap = (g - difference).abs() / (1.0 + g.abs());
                    assert!(gap < 1e-6, "{map:?} {way:?} {which} {k}: {g} for {difference}");
                }
            }
        }
    }
}

/// At the box's ends and their neighbours, far outside, at extreme parameters and at NaN: finite
/// where the argument is, the identity outside, NaN where it is NaN.
#[test]
fn extremes_stay_finite() {
    let [single, _] = spaces();
    let b = BOUND;
    let x = vec![b, -b, b * (1.0 + 1e-6), -b * (1.0 - 1e-6), 0.0, -0.0, 1e-30, 1e30, -1e30, 4.9];
    let n = x.len();
    for map in MAPS {
        for way in WAYS {
            for scale in [0.0, 1.0, 30.0, 1e4] {
                let p = map.parameters();
                let theta = Noise::new(7, n).normal(p, &single).mul_scalar(scale);
                let points = single.tensor(x.clone(), [n, 1]);
                let columns = Arc::from([0]);
                let [y, log, by_x, by_theta] =
                    all(ops::monotone, (map, way), [points, theta], &columns);
                let all = y.iter().chain(&log).chain(&by_x).chain(&by_theta);
                let wild = all.filter(|v| !v.is_finite()).count();
                assert!(wild == 0, "{map:?} {way:?} {scale}: {y:?} {log:?} {by_x:?}");
                if let Monotone::Spline { .. } = map {
                    assert!(y[7] == f64::from(1e30f32) && log[7] == 0.0, "{map:?} {way:?}");
                }
            }
            let points = single.tensor(vec![f64::NAN; 3], [3, 1]);
            let theta = Noise::new(7, 3).normal(map.parameters(), &single);
            let (y, _) = ops::monotone(map, way, points, theta, &Arc::from([0]));
            assert!(to_host(y).iter().all(|v| v.is_nan()), "{map:?} {way:?}");
        }
    }
}

/// A row's bits do not depend on the rows beside it.
#[test]
fn rows_keep_their_bits_in_any_chunk() {
    let [single, _] = spaces();
    let columns: Arc<[usize]> = Arc::from([0, 2]);
    for map in MAPS {
        for way in WAYS {
            let [x, theta] = arguments(map, [37, 3, 2], 0.7, &single);
            let bits = |rows: std::ops::Range<usize>| {
                let (x, theta) = (x.clone().slice([rows.clone()]), theta.clone().slice([rows]));
                let (y, log) = ops::monotone(map, way, x, theta, &columns);
                [to_host(y), to_host(log)]
                    .map(|v| v.into_iter().map(f64::to_bits).collect::<Vec<u64>>())
            };
            let [whole, logs] = bits(0..37);
            for rows in [0..1, 1..3, 3..20, 20..37] {
                let [part, log] = bits(rows.clone());
                assert_eq!(part, whole[3 * rows.start..3 * rows.end], "{map:?} {way:?} {rows:?}");
                assert_eq!(log, logs[rows], "{map:?} {way:?}");
            }
        }
    }
}

#[test]
fn one_row_of_parameters_serves_all() {
    for space in spaces() {
        let columns: Arc<[usize]> = Arc::from([1]);
        for map in MAPS {
            let [x, _] = arguments(map, [6, 3, 1], 0.0, &space);
            let theta = Noise::new(5, 1).normal(map.parameters(), &space);
            let (one, log) = ops::monotone(map, Way::Along, x.clone(), theta.clone(), &columns);
            let many = theta.repeat_dim(0, 6);
            let (each, logs) = ops::monotone(map, Way::Along, x, many, &columns);
            assert_eq!((to_host(one), to_host(log)), (to_host(each), to_host(logs)));
        }
    }
}

fn masked(
    kernels: bool,
    kind: Option<Activation>,
    mask: Option<&Mask>,
    around: bool,
    space: &Space,
) -> Vec<Vec<f64>> {
    let draw = |seed, n, m| Noise::new(seed, n).normal(m, space).autodiff().require_grad();
    let (x, w) = (draw(1, 19, 12), draw(2, 12, 12));
    let b = Noise::new(3, 1).normal(12, space).reshape([12]).autodiff().require_grad();
    let f = if kernels { ops::masked_layer } else { composed::masked_layer };
    let y = f(kind, x.clone(), w.clone(), b.clone(), mask, around);
    let by = Tensor::from_inner(Noise::new(4, 19).normal(12, space));
    let g = (y.clone() * by).sum().backward();
    let gradients = [to_host(x.grad(&g).unwrap()), to_host(w.grad(&g).unwrap())];
    let mut all = vec![to_host(y.inner()), to_host(b.grad(&g).unwrap())];
    all.extend(gradients);
    all
}

#[test]
fn masked_layers_agree_with_the_composed_ones() {
    let [single, double] = spaces();
    for kind in [None, Some(Activation::Relu), Some(Activation::Silu)] {
        for (around, masks) in [(false, false), (true, true), (false, true)] {
            let mask = |space: &Space| masks.then(|| Mask::new([12, 12], |i, o| o >= i, space));
            let got = masked(true, kind, mask(&single).as_ref(), around, &single);
            let right = masked(false, kind, mask(&double).as_ref(), around, &double);
            for (got, right) in got.iter().zip(&right) {
                for (a, b) in got.iter().zip(right) {
                    assert!((a - b).abs() < 2e-5 * (1.0 + b.abs()), "{kind:?} {around}: {a} {b}");
                }
            }
            // Connections that do not exist have no gradient.
            let holes = (0..144).filter(|e| e % 12 < e / 12);
            assert!(!masks || holes.into_iter().all(|e| got[3][e] == 0.0));
        }
    }
}

#[test]
fn columns_are_read_and_their_gradients_return() {
    for space in spaces() {
        let x = Noise::new(1, 5).normal(4, &space).autodiff().require_grad();
        let y = ops::columns(&x, &Arc::from([3, 1]));
        let weights = space.tensor::<2>(vec![2.0, 5.0], [1, 2]);
        let g = (y.clone() * Tensor::from_inner(weights)).sum().backward();
        let (all, some) = (to_host(x.clone().inner()), to_host(y.inner()));
        assert!((0..5).all(|i| some[2 * i] == all[4 * i + 3] && some[2 * i + 1] == all[4 * i + 1]));
        let gradient = to_host(x.grad(&g).unwrap());
        assert!(gradient.chunks(4).all(|row| row == [0.0, 5.0, 0.0, 2.0]));
    }
}
