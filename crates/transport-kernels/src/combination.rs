//! Linear combinations and weighted norms, row by row: what a solver's step is made of.
//!
//! ```text
//! y = x + h ⊙ Σᵢ wᵢ kᵢ                                    h one number, or one for each row
//! ‖e‖ = √(mean over columns of (e / (a + r max(|x|, |y|)))²)     of each row
//! ```
//!
//! One pass over memory, whatever the number of terms. Without a gradient of their own: where
//! gradients are tracked they are made of Burn's operations.

use burn::tensor::Tensor;
use transport_core::{Space, device::to_host};

#[cfg(feature = "flex")]
use crate::{
    fresh::filled,
    math::fma,
    simd::{LANES, Loop, PIECE, dispatch, worth_threads},
};
#[cfg(feature = "flex")]
use rayon::prelude::*;
#[cfg(feature = "flex")]
use std::mem::MaybeUninit;

/// What a combination is multiplied with.
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a> {
    /// One number for all rows.
    Same(f64),
    /// A number for each row.
    Each(&'a [f64]),
}

/// `x + h ⊙ Σᵢ wᵢ kᵢ`, or without the `x`.
///
/// # Shapes
/// `x` and each of `terms`: `[n, d]`; a factor for each row has `n` entries; returns `[n, d]`.
///
/// # Panics
/// When there is no term, or as many weights as terms there are not, or the shapes differ.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, device};
/// use transport_kernels::combination::{Factor, combine};
/// let space = Space::f32(&device::select(None).unwrap());
/// let [x, k] = [1.0, 2.0].map(|v| space.tensor(vec![v; 4], [2, 2]));
/// let y = combine(Some(&x), Factor::Each(&[0.5, 1.0]), &[3.0, 1.0], &[k, x.clone()]);
/// assert_eq!(device::to_host(y), [4.5, 4.5, 8.0, 8.0]);
/// # }
/// ```
/// # Checked by
/// `tests/it/combinations.rs`
#[must_use]
pub fn combine(
    x: Option<&Tensor<2>>,
    factor: Factor<'_>,
    weights: &[f64],
    terms: &[Tensor<2>],
) -> Tensor<2> {
    assert!(!terms.is_empty() && weights.len() == terms.len(), "a weight for each term");
    let [n, d] = terms[0].dims();
    assert!(terms.iter().chain(x).all(|t| t.dims() == [n, d]), "terms of one shape, [{n}, {d}]");
    if let Factor::Each(h) = factor {
        assert_eq!(h.len(), n, "a factor for each row");
    }
    #[cfg(feature = "flex")]
    if terms.iter().chain(x).all(plain) {
        return crate::extension::combination::combine(x, factor, weights, terms);
    }
    composed(x, factor, weights, terms)
}

/// The root mean square over each row of `e / (a + r max(|x|, |y|))`.
///
/// # Shapes
/// `error` and both of `ends`: `[n, d]`; returns `n` numbers.
///
/// # Panics
/// When the shapes differ.
///
/// # Checked by
/// `tests/it/combinations.rs`
#[must_use]
pub fn scaled_norms(
    error: &Tensor<2>,
    ends: [&Tensor<2>; 2],
    (absolute, relative): (f64, f64),
) -> Vec<f64> {
    let shape = error.dims();
    assert!(ends.iter().all(|x| x.dims() == shape), "an error of the shape of the states");
    #[cfg(feature = "flex")]
    if plain(error) && ends.into_iter().all(plain) {
        return crate::extension::combination::scaled_norms(error, ends, (absolute, relative));
    }
    let [x, y] = ends.map(|x| x.clone().abs());
    let scale = x.max_pair(y).mul_scalar(relative).add_scalar(absolute);
    let ratio = error.clone() / scale;
    to_host((ratio.clone() * ratio).mean_dim(1)).into_iter().map(f64::sqrt).collect()
}

/// Whether a tensor takes the kernels, gradients left aside.
#[cfg(feature = "flex")]
fn plain(x: &Tensor<2>) -> bool {
    crate::ops::takes_kernels(x) && !x.device().is_autodiff()
}

/// [`combine`] in Burn's own operations: any backend, any float, with gradients.
///
/// # Panics
/// When there is no term.
#[must_use]
pub fn composed(
    x: Option<&Tensor<2>>,
    factor: Factor<'_>,
    weights: &[f64],
    terms: &[Tensor<2>],
) -> Tensor<2> {
    let products = weights.iter().zip(terms).map(|(w, k)| k.clone().mul_scalar(*w));
    let sum = products.reduce(|sum, term| sum + term);
    let sum = sum.unwrap_or_else(|| panic!("a combination of no terms"));
    let scaled = match factor {
        Factor::Same(1.0) => sum,
        Factor::Same(h) => sum.mul_scalar(h),
        Factor::Each(h) => {
            let column = Space::of(&sum).column(h);
            sum * column
        }
    };
    x.map_or_else(|| scaled.clone(), |x| x.clone() + scaled.clone())
}

/// Elements whose sum stays in registers while the terms are walked through.
#[cfg(feature = "flex")]
const BLOCK: usize = 2 * LANES;

#[cfg(feature = "flex")]
struct Combine<'a> {
    x: Option<&'a [f32]>,
    /// A factor for each element, or one.
    factors: &'a [f32],
    terms: &'a [(f32, &'a [f32])],
    /// Where `out` begins in the others.
    first: usize,
    out: &'a mut [MaybeUninit<f32>],
}

#[cfg(feature = "flex")]
impl Loop for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { x, factors, terms, first, out } = self;
        for (k, out) in out.chunks_mut(BLOCK).enumerate() {
            let at = first + k * BLOCK..first + k * BLOCK + out.len();
            let mut sum = [0.0f32; BLOCK];
            for (weight, term) in terms {
                add::<FMA>(&mut sum, *weight, &term[at.clone()]);
            }
            let mut base = [0.0f32; BLOCK];
            if let Some(x) = x {
                base[..out.len()].copy_from_slice(&x[at.clone()]);
            }
            let mut h = [factors[0]; BLOCK];
            if factors.len() > 1 {
                h[..out.len()].copy_from_slice(&factors[at]);
            }
            for l in 0..BLOCK {
                sum[l] = fma::<FMA>(h[l], sum[l], base[l]);
            }
            for (place, sum) in out.iter_mut().zip(sum) {
                place.write(sum);
            }
        }
    }
}

/// `sum += weight term`; a whole block has a length that the compiler knows.
#[cfg(feature = "flex")]
#[inline(always)]
fn add<const FMA: bool>(sum: &mut [f32; BLOCK], weight: f32, term: &[f32]) {
    if let Ok(term) = <&[f32; BLOCK]>::try_from(term) {
        for l in 0..BLOCK {
            sum[l] = fma::<FMA>(weight, term[l], sum[l]);
        }
    } else {
        for (s, k) in sum.iter_mut().zip(term) {
            *s = fma::<FMA>(weight, *k, *s);
        }
    }
}

/// The combination of slices of `n` rows.
#[cfg(feature = "flex")]
pub(crate) fn combined(x: Option<&[f32]>, factor: Factor<'_>, terms: &[(f32, &[f32])]) -> Vec<f32> {
    let size = terms[0].1.len();
    let factors: Vec<f32> = match factor {
        Factor::Same(h) | Factor::Each(&[h]) => vec![h as f32],
        Factor::Each(h) => {
            let d = size.checked_div(h.len()).unwrap_or(0);
            let mut factors = Vec::with_capacity(size);
            h.iter().for_each(|h| factors.extend(std::iter::repeat_n(*h as f32, d)));
            factors
        }
    };
    let piece = |first: usize, out: &mut [MaybeUninit<f32>]| {
        dispatch(Combine { x, factors: &factors, terms, first, out });
    };
    let fill = |out: &mut [MaybeUninit<f32>]| match worth_threads(size) {
        false => piece(0, out),
        true => {
            let pieces = out.par_chunks_mut(PIECE).enumerate();
            pieces.for_each(|(k, out)| piece(k * PIECE, out));
        }
    };
    // SAFETY: the pieces make up all of the slice, and each is written block by block.
    unsafe { filled(size, fill) }
}

#[cfg(feature = "flex")]
struct Norms<'a> {
    error: &'a [f32],
    ends: [&'a [f32]; 2],
    scale: (f32, f32),
    columns: usize,
}

#[cfg(feature = "flex")]
impl Loop for Norms<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> Vec<f64> {
        let Self { error, ends: [x, y], scale, columns } = self;
        let rows = error.len() / columns;
        let mut squares = Vec::with_capacity(rows);
        // Narrow rows are divided many at a time, and then added up.
        let narrow = if columns < LANES { ratios::<FMA>(error, x, y, scale) } else { Vec::new() };
        for row in 0..rows {
            let at = row * columns..(row + 1) * columns;
            if columns < LANES {
                let mut sum = 0.0;
                for ratio in &narrow[at] {
                    sum = fma::<FMA>(*ratio, *ratio, sum);
                }
                squares.push(f64::from(sum));
            } else {
                squares.push(square::<FMA>(&error[at.clone()], &x[at.clone()], &y[at], scale));
            }
        }
        for square in &mut squares {
            *square = (*square / columns as f64).sqrt();
        }
        squares
    }
}

/// `e / (a + r max(|x|, |y|))`.
#[cfg(feature = "flex")]
#[inline(always)]
fn ratio<const FMA: bool>(e: f32, x: f32, y: f32, (a, r): (f32, f32)) -> f32 {
    let (x, y) = (x.abs(), y.abs());
    e / fma::<FMA>(r, if x > y { x } else { y }, a)
}

#[cfg(feature = "flex")]
#[inline(always)]
fn ratios<const FMA: bool>(e: &[f32], x: &[f32], y: &[f32], scale: (f32, f32)) -> Vec<f32> {
    let mut out = vec![0.0; e.len()];
    let (x, y, places) = (&x[..e.len()], &y[..e.len()], &mut out[..e.len()]);
    for i in 0..e.len() {
        places[i] = ratio::<FMA>(e[i], x[i], y[i], scale);
    }
    out
}

/// The sum of squared ratios of one row: lanes in f32 over parts that are added in f64.
#[cfg(feature = "flex")]
#[inline(always)]
fn square<const FMA: bool>(e: &[f32], x: &[f32], y: &[f32], scale: (f32, f32)) -> f64 {
    const PART: usize = 64 * LANES;
    let mut total = 0.0;
    let mut first = 0;
    while first < e.len() {
        let part = first..(first + PART).min(e.len());
        let (e, x, y) = (&e[part.clone()], &x[part.clone()], &y[part]);
        let ((es, e), (xs, x)) = (e.as_chunks::<LANES>(), x.as_chunks::<LANES>());
        let (ys, y) = y.as_chunks::<LANES>();
        let (xs, ys) = (&xs[..es.len()], &ys[..es.len()]);
        let mut sums = [0.0f32; LANES];
        for i in 0..es.len() {
            for l in 0..LANES {
                let ratio = ratio::<FMA>(es[i][l], xs[i][l], ys[i][l], scale);
                sums[l] = fma::<FMA>(ratio, ratio, sums[l]);
            }
        }
        for l in 0..e.len() {
            let ratio = ratio::<FMA>(e[l], x[l], y[l], scale);
            sums[l] = fma::<FMA>(ratio, ratio, sums[l]);
        }
        let mut sum = 0.0;
        for lane in sums {
            sum += lane;
        }
        total += f64::from(sum);
        first += PART;
    }
    total
}

/// The norms of slices of rows of `columns` elements.
#[cfg(feature = "flex")]
pub(crate) fn norms(
    error: &[f32],
    ends: [&[f32]; 2],
    (absolute, relative): (f64, f64),
    columns: usize,
) -> Vec<f64> {
    let scale = (absolute as f32, relative as f32);
    dispatch(Norms { error, ends, scale, columns: columns.max(1) })
}
