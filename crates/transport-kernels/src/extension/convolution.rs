//! [`crate::convolution`] as a backend extension of Flex: each is the other's gradient.

use super::{tensor, values};
use crate::convolution::{Kernel, Sizes, plane_sums};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

/// What is called on tensors.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait Convolutions: Backend {
    /// `K ∗ x + b`.
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kernel: Kernel,
    ) -> FloatTensor<Self>;

    /// `Kᵀ ∗ u` onto images of a size.
    fn convolution_transpose(
        u: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        size: [usize; 2],
        kernel: Kernel,
    ) -> FloatTensor<Self>;
}

/// What gradients are made of.
pub(crate) trait Pullbacks: Convolutions {
    /// `Σ g columns(x)ᵀ`.
    fn convolution_weight(
        x: FloatTensor<Self>,
        g: FloatTensor<Self>,
        kernel: Kernel,
    ) -> FloatTensor<Self>;

    /// `K ∗ x`.
    fn convolution_alone(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kernel: Kernel,
    ) -> FloatTensor<Self>;

    /// The sums of each plane, over images and pixels.
    fn plane_sums(g: FloatTensor<Self>) -> FloatTensor<Self>;
}

type Flat = FloatTensor<Flex>;

fn four(shape: &Shape) -> [usize; 4] {
    [shape[0], shape[1], shape[2], shape[3]]
}

impl Convolutions for Flex {
    fn convolution(x: Flat, weight: Flat, bias: Flat, kernel: Kernel) -> Flat {
        let ([n, channels, h, w], outputs) = (four(&x.shape()), weight.shape()[0]);
        let sizes = Sizes { channels, size: [h, w], outputs, kernel };
        let y = sizes.convolved(&values(&x), &values(&weight), &values(&bias), n);
        tensor(y, [n, outputs, kernel.places(h), kernel.places(w)])
    }

    fn convolution_transpose(u: Flat, weight: Flat, size: [usize; 2], kernel: Kernel) -> Flat {
        let ([n, outputs, ..], channels) = (four(&u.shape()), weight.shape()[1]);
        let sizes = Sizes { channels, size, outputs, kernel };
        let x = sizes.transposed(&values(&u), &values(&weight), n);
        tensor(x, [n, channels, size[0], size[1]])
    }
}

impl Pullbacks for Flex {
    fn convolution_alone(x: Flat, weight: Flat, kernel: Kernel) -> Flat {
        let outputs = weight.shape()[0];
        Self::convolution(x, weight, tensor(vec![0.0; outputs], [outputs]), kernel)
    }

    fn convolution_weight(x: Flat, g: Flat, kernel: Kernel) -> Flat {
        let ([n, channels, h, w], outputs) = (four(&x.shape()), g.shape()[1]);
        let sizes = Sizes { channels, size: [h, w], outputs, kernel };
        let gradient = sizes.weight_gradient(&values(&x), &values(&g), n);
        tensor(gradient, [outputs, channels, kernel.side, kernel.side])
    }

    fn plane_sums(g: Flat) -> Flat {
        let [_, planes, h, w] = four(&g.shape());
        tensor(plane_sums(&values(&g), planes, h * w), [planes])
    }
}

/// Keeps the images and the kernel.
#[derive(Debug)]
struct Convolve(Kernel);

impl<B: Pullbacks> Backward<B, 3> for Convolve {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, w, b], [images, weight]) = (ops.parents, ops.state);
        let [_, _, height, width] = four(&images.shape());
        let g = grads.consume::<B>(&ops.node);
        if let Some(b) = b {
            grads.register::<B>(b.id, B::plane_sums(g.clone()));
        }
        if let Some(w) = w {
            grads.register::<B>(w.id, B::convolution_weight(images, g.clone(), self.0));
        }
        if let Some(x) = x {
            let gradient = B::convolution_transpose(g, weight, [height, width], self.0);
            grads.register::<B>(x.id, gradient);
        }
    }
}

/// Keeps the images and the kernel.
#[derive(Debug)]
struct Transpose(Kernel);

impl<B: Pullbacks> Backward<B, 2> for Transpose {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([u, w], [images, weight]) = (ops.parents, ops.state);
        let g = grads.consume::<B>(&ops.node);
        if let Some(w) = w {
            // ⟨g, Kᵀ ∗ u⟩ = ⟨K ∗ g, u⟩: the two have changed places.
            grads.register::<B>(w.id, B::convolution_weight(g.clone(), images, self.0));
        }
        if let Some(u) = u {
            grads.register::<B>(u.id, B::convolution_alone(g, weight, self.0));
        }
    }
}

impl<B: Pullbacks, C: CheckpointStrategy> Convolutions for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kernel: Kernel,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (w, w_node), (b, b_node)) =
            (x.into_parts(), weight.into_parts(), bias.into_parts());
        let nodes = [x_node, w_node, b_node];
        match Convolve(kernel).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::convolution(x.clone(), w.clone(), b, kernel);
                prep.finish([x, w], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::convolution(x, w, b, kernel)),
        }
    }

    fn convolution_transpose(
        u: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        size: [usize; 2],
        kernel: Kernel,
    ) -> FloatTensor<Self> {
        let ((u, u_node), (w, w_node)) = (u.into_parts(), weight.into_parts());
        match Transpose(kernel).prepare::<C>([u_node, w_node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let x = B::convolution_transpose(u.clone(), w.clone(), size, kernel);
                prep.finish([u, w], x)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::convolution_transpose(u, w, size, kernel)),
        }
    }
}

pub(crate) fn convolve(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    kernel: Kernel,
) -> Tensor<4> {
    let (x, w, b) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolution(x, w, b, kernel))
}

pub(crate) fn transpose(
    u: Tensor<4>,
    weight: Tensor<4>,
    size: [usize; 2],
    kernel: Kernel,
) -> Tensor<4> {
    let (u, w) = (u.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolution_transpose(u, w, size, kernel))
}
