//! Weighted norms, row by row, and a look at what is finite: what a solver's step is judged by.
//!
//! ```text
//! ‖e‖ = √(mean over columns of (e / (a + r max(|x|, |y|)))²)     of each row
//! ```
//!
//! One pass over memory, without gradients.

use burn::tensor::Tensor;
use transport_core::device::to_host;

#[cfg(feature = "flex")]
use crate::{
    math::fma,
    ops::takes_plain,
    simd::{LANES, Loop, dispatch},
};

/// The root mean square over each row of `e / (a + r max(|x|, |y|))`.
///
/// # Shapes
/// `error` and both of `ends`: `[n, d]`; returns `n` numbers.
///
/// # Panics
/// When the shapes differ.
///
/// # Checked by
/// `tests/it/norms.rs`
#[must_use]
pub fn scaled_norms(
    error: &Tensor<2>,
    ends: [&Tensor<2>; 2],
    (absolute, relative): (f64, f64),
) -> Vec<f64> {
    let shape = error.dims();
    assert!(ends.iter().all(|x| x.dims() == shape), "an error of the shape of the states");
    #[cfg(feature = "flex")]
    if takes_plain(error) && ends.into_iter().all(takes_plain) {
        return crate::extension::combination::scaled_norms(error, ends, (absolute, relative));
    }
    let [x, y] = ends.map(|x| x.clone().abs());
    let scale = x.max_pair(y).mul_scalar(relative).add_scalar(absolute);
    let ratio = error.clone() / scale;
    to_host((ratio.clone() * ratio).mean_dim(1)).into_iter().map(f64::sqrt).collect()
}

/// Whether every element is finite: a sum of magnitudes is exactly when each term is, short of
/// overflow, which the kernel does not know.
///
/// # Checked by
/// `tests/it/norms.rs`
#[must_use]
pub fn is_finite(x: &Tensor<2>) -> bool {
    #[cfg(feature = "flex")]
    if takes_plain(x) {
        return crate::extension::combination::is_finite(x);
    }
    x.clone().abs().sum().into_scalar::<f64>().is_finite()
}

/// Whether all elements are finite.
#[cfg(feature = "flex")]
pub(crate) struct Finite<'a>(pub(crate) &'a [f32]);

#[cfg(feature = "flex")]
impl Loop for Finite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> bool {
        // Magnitudes are ordered as their bits are, NaN above infinity.
        const MAGNITUDE: u32 = 0x7fff_ffff;
        let (blocks, rest) = self.0.as_chunks::<{ 4 * LANES }>();
        let mut largest = [0u32; 4 * LANES];
        for block in blocks {
            for l in 0..4 * LANES {
                let bits = block[l].to_bits() & MAGNITUDE;
                largest[l] = if bits > largest[l] { bits } else { largest[l] };
            }
        }
        let all = largest.into_iter().chain(rest.iter().map(|x| x.to_bits() & MAGNITUDE));
        all.max().unwrap_or(0) < f32::INFINITY.to_bits()
    }
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
