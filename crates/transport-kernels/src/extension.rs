//! The kernels as a backend extension of Flex, with their gradients.

pub(crate) mod combination;
pub(crate) mod convolution;
pub(crate) mod group_norm;
pub(crate) mod monotone;
pub(crate) mod patches;

use crate::activation::Activation;
use crate::error;
use crate::layer::{self, Sizes, Start};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, Backend, Dispatch, DispatchDevice, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{Device, Shape, Tensor, TensorData};
use std::borrow::Cow;

/// Whether a device, autodiff or not, computes on Flex.
pub(crate) fn on_flex(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// What is called on tensors.
#[backend_extension(Autodiff, Flex)]
pub(crate) trait Kernels: Backend {
    /// `f(x)`.
    fn kernel_activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self>;

    /// `f(x) W + b`, or `x + f(x) W + b`.
    fn kernel_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kind: Activation,
        around: bool,
    ) -> FloatTensor<Self>;

    /// `base + x W + b`.
    fn kernel_onto(
        base: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The mean of `(a − b)²`.
    fn kernel_square_error(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What gradients are made of.
pub(crate) trait Pullbacks: Kernels {
    /// `f(x)` and `f′(x)`.
    fn both(x: FloatTensor<Self>, kind: Activation) -> [FloatTensor<Self>; 2];

    /// `value W + b`, with `start` added.
    fn affine(
        value: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        start: Option<FloatTensor<Self>>,
    ) -> FloatTensor<Self>;

    /// The mean of `(a − b)²`, and its derivative in `a`.
    fn square_error(a: FloatTensor<Self>, b: FloatTensor<Self>) -> [FloatTensor<Self>; 2];

    /// `valueᵀ g`.
    fn weight_gradient(value: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `Σᵢ gᵢ`.
    fn bias_gradient(g: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `slope ⊙ (g Wᵀ)`, plus `g` with the way around; no slope is a slope of 1.
    fn input_gradient(
        slope: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        g: FloatTensor<Self>,
        around: bool,
    ) -> FloatTensor<Self>;
}

type Flat = FloatTensor<Flex>;

fn values(x: &Flat) -> Cow<'_, [f32]> {
    match x.as_slice::<f32>() {
        Some(slice) => Cow::Borrowed(slice),
        // A copy without gaps.
        None => Cow::Owned(x.clone().into_data().try_into_vec().unwrap_or_default()),
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Flat {
    Flat::from_data(TensorData::new(values, shape))
}

fn like(x: &Flat, values: Vec<f32>) -> Flat {
    Flat::from_data(TensorData::new(values, x.shape()))
}

fn sizes(value: &Flat, weight: &Flat) -> Sizes {
    let (value, weight) = (value.shape(), weight.shape());
    Sizes { n: value[0], k: value[1], m: weight[1] }
}

impl Kernels for Flex {
    fn kernel_activate(x: Flat, kind: Activation) -> Flat {
        like(&x, layer::value(kind, &values(&x)))
    }

    fn kernel_layer(x: Flat, weight: Flat, bias: Flat, kind: Activation, around: bool) -> Flat {
        let value = Self::kernel_activate(x.clone(), kind);
        Self::affine(value, weight, bias, around.then_some(x))
    }

    fn kernel_onto(base: Flat, x: Flat, weight: Flat, bias: Flat) -> Flat {
        Self::affine(x, weight, bias, Some(base))
    }

    fn kernel_square_error(a: Flat, b: Flat) -> Flat {
        let [error, _] = Self::square_error(a, b);
        error
    }
}

impl Pullbacks for Flex {
    fn both(x: Flat, kind: Activation) -> [Flat; 2] {
        let (value, slope) = layer::value_and_slope(kind, &values(&x));
        [like(&x, value), like(&x, slope)]
    }

    fn affine(value: Flat, weight: Flat, bias: Flat, start: Option<Flat>) -> Flat {
        let sizes = sizes(&value, &weight);
        let start = start.as_ref().map(values);
        let start = start.as_deref().map_or(Start::Bias, Start::Rows);
        let (x, w, b) = (values(&value), values(&weight), values(&bias));
        tensor(layer::affine(&x, &w, &b, start, sizes), [sizes.n, sizes.m])
    }

    fn square_error(a: Flat, b: Flat) -> [Flat; 2] {
        let columns = a.shape()[1];
        let (error, slope) = error::square_error(&values(&a), &values(&b), columns);
        [tensor(vec![error], [1]), like(&a, slope)]
    }

    fn weight_gradient(value: Flat, g: Flat) -> Flat {
        let sizes = sizes(&value, &g);
        let gradient = layer::weight_gradient(&values(&value), &values(&g), sizes);
        tensor(gradient, [sizes.k, sizes.m])
    }

    fn bias_gradient(g: Flat) -> Flat {
        let m = g.shape()[1];
        tensor(layer::bias_gradient(&values(&g), m), [m])
    }

    fn input_gradient(slope: Option<Flat>, weight: Flat, g: Flat, around: bool) -> Flat {
        let (rows, inner) = (g.shape(), weight.shape());
        let sizes = Sizes { n: rows[0], k: inner[0], m: inner[1] };
        let (w, g) = (values(&weight), values(&g));
        let gradient = match &slope {
            Some(slope) => layer::activation_gradient(&values(slope), &w, &g, around, sizes),
            None => layer::input_gradient(&w, &g, sizes),
        };
        tensor(gradient, [sizes.n, sizes.k])
    }
}

/// `f(x)`: keeps the slope.
#[derive(Debug)]
struct Activate;

impl<B: Pullbacks> Backward<B, 1> for Activate {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x] = ops.parents;
        let g = grads.consume::<B>(&ops.node);
        if let Some(x) = x {
            grads.register::<B>(x.id, B::float_mul(g, ops.state));
        }
    }
}

/// `f(x) W + b`: keeps the value, the slope and the weight.
#[derive(Debug)]
struct Layer {
    around: bool,
}

impl<B: Pullbacks> Backward<B, 3> for Layer {
    type State = [FloatTensor<B>; 3];

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let ([x, w, b], [value, slope, weight]) = (ops.parents, ops.state);
        let g = grads.consume::<B>(&ops.node);
        if let Some(w) = w {
            grads.register::<B>(w.id, B::weight_gradient(value, g.clone()));
        }
        if let Some(b) = b {
            grads.register::<B>(b.id, B::bias_gradient(g.clone()));
        }
        if let Some(x) = x {
            let gradient = B::input_gradient(Some(slope), weight, g, self.around);
            grads.register::<B>(x.id, gradient);
        }
    }
}

/// `base + x W + b`: keeps the input and the weight, and whether one row was the base of all.
#[derive(Debug)]
struct Onto {
    shared: bool,
}

impl<B: Pullbacks> Backward<B, 4> for Onto {
    type State = [FloatTensor<B>; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let ([base, x, w, b], [input, weight]) = (ops.parents, ops.state);
        let g = grads.consume::<B>(&ops.node);
        if let Some(w) = w {
            grads.register::<B>(w.id, B::weight_gradient(input, g.clone()));
        }
        if let Some(b) = b {
            grads.register::<B>(b.id, B::bias_gradient(g.clone()));
        }
        if let Some(x) = x {
            grads.register::<B>(x.id, B::input_gradient(None, weight, g.clone(), false));
        }
        if let Some(base) = base {
            let gradient = if self.shared { B::float_sum_dim(g, 0) } else { g };
            grads.register::<B>(base.id, gradient);
        }
    }
}

/// `(a − b)²` on average: keeps the derivative in `a`.
#[derive(Debug)]
struct SquareError;

impl<B: Pullbacks> Backward<B, 2> for SquareError {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [a, b] = ops.parents;
        let g = grads.consume::<B>(&ops.node);
        let gradient = B::float_mul(ops.state, B::float_reshape(g, Shape::new([1, 1])));
        if let Some(b) = b {
            grads.register::<B>(b.id, B::float_neg(gradient.clone()));
        }
        if let Some(a) = a {
            grads.register::<B>(a.id, gradient);
        }
    }
}

impl<B: Pullbacks, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn kernel_square_error(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((a, a_node), (b, b_node)) = (a.into_parts(), b.into_parts());
        match SquareError.prepare::<C>([a_node, b_node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let [error, slope] = B::square_error(a, b);
                prep.finish(slope, error)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::kernel_square_error(a, b)),
        }
    }

    fn kernel_activate(x: FloatTensor<Self>, kind: Activation) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match Activate.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let [value, slope] = B::both(x, kind);
                prep.finish(slope, value)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::kernel_activate(x, kind)),
        }
    }

    fn kernel_layer(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        kind: Activation,
        around: bool,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (w, w_node), (b, b_node)) =
            (x.into_parts(), weight.into_parts(), bias.into_parts());
        let nodes = [x_node, w_node, b_node];
        match (Layer { around }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let [value, slope] = B::both(x.clone(), kind);
                let y = B::affine(value.clone(), w.clone(), b, around.then_some(x));
                prep.finish([value, slope, w], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::kernel_layer(x, w, b, kind, around)),
        }
    }

    fn kernel_onto(
        base: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shared = base.shape()[0] == 1 && x.shape()[0] != 1;
        let ((base, base_node), (x, x_node)) = (base.into_parts(), x.into_parts());
        let ((w, w_node), (b, b_node)) = (weight.into_parts(), bias.into_parts());
        let nodes = [base_node, x_node, w_node, b_node];
        match (Onto { shared }).prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let y = B::kernel_onto(base, x.clone(), w.clone(), b);
                prep.finish([x, w], y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::kernel_onto(base, x, w, b)),
        }
    }
}

pub(crate) fn activate<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::kernel_activate(x.into_dispatch(), kind))
}

pub(crate) fn activate_with_slope<const D: usize>(
    kind: Activation,
    x: Tensor<D>,
) -> (Tensor<D>, Tensor<D>) {
    match x.clone().try_into_primitive::<Flex>() {
        Ok(x) => {
            let [value, slope] = Flex::both(x, kind).map(Tensor::from_primitive::<Flex>);
            (value, slope)
        }
        Err(_) => crate::composed::activate_with_slope(kind, x),
    }
}

pub(crate) fn layer(
    kind: Activation,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    around: bool,
) -> Tensor<2> {
    let (x, w, b) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::kernel_layer(x, w, b, kind, around))
}

pub(crate) fn onto(base: Tensor<2>, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let (base, x) = (base.into_dispatch(), x.into_dispatch());
    let (w, b) = (weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::kernel_onto(base, x, w, b))
}

pub(crate) fn mean_square_error(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(Dispatch::kernel_square_error(a, b))
}

pub(crate) fn tangent(
    u: Tensor<2>,
    slope: Tensor<2>,
    weight: Tensor<2>,
    around: bool,
) -> Tensor<2> {
    let tracked = [u.device(), slope.device(), weight.device()].iter().any(Device::is_autodiff);
    let flat = |x: &Tensor<2>| x.clone().try_into_primitive::<Flex>();
    match (tracked, flat(&u), flat(&slope), flat(&weight)) {
        (false, Ok(u), Ok(slope), Ok(weight)) => {
            let Sizes { n, k, m } = sizes(&u, &weight);
            let (u, slope, w) = (values(&u), values(&slope), values(&weight));
            let y = layer::tangent(&u, &slope, &w, around, Sizes { n, k, m });
            Tensor::from_primitive::<Flex>(tensor(y, [n, m]))
        }
        _ => crate::composed::tangent(u, slope, weight, around),
    }
}
