//! Combinations and norms against sums in f64, and against themselves in chunks.

use crate::spaces;
use burn::tensor::{DType, Tensor};
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::combination::{Factor, combine, composed, scaled_norms};

const WEIGHTS: [f64; 3] = [0.25, -1.5, 3.0];

fn random(seed: u64, [n, d]: [usize; 2], space: &Space) -> Tensor<2> {
    Noise::new(seed, n).normal(d, space)
}

fn terms(shape: [usize; 2], space: &Space) -> Vec<Tensor<2>> {
    (2..5).map(|seed| random(seed, shape, space)).collect()
}

fn epsilon(space: &Space) -> f64 {
    if space.dtype == DType::F32 { 6e-8 } else { 1.2e-16 }
}

/// Four roundings of sums of magnitude below `|x| + h Σ |w k|`.
#[test]
fn a_combination_is_its_sum() {
    for space in spaces() {
        for shape in [[1, 1], [3, 2], [40, 7], [5, 64], [1, 700], [700, 300]] {
            let (x, terms) = (random(1, shape, &space), terms(shape, &space));
            let each: Vec<f64> = (0..shape[0]).map(|i| 0.1 + 0.01 * (i % 17) as f64).collect();
            for (factor, h) in [(Factor::Same(0.3), None), (Factor::Each(&each), Some(&each))] {
                for start in [None, Some(&x)] {
                    let found = to_host(combine(start, factor, &WEIGHTS, &terms));
                    let values: Vec<Vec<f64>> = terms.iter().cloned().map(to_host).collect();
                    let base = start.map_or(vec![0.0; found.len()], |x| to_host(x.clone()));
                    for (i, found) in found.into_iter().enumerate() {
                        let h = h.map_or(0.3, |h| h[i / shape[1]]);
                        let parts = values.iter().zip(WEIGHTS).map(|(k, w)| h * w * k[i]);
                        let size = base[i].abs() + parts.clone().map(f64::abs).sum::<f64>();
                        let gap = (found - base[i] - parts.sum::<f64>()).abs();
                        assert!(gap <= 8.0 * epsilon(&space) * size, "{shape:?} at {i}: {gap}");
                    }
                }
            }
        }
    }
}

/// With the order of rows and columns of terms that are views, and with gradients.
#[test]
fn views_and_gradients_take_the_same_value() {
    for space in spaces() {
        let turned = random(1, [6, 9], &space).transpose();
        let terms = [turned.clone(), random(2, [9, 6], &space)];
        let found = combine(Some(&turned), Factor::Same(0.5), &[2.0, 1.0], &terms);
        let expected = composed(Some(&turned), Factor::Same(0.5), &[2.0, 1.0], &terms);
        let gap = to_host((found - expected).abs().max());
        assert!(gap[0] <= 20.0 * epsilon(&space), "{gap:?}");

        let x = random(3, [4, 3], &space).autodiff().require_grad();
        let y = combine(Some(&x), Factor::Same(0.5), &[4.0], std::slice::from_ref(&x));
        let slope = to_host(x.grad(&y.sum().backward()).unwrap());
        assert!(slope.iter().all(|s| *s == 3.0), "{slope:?}");
    }
}

#[test]
fn norms_are_those_of_the_rows() {
    for space in spaces() {
        for shape in [[4, 1], [9, 2], [3, 70], [1, 5000]] {
            let [e, x, y] = [1, 2, 3].map(|seed| random(seed, shape, &space));
            let found = scaled_norms(&e, [&x, &y], (1e-3, 0.1));
            let [e, x, y] = [e, x, y].map(to_host);
            for (row, found) in found.into_iter().enumerate() {
                let square = |i: usize| {
                    (e[i] / (1e-3 + 0.1 * x[i].abs().max(y[i].abs()))).powi(2) / shape[1] as f64
                };
                let all = row * shape[1]..(row + 1) * shape[1];
                let expected = all.map(square).sum::<f64>().sqrt();
                let bound = 100.0 * epsilon(&space) * expected;
                assert!((found - expected).abs() <= bound, "{shape:?}: {found}, {expected}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_gives_norms_that_are_not() {
    for space in spaces() {
        for bad in [f64::NAN, f64::INFINITY] {
            let one = space.tensor(vec![1.0; 4], [2, 2]);
            let odd = space.tensor(vec![1.0, 1.0, 1.0, bad], [2, 2]);
            let norms = scaled_norms(&odd, [&one, &odd], (1e-3, 0.1));
            assert!((norms[0] - 1.0 / 0.101).abs() < 1e-4 && !norms[1].is_finite(), "{norms:?}");
        }
    }
}

/// The bits of a row do not depend on the rows beside it.
#[test]
fn chunks_are_parts_of_the_whole() {
    let [space, _] = spaces();
    let shape = [1000, 150];
    let (x, terms) = (random(1, shape, &space), terms(shape, &space));
    let h: Vec<f64> = (0..shape[0]).map(|i| 0.1 + 0.001 * i as f64).collect();
    let whole = combine(Some(&x), Factor::Each(&h), &WEIGHTS, &terms);
    let norms = scaled_norms(&whole, [&x, &terms[0]], (0.1, 0.1));
    for rows in [0..1, 1..18, 18..777, 777..1000] {
        let part = |t: &Tensor<2>| t.clone().slice([rows.clone()]);
        let some: Vec<Tensor<2>> = terms.iter().map(part).collect();
        let (x, h) = (part(&x), Factor::Each(&h[rows.clone()]));
        let found = combine(Some(&x), h, &WEIGHTS, &some);
        assert_eq!(to_host(found.clone()), to_host(part(&whole)), "rows {rows:?}");
        let some = scaled_norms(&found, [&x, &some[0]], (0.1, 0.1));
        assert_eq!(some, norms[rows.clone()], "norms of rows {rows:?}");
    }
}
