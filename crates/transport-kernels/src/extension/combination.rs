//! [`crate::combination`], [`crate::norms`] and [`crate::softmax`](mod@crate::softmax) on the
//! tensors of Flex.

use super::{Flat, tensor, values};
use crate::combination::{Factor, combined};
use crate::norms::{Finite, norms};
use crate::simd::dispatch;
use crate::softmax::weights;
use burn::backend::Flex;
use burn::tensor::Tensor;
use std::borrow::Cow;

fn flat(x: &Tensor<2>) -> Flat {
    // The caller has looked: a plain tensor of this backend.
    x.clone().try_into_primitive::<Flex>().unwrap_or_else(|_| panic!("a tensor of Flex"))
}

pub(crate) fn combine(
    x: Option<&Tensor<2>>,
    factor: Factor<'_>,
    weights: &[f64],
    terms: &[Tensor<2>],
) -> Tensor<2> {
    let shape = terms[0].dims();
    let (x, terms): (_, Vec<Flat>) = (x.map(flat), terms.iter().map(flat).collect());
    let (x, terms): (_, Vec<Cow<'_, [f32]>>) =
        (x.as_ref().map(values), terms.iter().map(values).collect());
    let terms: Vec<(f32, &[f32])> =
        weights.iter().zip(&terms).map(|(w, k)| (*w as f32, &**k)).collect();
    Tensor::from_primitive::<Flex>(tensor(combined(x.as_deref(), factor, &terms), shape))
}

pub(crate) fn scaled_norms(
    error: &Tensor<2>,
    ends: [&Tensor<2>; 2],
    tolerance: (f64, f64),
) -> Vec<f64> {
    let columns = error.dims()[1];
    let (error, [x, y]) = (flat(error), ends.map(flat));
    norms(&values(&error), [&values(&x), &values(&y)], tolerance, columns)
}

pub(crate) fn is_finite(x: &Tensor<2>) -> bool {
    dispatch(Finite(&values(&flat(x))))
}

pub(crate) fn softmax(x: &Tensor<2>) -> Tensor<2> {
    let (shape, x) = (x.dims(), flat(x));
    Tensor::from_primitive::<Flex>(tensor(weights(&values(&x), shape[1]), shape))
}
