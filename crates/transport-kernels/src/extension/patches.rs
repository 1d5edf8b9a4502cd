//! [`crate::patches`] as a backend extension of Flex: each is the other's gradient.

use super::values;
use crate::patches::{PATCH, gathered, scattered};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};

/// What is called on tensors.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait Patches: Backend {
    /// `[n, h, w, c]` to `[n, h, w, 9c]`.
    fn patches_gather(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `[n, h, w, 9c]` to `[n, h, w, c]`.
    fn patches_scatter(y: FloatTensor<Self>) -> FloatTensor<Self>;
}

type Flat = FloatTensor<Flex>;

impl Patches for Flex {
    fn patches_gather(x: Flat) -> Flat {
        let shape = x.shape();
        let [n, h, w, c] = [shape[0], shape[1], shape[2], shape[3]];
        let y = gathered(&values(&x), [h, w, c]);
        Flat::from_data(TensorData::new(y, [n, h, w, PATCH * c]))
    }

    fn patches_scatter(y: Flat) -> Flat {
        let shape = y.shape();
        let [n, h, w, c] = [shape[0], shape[1], shape[2], shape[3] / PATCH];
        let x = scattered(&values(&y), [h, w, c]);
        Flat::from_data(TensorData::new(x, [n, h, w, c]))
    }
}

#[derive(Debug)]
struct Gather;

impl<B: Patches> Backward<B, 1> for Gather {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [x] = ops.parents;
        let g = grads.consume::<B>(&ops.node);
        if let Some(x) = x {
            grads.register::<B>(x.id, B::patches_scatter(g));
        }
    }
}

#[derive(Debug)]
struct Scatter;

impl<B: Patches> Backward<B, 1> for Scatter {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [y] = ops.parents;
        let g = grads.consume::<B>(&ops.node);
        if let Some(y) = y {
            grads.register::<B>(y.id, B::patches_gather(g));
        }
    }
}

impl<B: Patches, C: CheckpointStrategy> Patches for Autodiff<B, C> {
    fn patches_gather(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match Gather.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), B::patches_gather(x)),
            OpsKind::UnTracked(prep) => prep.finish(B::patches_gather(x)),
        }
    }

    fn patches_scatter(y: FloatTensor<Self>) -> FloatTensor<Self> {
        let (y, node) = y.into_parts();
        match Scatter.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), B::patches_scatter(y)),
            OpsKind::UnTracked(prep) => prep.finish(B::patches_scatter(y)),
        }
    }
}

pub(crate) fn gather(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::patches_gather(x.into_dispatch()))
}

pub(crate) fn scatter(y: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::patches_scatter(y.into_dispatch()))
}
