//! A dense layer behind an activation, with an optional way around it.
//!
//! ```text
//! y = f(x) W + b                 y = x + f(x) W + b
//! Ẇ = f(x)ᵀ ẏ    ḃ = Σᵢ ẏᵢ       ẋ = f′(x) ⊙ (ẏ Wᵀ) + ẏ      (the last ẏ with the way around)
//! ```
//!
//! One pass gives `f(x)` and `f′(x)`, another starts the output from `x + b`, and the product is
//! added onto it: nothing of the size of a batch is written twice.

use crate::activation::{Activation, apply, apply_with_slope};
use crate::gemm::{Matrix, multiply};
use crate::simd::{Loop, dispatch};

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
    out: &'a mut [f32],
    bias: &'a [f32],
    start: Start<'a>,
}

impl Loop for Begin<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let m = self.bias.len();
        let rows = self.out.chunks_exact_mut(m);
        match self.start {
            Start::Bias => rows.for_each(|row| row.copy_from_slice(self.bias)),
            Start::Rows(base) if base.len() == m => {
                for row in rows {
                    for ((o, b), s) in row.iter_mut().zip(self.bias).zip(base) {
                        *o = s + b;
                    }
                }
            }
            Start::Rows(base) => {
                for (row, base) in rows.zip(base.chunks_exact(m)) {
                    for ((o, b), s) in row.iter_mut().zip(self.bias).zip(base) {
                        *o = s + b;
                    }
                }
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
    let Sizes { n, k, m } = sizes;
    let (value, weight) = (Matrix::new(value, [n, k]), Matrix::new(weight, [k, m]));
    let mut out = vec![0.0; n * m];
    if m > 0 {
        dispatch(Begin { out: &mut out, bias, start });
    }
    if n == 1 {
        // A single row's product is summed another way when it is added onto something; apart, it
        // has the bits that it has among others.
        let mut product = vec![0.0; m];
        multiply(&mut product, false, value, weight);
        out.iter_mut().zip(product).for_each(|(o, p)| *o += p);
    } else {
        multiply(&mut out, true, value, weight);
    }
    out
}

/// `f(x)`.
pub(crate) fn value(kind: Activation, x: &[f32]) -> Vec<f32> {
    let mut value = vec![0.0; x.len()];
    apply(kind, x, &mut value);
    value
}

/// `f(x)` and `f′(x)`.
pub(crate) fn value_and_slope(kind: Activation, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut value, mut slope) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    apply_with_slope(kind, x, &mut value, &mut slope);
    (value, slope)
}

/// `valueᵀ g`.
pub(crate) fn weight_gradient(value: &[f32], g: &[f32], sizes: Sizes) -> Vec<f32> {
    let Sizes { n, k, m } = sizes;
    let mut out = vec![0.0; k * m];
    multiply(&mut out, false, Matrix::new(value, [n, k]).t(), Matrix::new(g, [n, m]));
    out
}

struct Columns<'a> {
    g: &'a [f32],
    sum: &'a mut [f32],
}

impl Loop for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for row in self.g.chunks_exact(self.sum.len().max(1)) {
            for (sum, g) in self.sum.iter_mut().zip(row) {
                *sum += g;
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
    let mut product = vec![0.0; n * k];
    multiply(&mut product, false, Matrix::new(g, [n, m]), Matrix::new(weight, [k, m]).t());
    product
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
