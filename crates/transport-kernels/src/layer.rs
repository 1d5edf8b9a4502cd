//! A dense layer behind an activation, with an optional way around it.
//!
//! ```text
//! y = f(x) W + b                 y = x + f(x) W + b
//! Ẇ = f(x)ᵀ ẏ    ḃ = Σᵢ ẏᵢ       ẋ = f′(x) ⊙ (ẏ Wᵀ) + ẏ      (the last ẏ with the way around)
//! ```
//!
//! One pass gives `f(x)` and `f′(x)`, another starts the output from `x + b`, and the product is
//! added onto it: nothing of the size of a batch is written twice.

use crate::activation::{Activation, write, write_with_slope};
use crate::fresh::filled;
use crate::gemm::{Matrix, add_rows, product, rows_product};
use crate::simd::{Loop, dispatch};
use std::mem::MaybeUninit;

/// The sizes `[n, k]` of the input and `m` of the output's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) m: usize,
}

/// Where an output starts from, before the product is added.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// `b`.
    Bias,
    /// `rows + b`: `[n, m]`, or `[1, m]` for all rows.
    Rows(&'a [f32]),
}

struct Begin<'a> {
    out: &'a mut [MaybeUninit<f32>],
    bias: &'a [f32],
    start: Start<'a>,
}

/// `row = base + bias`.
#[inline(always)]
fn begin(row: &mut [MaybeUninit<f32>], base: &[f32], bias: &[f32]) {
    let m = bias.len();
    let (row, base) = (&mut row[..m], &base[..m]);
    for j in 0..m {
        row[j].write(base[j] + bias[j]);
    }
}

impl Loop for Begin<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let (m, bias) = (self.bias.len(), self.bias);
        let rows = self.out.len().checked_div(m).unwrap_or(0);
        for i in 0..rows {
            let row = &mut self.out[i * m..(i + 1) * m];
            match self.start {
                Start::Bias => {
                    row.iter_mut().zip(bias).for_each(|(o, b)| _ = o.write(*b));
                }
                Start::Rows(base) if base.len() == m => begin(row, base, bias),
                Start::Rows(base) => begin(row, &base[i * m..(i + 1) * m], bias),
            }
        }
    }
}

/// `start + value W + bias`.
pub(crate) fn affine(
    value: &[f32],
    weight: &[f32],
    bias: &[f32],
    start: Start<'_>,
    sizes: Sizes,
) -> Vec<f32> {
    let Sizes { n, m, .. } = sizes;
    assert_eq!(bias.len(), m, "a bias for {m} outputs");
    // SAFETY: n rows of m elements are written, each as long as the bias.
    let mut out = unsafe { filled(n * m, |out| dispatch(Begin { out, bias, start })) };
    add(&mut out, value, weight, sizes);
    out
}

/// `out += value W`.
fn add(out: &mut Vec<f32>, value: &[f32], weight: &[f32], sizes: Sizes) {
    let Sizes { n, k, m } = sizes;
    add_rows(out, Matrix::new(value, [n, k]), Matrix::new(weight, [k, m]));
}

/// `f(x)`.
pub(crate) fn value(kind: Activation, x: &[f32]) -> Vec<f32> {
    // SAFETY: `write` writes all of the slice.
    unsafe { filled(x.len(), |value| write(kind, x, value)) }
}

/// `f(x)` and `f′(x)`.
pub(crate) fn value_and_slope(kind: Activation, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut slope = Vec::new();
    // SAFETY: `write_with_slope` writes all of both slices.
    let value = unsafe {
        filled(x.len(), |value| {
            slope = filled(x.len(), |slope| write_with_slope(kind, x, value, slope));
        })
    };
    (value, slope)
}

/// `valueᵀ g`.
pub(crate) fn weight_gradient(value: &[f32], g: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { n, k, m } = sizes;
    product(Matrix::new(value, [n, k]).t(), Matrix::new(g, [n, m]))
}

struct Columns<'a> {
    g: &'a [f32],
    sum: &'a mut [f32],
}

impl Loop for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let m = self.sum.len();
        let rows = self.g.len().checked_div(m).unwrap_or(0);
        let sum = &mut self.sum[..m];
        for i in 0..rows {
            let row = &self.g[i * m..][..m];
            for j in 0..m {
                sum[j] += row[j];
            }
        }
    }
}

/// `Σᵢ gᵢ`, row after row.
pub(crate) fn bias_gradient(g: &[f32], m: usize) -> Vec<f32> {
    let mut sum = vec![0.0; m];
    dispatch(Columns { g, sum: &mut sum });
    sum
}

struct Chain<'a> {
    product: &'a mut [f32],
    slope: &'a [f32],
    around: Option<&'a [f32]>,
}

impl Loop for Chain<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.around {
            None => self.product.iter_mut().zip(self.slope).for_each(|(p, s)| *p *= s),
            Some(g) => {
                for ((p, s), g) in self.product.iter_mut().zip(self.slope).zip(g) {
                    *p = crate::math::fma::<FMA>(*p, *s, *g);
                }
            }
        }
    }
}

/// `g Wᵀ`.
pub(crate) fn input_gradient(weight: &[f32], g: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { n, k, m } = sizes;
    rows_product(Matrix::new(g, [n, m]), Matrix::new(weight, [k, m]).t())
}

/// `slope ⊙ (g Wᵀ)`, plus `g` with the way around.
pub(crate) fn activation_gradient(
    slope: &[f32],
    weight: &[f32],
    g: &[f32],
    around: bool,
    sizes: Sizes,
) -> Vec<f32> {
    let mut product = input_gradient(weight, g, sizes);
    dispatch(Chain { product: &mut product, slope, around: around.then_some(g) });
    product
}

struct Scale<'a> {
    out: &'a mut [MaybeUninit<f32>],
    u: &'a [f32],
    slope: &'a [f32],
}

impl Loop for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let size = self.slope.len().max(1);
        for (out, u) in self.out.chunks_mut(size).zip(self.u.chunks(size)) {
            for ((o, u), s) in out.iter_mut().zip(u).zip(self.slope) {
                o.write(u * s);
            }
        }
    }
}

/// `(slope ⊙ u) W`, plus `u` with the way around; the slopes repeat block after block.
pub(crate) fn tangent(
    u: &[f32],
    slope: &[f32],
    weight: &[f32],
    around: bool,
    sizes: Sizes,
) -> Vec<f32> {
    let Sizes { n, m, .. } = sizes;
    assert!(u.len().is_multiple_of(slope.len().max(1)), "whole blocks of directions");
    // SAFETY: blocks as long as the slopes make up all of `u`, and each is written.
    let scaled = unsafe { filled(u.len(), |out| dispatch(Scale { out, u, slope })) };
    let mut out = if around { u.to_vec() } else { vec![0.0; n * m] };
    add(&mut out, &scaled, weight, sizes);
    out
}
