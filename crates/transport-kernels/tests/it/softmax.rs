//! Softmax against f64, in rows of every width that has a loop of its own.

use crate::spaces;
use burn::tensor::{DType, Tensor};
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::softmax;

fn rows([n, k]: [usize; 2], space: &Space) -> Tensor<2> {
    Noise::new(k as u64, n).normal(k, space).mul_scalar(4.0)
}

#[test]
fn weights_are_exponentials_over_their_sum() {
    for space in spaces() {
        let epsilon = if space.dtype == DType::F32 { 6e-8 } else { 1.2e-16 };
        for shape in [[1, 1], [5, 2], [33, 3], [17, 4], [100, 8], [31, 9], [16, 16], [3, 40]] {
            let x = rows(shape, &space);
            let (found, x) = (to_host(softmax(x.clone())), to_host(x));
            for (found, x) in found.chunks(shape[1]).zip(x.chunks(shape[1])) {
                let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = x.iter().map(|x| (x - most).exp()).sum();
                for (found, x) in found.iter().zip(x) {
                    // An exponent's error is that of its rounding: up to 30 in f32.
                    let exact = (x - most).exp() / sum;
                    let bound = (20.0 + 2.0 * (x - most).abs()) * epsilon * exact;
                    assert!((found - exact).abs() <= bound, "{shape:?}: {found}, {exact}");
                }
            }
        }
    }
}

/// Large numbers do not overflow, and a weight of 0 may be exactly that.
#[test]
fn far_components_weigh_nothing() {
    for space in spaces() {
        for k in [2, 5, 8] {
            let mut values = vec![-1e30; k];
            values[1] = 1e30;
            let found = to_host(softmax(space.tensor(values, [1, k])));
            assert_eq!(found[1], 1.0);
            assert_eq!(found.iter().sum::<f64>(), 1.0);
        }
    }
}

/// What is not a number stays in its row, and is not hidden.
#[test]
fn what_is_not_a_number_stays_in_its_row() {
    for space in spaces() {
        for k in [3, 8] {
            let mut values = vec![0.5; 3 * k];
            values[k + 1] = f64::NAN;
            let found = to_host(softmax(space.tensor(values, [3, k])));
            assert!(found[k..2 * k].iter().all(|v| v.is_nan()), "{found:?}");
            assert!(found[..k].iter().chain(&found[2 * k..]).all(|v| v.is_finite()), "{found:?}");
        }
    }
}

/// The bits of a row do not depend on the rows beside it, and gradients are Burn's.
#[test]
fn rows_stand_alone_and_gradients_pass() {
    for space in spaces() {
        for k in [2, 8, 11] {
            let x = rows([37, k], &space);
            let whole = to_host(softmax(x.clone()));
            let part = to_host(softmax(x.clone().narrow(0, 5, 25)));
            assert_eq!(part, whole[5 * k..30 * k]);

            let x = x.autodiff().require_grad();
            let first = softmax(x.clone()).narrow(1, 0, 1);
            let slope = to_host(x.grad(&first.sum().backward()).unwrap());
            for (slope, p) in slope.chunks(k).zip(whole.chunks(k)) {
                let expected = |j: usize| p[0] * (f64::from(u8::from(j == 0)) - p[j]);
                assert!((0..k).all(|j| (slope[j] - expected(j)).abs() < 1e-6));
            }
        }
    }
}
