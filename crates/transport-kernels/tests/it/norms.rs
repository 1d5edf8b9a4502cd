//! Norms against f64, and what is finite.

use crate::spaces;
use burn::tensor::{DType, Tensor};
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::norms::{is_finite, scaled_norms};

fn random(seed: u64, [n, d]: [usize; 2], space: &Space) -> Tensor<2> {
    Noise::new(seed, n).normal(d, space)
}

fn epsilon(space: &Space) -> f64 {
    if space.dtype == DType::F32 { 6e-8 } else { 1.2e-16 }
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

/// Wherever in a row, a block or the rest of one a bad element stands; large ones are good.
#[test]
fn one_element_that_is_not_finite_is_found() {
    for space in spaces() {
        for shape in [[1, 1], [1, 63], [1, 64], [5, 13], [3, 100]] {
            let n = shape[0] * shape[1];
            let good: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { 3e30 } else { -1e-40 }).collect();
            assert!(is_finite(&space.tensor(good.clone(), shape)), "{shape:?}");
            for place in [0, n / 3, n - 1] {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let mut values = good.clone();
                    values[place] = bad;
                    assert!(!is_finite(&space.tensor(values, shape)), "{bad} at {place}");
                }
            }
        }
    }
}
