//! Fused layers against the composed ones, gradients included, and against themselves in chunks.

use crate::spaces;
use burn::tensor::Tensor;
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::{Activation, composed, ops};

const KIND: Activation = Activation::Silu;

fn matrix(seed: u64, shape: [usize; 2], space: &Space) -> Tensor<2> {
    let scale = 1.0 / (shape[0] as f64).sqrt();
    Noise::new(seed, shape[0]).normal(shape[1], space).mul_scalar(scale)
}

fn vector(seed: u64, n: usize, space: &Space) -> Tensor<1> {
    Noise::new(seed, 1).normal(n, space).reshape([n])
}

type Layer = fn(Activation, Tensor<2>, Tensor<2>, Tensor<1>, bool) -> Tensor<2>;
type Onto = fn(Tensor<2>, Tensor<2>, Tensor<2>, Tensor<1>) -> Tensor<2>;

/// Value and all gradients of a weighted sum, one after another.
fn of_layer(layer: Layer, [n, k, m]: [usize; 3], around: bool, space: &Space) -> Vec<Vec<f64>> {
    let x = Noise::new(1, n).normal(k, space).autodiff().require_grad();
    let w = matrix(2, [k, m], space).autodiff().require_grad();
    let b = vector(3, m, space).autodiff().require_grad();
    let y = layer(KIND, x.clone(), w.clone(), b.clone(), around);
    let weights = Noise::new(4, n).normal(m, space);
    let g = (y.clone() * Tensor::from_inner(weights)).sum().backward();
    vec![
        to_host(y.inner()),
        to_host(x.grad(&g).unwrap()),
        to_host(w.grad(&g).unwrap()),
        to_host(b.grad(&g).unwrap()),
    ]
}

fn of_onto(onto: Onto, [n, k, m]: [usize; 3], rows: usize, space: &Space) -> Vec<Vec<f64>> {
    let base = Noise::new(5, rows).normal(m, space).autodiff().require_grad();
    let x = Noise::new(1, n).normal(k, space).autodiff().require_grad();
    let w = matrix(2, [k, m], space).autodiff().require_grad();
    let b = vector(3, m, space).autodiff().require_grad();
    let y = onto(base.clone(), x.clone(), w.clone(), b.clone());
    let weights = Noise::new(4, n).normal(m, space);
    let g = (y.clone() * Tensor::from_inner(weights)).sum().backward();
    vec![
        to_host(y.inner()),
        to_host(base.grad(&g).unwrap()),
        to_host(x.grad(&g).unwrap()),
        to_host(w.grad(&g).unwrap()),
        to_host(b.grad(&g).unwrap()),
    ]
}

/// Within a multiple of ε of the largest entry, for sums of up to a few hundred terms.
fn close(a: &[Vec<f64>], b: &[Vec<f64>], epsilon: f64, what: &str) {
    for (part, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.len(), b.len(), "{what}: part {part}");
        let size = b.iter().fold(1.0f64, |s, v| s.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= 16.0 * epsilon * size, "{what}: part {part}: {a} for {b}");
        }
    }
}

#[test]
fn layers_agree_with_the_composed_ones_and_with_f64() {
    let [single, double] = spaces();
    let epsilon = f64::from(f32::EPSILON);
    for (shape, around) in [
        ([37, 24, 24], true),
        ([37, 24, 5], false),
        ([37, 24, 9], false),
        ([11, 64, 2], false),
        ([1, 3, 3], true),
        ([300, 64, 64], true),
    ] {
        let what = format!("{shape:?}");
        let kernel = of_layer(ops::layer, shape, around, &single);
        close(&kernel, &of_layer(composed::layer, shape, around, &single), epsilon, &what);
        close(&kernel, &of_layer(composed::layer, shape, around, &double), epsilon, &what);
        // f64 takes the composed operations.
        let wide = of_layer(ops::layer, shape, around, &double);
        assert_eq!(wide, of_layer(composed::layer, shape, around, &double));
    }
    for (shape, rows) in [
        ([37, 3, 24], 37),
        ([37, 3, 24], 1),
        ([9, 1, 40], 9),
        ([9, 4, 11], 1),
        ([9, 5, 11], 9),
        ([9, 33, 3], 9),
        ([9, 18, 2], 1),
        ([1, 8, 8], 1),
        ([1, 2, 30], 1),
    ] {
        let what = format!("onto {shape:?} {rows}");
        let kernel = of_onto(ops::onto, shape, rows, &single);
        close(&kernel, &of_onto(composed::onto, shape, rows, &single), epsilon, &what);
        close(&kernel, &of_onto(composed::onto, shape, rows, &double), epsilon, &what);
    }
}

/// A planted fault: the way around is left out of the gradient.
#[test]
#[should_panic(expected = "part 1")]
fn a_missing_gradient_is_noticed() {
    let [single, _] = spaces();
    let broken: Layer = |kind, x, w, b, around| {
        let y = composed::layer(kind, x.clone(), w, b, false);
        if around { x.detach() + y } else { y }
    };
    let right = of_layer(composed::layer, [20, 8, 8], true, &single);
    close(&of_layer(broken, [20, 8, 8], true, &single), &right, 1e-7, "broken");
}

/// Constants need no gradient and get none: data through trained weights, weights through data.
#[test]
fn untracked_parts_are_constants() {
    let [space, _] = spaces();
    let x = Noise::new(1, 9).normal(4, &space);
    let w = matrix(2, [4, 4], &space).autodiff().require_grad();
    let b = vector(3, 4, &space);
    let y = ops::layer(KIND, x.clone(), w.clone(), b.clone(), true);
    let g = w.grad(&y.sum().backward()).unwrap();
    let y = composed::layer(KIND, x.clone(), w.clone(), b.clone(), true);
    let other = w.grad(&y.sum().backward()).unwrap();
    assert!((g - other).abs().max().into_scalar::<f64>() < 1e-5);

    let leaf = x.autodiff().require_grad();
    let y = ops::onto(leaf.clone(), leaf.clone(), w.inner(), b);
    let g = leaf.grad(&y.sum().backward()).unwrap();
    assert_eq!(g.dims(), [9, 4]);
}

/// Views that are not contiguous, and views into a larger buffer.
#[test]
fn views_are_read_as_what_they_show() {
    let [space, _] = spaces();
    let whole = Noise::new(1, 12).normal(12, &space);
    let w = matrix(2, [5, 5], &space);
    let b = vector(3, 5, &space);
    for x in [
        whole.clone().slice([0..7, 0..5]),
        whole.clone().slice([3..9, 2..7]),
        whole.clone().transpose().slice([1..6, 4..9]),
    ] {
        let y = ops::layer(KIND, x.clone(), w.clone().transpose(), b.clone(), true);
        let other = composed::layer(KIND, x, w.clone().transpose(), b.clone(), true);
        assert!((y - other).abs().max().into_scalar::<f64>() < 1e-5);
    }
}

#[test]
fn a_row_has_the_same_bits_in_any_chunk() {
    let [space, _] = spaces();
    // Burn's own products sum single rows and columns in ways of their own.
    let thin: &[usize] = if transport_kernels::enabled() { &[1, 2, 3, 4, 17] } else { &[] };
    let shapes = thin.iter().flat_map(|k| [[*k, 24], [24, *k], [*k, 2]]);
    let long: &[[usize; 2]] = if thin.is_empty() { &[] } else { &[[768, 2], [784, 40], [2, 600]] };
    let square = [24, 64, 128, 256].map(|width| [width, width]);
    for [k, m] in shapes.chain(square).chain(long.iter().copied()) {
        let (w, b) = (matrix(2, [k, m], &space), vector(3, m, &space));
        let x = Noise::new(1, 333).normal(k, &space);
        let layer = |x: Tensor<2>| ops::layer(KIND, x, w.clone(), b.clone(), k == m);
        let plain = |x: Tensor<2>| ops::masked_layer(None, x, w.clone(), b.clone(), None, false);
        let slope = |x: Tensor<2>| ops::tangent(x.clone(), x, w.clone(), k == m);
        let onto = |x: Tensor<2>| {
            let base = x.clone().sum_dim(1).expand([x.dims()[0], m]);
            ops::onto(base, x, w.clone(), b.clone())
        };
        let gradient = |x: Tensor<2>| {
            let leaf = x.autodiff().require_grad();
            let [w, b] = [w.clone().autodiff(), b.clone().unsqueeze().autodiff()];
            let y = ops::masked_layer(None, leaf.clone(), w, b.squeeze_dim(0), None, false);
            leaf.grad(&y.powi_scalar(2).sum().backward()).unwrap()
        };
        let all: [&dyn Fn(Tensor<2>) -> Tensor<2>; 5] = [&layer, &plain, &slope, &onto, &gradient];
        let promised = if thin.is_empty() { 4 } else { 5 };
        for (which, f) in all.into_iter().enumerate().take(promised) {
            let whole = to_host(f(x.clone()));
            for size in [1, 2, 3, 7, 64, 100, 256] {
                let parts = x.clone().split(size, 0).into_iter();
                let parts: Vec<f64> = parts.flat_map(|x| to_host(f(x))).collect();
                let differ = whole.iter().zip(&parts).filter(|(a, b)| a != b).count();
                assert_eq!(differ, 0, "layer {which} of {k} to {m}, chunks of {size}");
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let [space, _] = spaces();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| of_layer(ops::layer, [700, 256, 256], true, &space))
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}

/// Blocks of directions are each the derivative along one, and agree with the composed operations.
#[test]
fn tangents_are_derivatives_of_layers() {
    let [single, double] = spaces();
    let (n, k) = (7, 24);
    for (space, h, tolerance) in [(&single, 1e-2, 2e-3), (&double, 1e-5, 1e-8)] {
        let x = Noise::new(1, n).normal(k, space);
        let (w, b) = (matrix(2, [k, k], space), vector(3, k, space));
        let u = Noise::new(6, 3 * n).normal(k, space);
        let slope = ops::activate_with_slope(KIND, x.clone()).1;
        for around in [false, true] {
            let all = ops::tangent(u.clone(), slope.clone(), w.clone(), around);
            let other = composed::tangent(u.clone(), slope.clone(), w.clone(), around);
            assert!((all.clone() - other).abs().max().into_scalar::<f64>() < 1e-5);
            for block in 0..3 {
                let u = u.clone().narrow(0, block * n, n);
                let at = |s: f64| {
                    let moved = x.clone() + u.clone().mul_scalar(s);
                    composed::layer(KIND, moved, w.clone(), b.clone(), around)
                };
                let difference = (at(h) - at(-h)).div_scalar(2.0 * h);
                let got = all.clone().narrow(0, block * n, n);
                let gap = (got - difference).abs().max().into_scalar::<f64>();
                assert!(gap < tolerance, "{around} {block}: {gap}");
            }
        }
    }
}

#[test]
fn the_mean_square_error_and_its_gradients() {
    for space in spaces() {
        for (n, d) in [(300, 7), (1, 1), (5, 2000)] {
            let leaf = |seed| Noise::new(seed, n).normal(d, &space).autodiff().require_grad();
            let all = |f: fn(Tensor<2>, Tensor<2>) -> Tensor<1>| {
                let (a, b) = (leaf(1), leaf(2));
                let error = f(a.clone(), b.clone());
                let g = (error.clone() * 3.0).backward();
                let (a, b) = (a.grad(&g).unwrap(), b.grad(&g).unwrap());
                [to_host(error.inner()), to_host(a), to_host(b)]
            };
            let kernel = all(ops::mean_square_error);
            close(&kernel, &all(composed::mean_square_error), f64::from(f32::EPSILON), "error");
        }
    }
}
