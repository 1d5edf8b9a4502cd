//! Convolutions: values and gradients against Burn's own operations, on every kind of border and
//! stride; rows that keep their bits among any others.

use crate::spaces;
use burn::tensor::Tensor;
use transport_core::testkit::max_or_nan;
use transport_core::{Noise, Space, device::to_host};
use transport_kernels::convolution::{
    Kernel, composed_convolve, composed_transpose, convolve, transpose,
};

fn images(seed: u64, [n, c, h, w]: [usize; 4], space: &Space) -> Tensor<4> {
    Noise::new(seed, n).normal(c * h * w, space).reshape([n, c, h, w])
}

fn zeros(n: usize, space: &Space) -> Tensor<1> {
    space.tensor(vec![0.0; n], [n])
}

struct Case {
    shape: [usize; 4],
    outputs: usize,
    kernel: Kernel,
}

fn kernel(side: usize, stride: usize, border: usize) -> Kernel {
    Kernel { side, stride, border }
}

/// A pixel, a kernel as large as the image, borders wider than the kernel, strides that leave
/// rows unread, more rows than a block holds.
fn cases() -> Vec<Case> {
    let case = |shape, outputs, kernel| Case { shape, outputs, kernel };
    vec![
        case([2, 3, 5, 7], 4, Kernel::same(3)),
        case([3, 2, 4, 4], 1, Kernel::same(3)),
        case([2, 5, 3, 4], 6, Kernel::pointwise()),
        case([1, 1, 1, 1], 2, Kernel::same(3)),
        case([2, 2, 7, 6], 3, kernel(4, 2, 1)),
        case([2, 2, 6, 8], 3, kernel(3, 2, 0)),
        case([1, 3, 5, 5], 2, kernel(5, 1, 0)),
        case([2, 1, 4, 3], 2, kernel(2, 3, 3)),
        case([1, 2, 9, 4], 2, kernel(2, 4, 0)),
        case([9, 20, 28, 28], 7, Kernel::same(3)),
        case([2, 1, 28, 28], 16, Kernel::same(7)),
        // Tiles of 2 × 2 outputs, several images at once, odd sizes and every border of theirs.
        case([3, 24, 7, 7], 33, Kernel::same(3)),
        case([5, 40, 4, 5], 24, kernel(3, 1, 0)),
        case([2, 24, 5, 3], 30, kernel(3, 1, 2)),
        case([1, 24, 20, 23], 24, Kernel::same(3)),
        // As many planes, one image larger than a border can be turned around.
        case([2, 24, 4, 3], 24, kernel(3, 1, 3)),
        case([3, 34, 9, 7], 25, kernel(3, 2, 1)),
        case([3, 34, 6, 6], 25, kernel(2, 2, 0)),
    ]
}

impl Case {
    fn weight(&self, space: &Space) -> Tensor<4> {
        let Self { shape: [_, c, ..], outputs, kernel: Kernel { side, .. } } = *self;
        images(2, [outputs, c, side, side], space)
    }

    fn places(&self) -> [usize; 4] {
        let [n, _, h, w] = self.shape;
        [n, self.outputs, self.kernel.places(h), self.kernel.places(w)]
    }

    fn size(&self) -> [usize; 2] {
        [self.shape[2], self.shape[3]]
    }
}

/// The value of a map, and the gradients of a weighted sum of it in each argument.
fn of<const D: usize>(
    f: impl Fn([Tensor<4>; 2], Tensor<1>) -> Tensor<4>,
    tensors: [Tensor<4>; 2],
    bias: Tensor<1>,
) -> [Vec<f64>; D] {
    let [x, w] = tensors.map(|x| Tensor::<4>::from_inner(x).require_grad());
    let bias = Tensor::<1>::from_inner(bias).require_grad();
    let y = f([x.clone(), w.clone()], bias.clone());
    let weights = images(8, y.dims(), &Space::of(&y));
    let g = (y.clone() * Tensor::from_inner(weights)).sum().backward();
    let host = |x: Option<Tensor<4>>| x.map(to_host).unwrap_or_default();
    let by_bias = bias.grad(&g).map(to_host).unwrap_or_default();
    let all = [to_host(y.inner()), host(x.grad(&g)), host(w.grad(&g)), by_bias];
    std::array::from_fn(|k| all[k].clone())
}

/// Largest difference over the largest value.
fn gap(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(1e-300, |m: f64, v| m.max(v.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, max_or_nan) / size
}

#[test]
fn convolutions_and_their_gradients_are_burns() {
    for (space, tolerance) in spaces().into_iter().zip([1e-5, 1e-13]) {
        for case in cases() {
            let (x, w) = (images(1, case.shape, &space), case.weight(&space));
            let bias = Noise::new(3, 1).normal(case.outputs, &space).flatten(0, 1);
            let ours: [_; 4] = of(
                |[x, w], b| convolve(x, w, b, case.kernel),
                [x.clone(), w.clone()],
                bias.clone(),
            );
            let burns: [_; 4] =
                of(|[x, w], b| composed_convolve(x, w, b, case.kernel), [x, w], bias);
            for (k, (a, b)) in ours.iter().zip(&burns).enumerate() {
                let gap = gap(a, b);
                assert!(gap < tolerance, "{:?} {:?}, part {k}: {gap}", case.shape, case.kernel);
            }
        }
    }
}

#[test]
fn transposes_and_their_gradients_are_burns() {
    for (space, tolerance) in spaces().into_iter().zip([1e-5, 1e-13]) {
        for case in cases() {
            let (u, w) = (images(1, case.places(), &space), case.weight(&space));
            let unused = Noise::new(3, 1).normal(1, &space).flatten(0, 1);
            let ours: [_; 3] = of(
                |[u, w], _| transpose(u, w, case.size(), case.kernel),
                [u.clone(), w.clone()],
                unused.clone(),
            );
            let burns: [_; 3] =
                of(|[u, w], _| composed_transpose(u, w, case.size(), case.kernel), [u, w], unused);
            for (k, (a, b)) in ours.iter().zip(&burns).enumerate() {
                let gap = gap(a, b);
                assert!(gap < tolerance, "{:?} {:?}, part {k}: {gap}", case.shape, case.kernel);
            }
        }
    }
}

/// ⟨K ∗ x, u⟩ = ⟨x, Kᵀ ∗ u⟩.
#[test]
fn the_transpose_is_the_adjoint() {
    for (space, tolerance) in spaces().into_iter().zip([1e-4, 1e-12]) {
        for case in cases() {
            let (x, u) = (images(1, case.shape, &space), images(4, case.places(), &space));
            let w = case.weight(&space);
            let zero = zeros(case.outputs, &space);
            let y = convolve(x.clone(), w.clone(), zero, case.kernel);
            let back = transpose(u.clone(), w, case.size(), case.kernel);
            let size = to_host((y.clone() * u.clone()).abs().sum())[0];
            let (left, right) = (to_host((y * u).sum())[0], to_host((x * back).sum())[0]);
            assert!((left - right).abs() < tolerance * size, "{left} against {right}");
        }
    }
}

/// Planes of convolutions by sums over the kernel, through tiles of 2 × 2, and from pixel to pixel.
const FORMS: [(usize, Kernel); 3] = [
    (16, Kernel { side: 3, stride: 1, border: 1 }),
    (32, Kernel { side: 3, stride: 1, border: 1 }),
    (32, Kernel { side: 1, stride: 1, border: 0 }),
];

/// Gradients and transposes have the same bits on one thread and on several.
#[test]
fn gradients_do_not_depend_on_the_threads() {
    let [space, _] = spaces();
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for (planes, kernel) in FORMS {
        let case = Case { shape: [32, planes, 16, 16], outputs: 24, kernel };
        let (x, w) = (images(1, case.shape, &space), case.weight(&space));
        let (u, bias) = (images(3, case.places(), &space), zeros(24, &space));
        let all = || {
            let tensors = [x.clone(), w.clone()];
            let of_convolution: [_; 4] =
                of(|[x, w], b| convolve(x, w, b, case.kernel), tensors, bias.clone());
            let transposed = transpose(u.clone(), w.clone(), case.size(), case.kernel);
            (of_convolution, to_host(transposed))
        };
        assert!(single.install(all) == all(), "{planes} planes, {kernel:?}");
    }
}

/// An image has the same bits alone and among others, on one thread and on several, large or small.
#[test]
fn an_image_keeps_its_bits() {
    let [space, _] = spaces();
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for ((planes, kernel), side) in FORMS.into_iter().flat_map(|form| [(form, 16), (form, 5)]) {
        let case = Case { shape: [33, planes, side, side], outputs: 24, kernel };
        let (x, weight) = (images(1, case.shape, &space), case.weight(&space));
        let bias = zeros(24, &space);
        let of = |x: Tensor<4>| to_host(convolve(x, weight.clone(), bias.clone(), kernel));
        let all = of(x.clone());
        let alone = of(x.clone().narrow(0, 20, 1));
        assert_eq!(all[20 * alone.len()..21 * alone.len()], alone[..], "{planes}, {kernel:?}");
        assert!(single.install(|| of(x)) == all, "{planes} planes, {kernel:?}");
    }
}

#[test]
#[should_panic(expected = "a kernel of side 5 on 2 pixels")]
fn a_kernel_fits_the_image() {
    let [space, _] = spaces();
    let (x, w) = (images(1, [1, 1, 2, 9], &space), images(2, [1, 1, 5, 5], &space));
    let _ = convolve(x, w, zeros(1, &space), kernel(5, 1, 1));
}

#[test]
#[should_panic(expected = "2 planes meet a kernel for 3")]
fn planes_meet_their_kernel() {
    let [space, _] = spaces();
    let (x, w) = (images(1, [1, 2, 4, 4], &space), images(2, [1, 3, 3, 3], &space));
    let _ = convolve(x, w, zeros(1, &space), Kernel::same(3));
}
