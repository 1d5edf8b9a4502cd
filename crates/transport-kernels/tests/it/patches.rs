//! Patches: values and gradients against Burn's own operations, and both against a convolution.

use crate::spaces;
use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::patches::{PATCH, composed_gather, composed_scatter, gather, scatter};

fn images(seed: u64, [n, h, w, c]: [usize; 4], space: &Space) -> Tensor<4> {
    Noise::new(seed, n).normal(h * w * c, space).reshape([n, h, w, c])
}

/// The value and the gradient of a weighted sum.
fn of(f: fn(Tensor<4>) -> Tensor<4>, x: &Tensor<4>) -> [Vec<f64>; 2] {
    let x = Tensor::<4>::from_inner(x.clone()).require_grad();
    let y = f(x.clone());
    let weights = images(8, y.dims(), &Space::of(&y));
    let g = (y.clone() * Tensor::from_inner(weights)).sum().backward();
    [to_host(y.inner()), to_host(x.grad(&g).unwrap())]
}

/// Images of one row, one column and one pixel among them.
const SHAPES: [[usize; 4]; 6] =
    [[2, 4, 4, 3], [3, 5, 7, 2], [1, 1, 6, 4], [2, 6, 1, 1], [4, 1, 1, 5], [2, 2, 2, 16]];

#[test]
fn patches_and_their_gradients_are_the_composed_ones() {
    for space in spaces() {
        for [n, h, w, c] in SHAPES {
            let close = |a: [Vec<f64>; 2], b: [Vec<f64>; 2]| {
                let pairs = a.iter().flatten().zip(b.iter().flatten());
                assert_eq!(a.each_ref().map(Vec::len), b.each_ref().map(Vec::len));
                // Nine terms of size 1, in another order.
                pairs.for_each(|(a, b)| {
                    assert!((a - b).abs() < 5e-6, "{:?}: {a} {b}", [n, h, w, c])
                });
            };
            let x = images(1, [n, h, w, c], &space);
            close(of(gather, &x), of(composed_gather, &x));
            let y = images(2, [n, h, w, PATCH * c], &space);
            close(of(scatter, &y), of(composed_scatter, &y));
        }
    }
}

/// Gathering and a matrix product are Burn's convolution; scattering is gathering's transpose.
#[test]
fn patches_make_a_convolution() {
    for (space, tolerance) in spaces().into_iter().zip([1e-4, 1e-11]) {
        let [n, h, w, c] = [2, 3, 5, 2];
        let outputs = 4;
        let x = images(3, [n, h, w, c], &space);
        let kernel = images(4, [outputs, c, 3, 3], &space);
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        let planes = x.clone().permute([0, 3, 1, 2]);
        let expected = conv2d(planes, kernel.clone(), None, options);
        // Rows of the matrix: place in the neighbourhood, then channel.
        let matrix = kernel.permute([2, 3, 1, 0]).reshape([PATCH * c, outputs]);
        let y = gather(x.clone()).reshape([n * h * w, PATCH * c]).matmul(matrix);
        let gap = y.reshape([n, h, w, outputs]).permute([0, 3, 1, 2]) - expected;
        assert!(to_host(gap).iter().all(|g| g.abs() < tolerance));

        let u = images(5, [n, h, w, PATCH * c], &space);
        let left = to_host((gather(x.clone()) * u.clone()).sum())[0];
        let right = to_host((x * scatter(u)).sum())[0];
        assert!((left - right).abs() < tolerance, "{left} against {right}");
    }
}

#[test]
#[should_panic(expected = "10 values of a pixel in nine parts")]
fn a_pixel_has_nine_parts() {
    let [space, _] = spaces();
    let _ = scatter(images(1, [1, 2, 2, 10], &space));
}
