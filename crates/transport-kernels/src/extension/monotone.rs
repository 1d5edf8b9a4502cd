//! Increasing maps and masked layers as a backend extension of Flex, with their gradients.

use super::{Flat, Pullbacks, tensor, values};
use crate::activation::Activation;
use crate::mask::Mask;
use crate::monotone::{self, Monotone, Points, Way};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use std::sync::Arc;

/// A map, its way, and the columns it moves.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) map: Monotone,
    pub(crate) way: Way,
    pub(crate) columns: Arc<[usize]>,
}

/// What is called on tensors.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait Maps: Backend {
    /// `[n, d + 1]`: `x` with columns moved, and the sum of their log-slopes.
    fn kernel_monotone(
        x: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        what: Move,
    ) -> FloatTensor<Self>;

    /// Some columns.
    fn kernel_columns(x: FloatTensor<Self>, columns: Arc<[usize]>) -> FloatTensor<Self>;

    /// `f(x) (W ⊙ M) + b`, or `x` added to it.
    fn kernel_masked(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kind: Option<Activation>,
        mask: Option<Arc<[f32]>>,
        around: bool,
    ) -> FloatTensor<Self>;
}

/// What gradients are made of.
pub(crate) trait MapPullbacks: Maps + Pullbacks {
    /// By `x` and by θ.
    fn monotone_gradient(
        x: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        g: FloatTensor<Self>,
        what: &Move,
    ) -> [FloatTensor<Self>; 2];

    /// `[n, d]` with `g` in some columns, 0 elsewhere.
    fn spread(g: FloatTensor<Self>, columns: &[usize], d: usize) -> FloatTensor<Self>;

    /// `W ⊙ M`.
    fn mask(weight: FloatTensor<Self>, mask: &[f32]) -> FloatTensor<Self>;
}

fn points<'a>(x: &'a [f32], theta: &'a [f32], d: usize, what: &'a Move) -> Points<'a> {
    Points { map: what.map, way: what.way, x, theta, d, columns: &what.columns }
}

impl Maps for Flex {
    fn kernel_monotone(x: Flat, theta: Flat, what: Move) -> Flat {
        let [n, d] = [x.shape()[0], x.shape()[1]];
        let (x, theta) = (values(&x), values(&theta));
        tensor(monotone::apply(points(&x, &theta, d, &what)), [n, d + 1])
    }

    fn kernel_columns(x: Flat, columns: Arc<[usize]>) -> Flat {
        let [n, d] = [x.shape()[0], x.shape()[1]];
        let mut chosen = Vec::with_capacity(n * columns.len());
        for row in values(&x).chunks(d) {
            chosen.extend(columns.iter().map(|c| row[*c]));
        }
        tensor(chosen, [n, columns.len()])
    }

    fn kernel_masked(
        x: Flat,
        weight: Flat,
        bias: Flat,
        kind: Option<Activation>,
        mask: Option<Arc<[f32]>>,
        around: bool,
    ) -> Flat {
        let weight = mask.map_or_else(|| weight.clone(), |m| Self::mask(weight.clone(), &m));
        let start = around.then(|| x.clone());
        let value = match kind {
            Some(kind) => <Self as super::Kernels>::kernel_activate(x, kind),
            None => x,
        };
        Self::affine(value, weight, bias, start)
    }
}

impl MapPullbacks for Flex {
    fn monotone_gradient(x: Flat, theta: Flat, g: Flat, what: &Move) -> [Flat; 2] {
        let ([n, d], width) = ([x.shape()[0], x.shape()[1]], theta.shape()[1]);
        let (x, theta) = (values(&x), values(&theta));
        let (by_x, by_theta) = monotone::gradient(points(&x, &theta, d, what), &values(&g));
        [tensor(by_x, [n, d]), tensor(by_theta, [n, width])]
    }

    fn spread(g: Flat, columns: &[usize], d: usize) -> Flat {
        let n = g.shape()[0];
        let mut whole = vec![0.0; n * d];
        for (row, g) in whole.chunks_mut(d).zip(values(&g).chunks(columns.len())) {
            columns.iter().zip(g).for_each(|(c, g)| row[*c] += *g);
        }
        tensor(whole, [n, d])
    }

    fn mask(weight: Flat, mask: &[f32]) -> Flat {
        let shape = [weight.shape()[0], weight.shape()[1]];
        tensor(values(&weight).iter().zip(mask).map(|(w, m)| w * m).collect(), shape)
    }
}

/// Keeps the points and the parameters.
#[derive(Debug)]
struct Moved(Move);

impl<B: MapPullbacks> Backward<B, 2> for Moved {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, theta], [points, parameters]) = (ops.parents, ops.state);
        let g = grads.consume::<B>(&ops.node);
        let [by_x, by_theta] = B::monotone_gradient(points, parameters, g, &self.0);
        if let Some(x) = x {
            grads.register::<B>(x.id, by_x);
        }
        if let Some(theta) = theta {
            grads.register::<B>(theta.id, by_theta);
        }
    }
}

/// Keeps the number of columns.
#[derive(Debug)]
struct Columns(Arc<[usize]>);

impl<B: MapPullbacks> Backward<B, 1> for Columns {
    type State = usize;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x] = ops.parents;
        let g = grads.consume::<B>(&ops.node);
        if let Some(x) = x {
            grads.register::<B>(x.id, B::spread(g, &self.0, ops.state));
        }
    }
}

/// `f(x) (W ⊙ M) + b`: keeps the value, the slope and the masked weight.
#[derive(Debug)]
struct Masked {
    mask: Option<Arc<[f32]>>,
    around: bool,
}

impl<B: MapPullbacks> Backward<B, 3> for Masked {
    type State = (FloatTensor<B>, Option<FloatTensor<B>>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ([x, w, b], (value, slope, weight)) = (ops.parents, ops.state);
        let g = grads.consume::<B>(&ops.node);
        if let Some(w) = w {
            let gradient = B::weight_gradient(value, g.clone());
            let gradient = match &self.mask {
                Some(mask) => B::mask(gradient, mask),
                None => gradient,
            };
            grads.register::<B>(w.id, gradient);
        }
        if let Some(b) = b {
            grads.register::<B>(b.id, B::bias_gradient(g.clone()));
        }
        if let Some(x) = x {
            // Without a slope the way around is not added.
            let beside = (self.around && slope.is_none()).then(|| g.clone());
            let gradient = B::input_gradient(slope, weight, g, self.around);
            let gradient = match beside {
                Some(g) => B::float_add(gradient, g),
                None => gradient,
            };
            grads.register::<B>(x.id, gradient);
        }
    }
}

impl<B: MapPullbacks, C: CheckpointStrategy> Maps for Autodiff<B, C> {
    fn kernel_monotone(
        x: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        what: Move,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (theta, theta_node)) = (x.into_parts(), theta.into_parts());
        let nodes = [x_node, theta_node];
        match Moved(what.clone()).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::kernel_monotone(x.clone(), theta.clone(), what);
                prep.finish([x, theta], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::kernel_monotone(x, theta, what)),
        }
    }

    fn kernel_columns(x: FloatTensor<Self>, columns: Arc<[usize]>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let d = x.shape()[1];
        let y = B::kernel_columns(x, columns.clone());
        match Columns(columns).prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(d, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn kernel_masked(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kind: Option<Activation>,
        mask: Option<Arc<[f32]>>,
        around: bool,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (w, w_node), (b, b_node)) =
            (x.into_parts(), weight.into_parts(), bias.into_parts());
        let w = mask.as_deref().map_or_else(|| w.clone(), |m| B::mask(w.clone(), m));
        let step = Masked { mask, around };
        match step.prepare::<C>([x_node, w_node, b_node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (value, slope) = match kind {
                    Some(kind) => {
                        let [value, slope] = B::both(x.clone(), kind);
                        (value, Some(slope))
                    }
                    None => (x.clone(), None),
                };
                let y = B::affine(value.clone(), w.clone(), b, around.then_some(x));
                prep.finish((value, slope, w), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::kernel_masked(x, w, b, kind, None, around)),
        }
    }
}

pub(crate) fn monotone(what: Move, x: Tensor<2>, theta: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    let d = x.dims()[1];
    let (x, theta) = (x.into_dispatch(), theta.into_dispatch());
    let y: Tensor<2> = Tensor::from_dispatch(Dispatch::kernel_monotone(x, theta, what));
    (y.clone().narrow(1, 0, d), y.narrow(1, d, 1).squeeze_dim(1))
}

pub(crate) fn columns(x: Tensor<2>, columns: &Arc<[usize]>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::kernel_columns(x.into_dispatch(), columns.clone()))
}

pub(crate) fn masked_layer(
    kind: Option<Activation>,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    mask: Option<&Mask>,
    around: bool,
) -> Tensor<2> {
    let mask = mask.map(|m| m.values().clone());
    let (x, w, b) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::kernel_masked(x, w, b, kind, mask, around))
}
