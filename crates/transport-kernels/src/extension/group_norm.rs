//! [`crate::group_norm`] as a backend extension of Flex, with its gradient.

use super::{tensor, values};
use crate::group_norm::{Norm, Sizes, backward, forward};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

/// What is called on tensors.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait GroupNorms: Backend {
    /// `s ⊙ norm(x) + b`, activated or not.
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        norm: Norm,
    ) -> FloatTensor<Self>;
}

/// What its gradient is made of.
pub(crate) trait Pullbacks: GroupNorms {
    /// The gradients in `x`, `s` and `b`.
    fn group_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        g: FloatTensor<Self>,
        norm: Norm,
    ) -> [FloatTensor<Self>; 3];
}

type Flat = FloatTensor<Flex>;

fn sizes(x: &Flat, norm: Norm) -> ([usize; 4], Sizes) {
    let shape = x.shape();
    let [n, c, h, w] = [shape[0], shape[1], shape[2], shape[3]];
    let Norm { groups, epsilon, silu } = norm;
    let sizes = Sizes { planes: c / groups, pixels: h * w, epsilon: epsilon as f32, silu };
    ([n, c, h, w], sizes)
}

impl GroupNorms for Flex {
    fn group_norm(x: Flat, scale: Flat, shift: Flat, norm: Norm) -> Flat {
        let (shape, sizes) = sizes(&x, norm);
        tensor(forward(&values(&x), &values(&scale), &values(&shift), sizes), shape)
    }
}

impl Pullbacks for Flex {
    fn group_norm_backward(x: Flat, scale: Flat, shift: Flat, g: Flat, norm: Norm) -> [Flat; 3] {
        let (shape, sizes) = sizes(&x, norm);
        let [n, c, ..] = shape;
        let [dx, d_scale, d_shift] =
            backward(&values(&x), &values(&scale), &values(&shift), &values(&g), sizes);
        [tensor(dx, shape), tensor(d_scale, [n, c]), tensor(d_shift, [n, c])]
    }
}

/// Keeps the planes, the scale and the shift.
#[derive(Debug)]
struct GroupNorm(Norm);

impl<B: Pullbacks> Backward<B, 3> for GroupNorm {
    type State = [FloatTensor<B>; 3];

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, scale, shift] = ops.state;
        let g = grads.consume::<B>(&ops.node);
        let pulled = B::group_norm_backward(x, scale, shift, g, self.0);
        for (parent, gradient) in ops.parents.into_iter().zip(pulled) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: Pullbacks, C: CheckpointStrategy> GroupNorms for Autodiff<B, C> {
    fn group_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        norm: Norm,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (scale, scale_node), (shift, shift_node)) =
            (x.into_parts(), scale.into_parts(), shift.into_parts());
        let nodes = [x_node, scale_node, shift_node];
        match GroupNorm(norm).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::group_norm(x.clone(), scale.clone(), shift.clone(), norm);
                prep.finish([x, scale, shift], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::group_norm(x, scale, shift, norm)),
        }
    }
}

pub(crate) fn group_norm(
    x: Tensor<4>,
    scale: Tensor<2>,
    shift: Tensor<2>,
    norm: Norm,
) -> Tensor<4> {
    let (x, scale, shift) = (x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch());
    Tensor::from_dispatch(Dispatch::group_norm(x, scale, shift, norm))
}
