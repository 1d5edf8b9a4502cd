//! Group norms: values and gradients against Burn's own operations, and rows that keep their bits
//! among any others.

use crate::spaces;
use burn::tensor::Tensor;
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::group_norm::{Norm, composed_group_norm, group_norm};

type Map = fn(Tensor<4>, Tensor<2>, Tensor<2>, Norm) -> Tensor<4>;

fn draws([n, c, h, w]: [usize; 4], space: &Space) -> (Tensor<4>, [Tensor<2>; 2]) {
    let x = Noise::new(1, n).normal(c * h * w, space).mul_scalar(2.0).add_scalar(0.7);
    let features = [2, 3].map(|seed| Noise::new(seed, n).normal(c, space));
    (x.reshape([n, c, h, w]), features)
}

/// The value, and the gradients of `Σ cos ⊙ y` in all three arguments.
fn all(map: Map, shape: [usize; 4], norm: Norm, space: &Space) -> [Vec<f64>; 4] {
    let (x, [scale, shift]) = draws(shape, space);
    let x = x.autodiff().require_grad();
    let [scale, shift] = [scale, shift].map(|x| x.autodiff().require_grad());
    let y = map(x.clone(), scale.clone(), shift.clone(), norm);
    let weight = space.tensor(
        (0..shape.iter().product()).map(|i: usize| (0.7 * i as f64).cos()).collect(),
        shape,
    );
    let g = (y.clone() * Tensor::from_inner(weight)).sum().backward();
    let host = |x: Option<Tensor<2>>| to_host(x.unwrap());
    [to_host(y.inner()), to_host(x.grad(&g).unwrap()), host(scale.grad(&g)), host(shift.grad(&g))]
}

/// f32 against f64: a few units in the last place of sums of up to 6,272 terms.
#[test]
fn values_and_gradients_are_the_composed_ones() {
    let [single, double] = spaces();
    for (shape, groups) in
        [([2, 4, 3, 5], 2), ([3, 6, 1, 1], 2), ([2, 32, 28, 28], 4), ([1, 3, 4, 4], 1)]
    {
        for silu in [false, true] {
            let norm = Norm { groups, epsilon: 1e-5, silu };
            let got = all(group_norm, shape, norm, &single);
            let expected = all(composed_group_norm, shape, norm, &double);
            for (got, expected) in got.iter().zip(&expected) {
                let size = expected.iter().map(|v| v.abs()).fold(1.0, f64::max);
                for (a, b) in got.iter().zip(expected) {
                    assert!((a - b).abs() < 2e-5 * size, "{shape:?}, {silu}: {a} against {b}");
                }
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_among_others_and_alone() {
    let [space, _] = spaces();
    let shape = [40, 16, 14, 14];
    let (x, [scale, shift]) = draws(shape, &space);
    let norm = Norm { groups: 4, epsilon: 1e-5, silu: true };
    let whole = to_host(group_norm(x.clone(), scale.clone(), shift.clone(), norm));
    let row = |i: usize| {
        let part = group_norm(
            x.clone().narrow(0, i, 1),
            scale.clone().narrow(0, i, 1),
            shift.clone().narrow(0, i, 1),
            norm,
        );
        to_host(part)
    };
    for i in [0, 7, 39] {
        let (size, alone) = (whole.len() / 40, row(i));
        assert!(
            whole[i * size..(i + 1) * size]
                .iter()
                .zip(&alone)
                .all(|(a, b)| a.to_bits() == b.to_bits())
        );
    }
}
