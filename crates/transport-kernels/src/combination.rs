//! Linear combinations, row by row: what a solver's step is made of.
//!
//! ```text
//! y = x + h ⊙ Σᵢ wᵢ kᵢ          h one number, or one for each row
//! ```
//!
//! One pass over memory, whatever the number of terms. Without a gradient of their own: where
//! gradients are tracked they are made of Burn's operations.

use burn::tensor::Tensor;
use transport_core::Space;

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
    if terms.iter().chain(x).all(crate::ops::takes_plain) {
        return crate::extension::combination::combine(x, factor, weights, terms);
    }
    composed(x, factor, weights, terms)
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

/// The most terms that a loop has been compiled for; longer sums are added up in parts of so many.
#[cfg(feature = "flex")]
const MOST: usize = 8;

/// The factors of a stretch of elements.
#[cfg(feature = "flex")]
#[derive(Clone, Copy)]
enum Factors<'a> {
    Same(f32),
    /// A number for each of rows of so many columns.
    Rows(&'a [f64], usize),
    /// A number for each element.
    Each(&'a [f32]),
}

/// Factors by block and by element. (No closures: those are not bound to be inlined.)
#[cfg(feature = "flex")]
trait Spread: Copy {
    fn block(self, k: usize) -> [f32; BLOCK];
    fn one(self, i: usize) -> f32;
}

#[cfg(feature = "flex")]
#[derive(Clone, Copy)]
struct Same(f32);

#[cfg(feature = "flex")]
impl Spread for Same {
    #[inline(always)]
    fn block(self, _k: usize) -> [f32; BLOCK] {
        [self.0; BLOCK]
    }

    #[inline(always)]
    fn one(self, _i: usize) -> f32 {
        self.0
    }
}

#[cfg(feature = "flex")]
#[derive(Clone, Copy)]
struct Each<'a>(&'a [f32]);

#[cfg(feature = "flex")]
impl Spread for Each<'_> {
    #[inline(always)]
    fn block(self, k: usize) -> [f32; BLOCK] {
        let mut factors = [0.0; BLOCK];
        factors.copy_from_slice(&self.0[k * BLOCK..(k + 1) * BLOCK]);
        factors
    }

    #[inline(always)]
    fn one(self, i: usize) -> f32 {
        self.0[i]
    }
}

/// Rows of `D` columns, of which a block holds a whole number.
#[cfg(feature = "flex")]
#[derive(Clone, Copy)]
struct Narrow<'a, const D: usize>(&'a [f64]);

#[cfg(feature = "flex")]
impl<const D: usize> Spread for Narrow<'_, D> {
    #[inline(always)]
    fn block(self, k: usize) -> [f32; BLOCK] {
        let rows = const { BLOCK / D };
        let (h, mut factors) = (&self.0[k * rows..(k + 1) * rows], [0.0; BLOCK]);
        for l in 0..BLOCK {
            factors[l] = h[l / D] as f32;
        }
        factors
    }

    #[inline(always)]
    fn one(self, i: usize) -> f32 {
        self.0[i / D] as f32
    }
}

/// Rows of a whole number of blocks.
#[cfg(feature = "flex")]
#[derive(Clone, Copy)]
struct Wide<'a>(&'a [f64], usize);

#[cfg(feature = "flex")]
impl Spread for Wide<'_> {
    #[inline(always)]
    fn block(self, k: usize) -> [f32; BLOCK] {
        [self.one(k * BLOCK); BLOCK]
    }

    #[inline(always)]
    fn one(self, i: usize) -> f32 {
        self.0[i.div_euclid(self.1)] as f32
    }
}

#[cfg(feature = "flex")]
struct Combine<'a, const N: usize> {
    x: Option<&'a [f32]>,
    factors: Factors<'a>,
    weights: [f32; N],
    terms: [&'a [f32]; N],
    out: &'a mut [MaybeUninit<f32>],
}

#[cfg(feature = "flex")]
impl<const N: usize> Loop for Combine<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        match self.factors {
            Factors::Same(h) => self.walk::<FMA>(Same(h)),
            Factors::Each(h) => self.walk::<FMA>(Each(h)),
            Factors::Rows(h, 1) => self.walk::<FMA>(Narrow::<1>(h)),
            Factors::Rows(h, 2) => self.walk::<FMA>(Narrow::<2>(h)),
            Factors::Rows(h, 4) => self.walk::<FMA>(Narrow::<4>(h)),
            Factors::Rows(h, 8) => self.walk::<FMA>(Narrow::<8>(h)),
            Factors::Rows(h, d) => self.walk::<FMA>(Wide(h, d)),
        }
    }
}

#[cfg(feature = "flex")]
impl<const N: usize> Combine<'_, N> {
    /// Block by block, then one by one.
    #[inline(always)]
    fn walk<const FMA: bool>(self, factors: impl Spread) {
        let Self { x, weights, terms, out, .. } = self;
        let n = out.len();
        let (out, rest) = out.as_chunks_mut::<BLOCK>();
        let mut blocks: [&[[f32; BLOCK]]; N] = [&[]; N];
        for j in 0..N {
            blocks[j] = &terms[j][..n].as_chunks::<BLOCK>().0[..out.len()];
        }
        let bases: &[[f32; BLOCK]] = if let Some(x) = x { x[..n].as_chunks().0 } else { &[] };
        for k in 0..out.len() {
            let mut sum = [0.0f32; BLOCK];
            for j in 0..N {
                for l in 0..BLOCK {
                    sum[l] = fma::<FMA>(weights[j], blocks[j][k][l], sum[l]);
                }
            }
            let h = factors.block(k);
            let base = if x.is_some() { bases[k] } else { [0.0; BLOCK] };
            for l in 0..BLOCK {
                out[k][l] = MaybeUninit::new(fma::<FMA>(h[l], sum[l], base[l]));
            }
        }
        let first = n - rest.len();
        for (l, place) in rest.iter_mut().enumerate() {
            let (i, mut sum) = (first + l, 0.0);
            for j in 0..N {
                sum = fma::<FMA>(weights[j], terms[j][i], sum);
            }
            let base = if let Some(x) = x { x[i] } else { 0.0 };
            *place = MaybeUninit::new(fma::<FMA>(factors.one(i), sum, base));
        }
    }
}

/// The combination of at most [`MOST`] slices of `n` rows.
#[cfg(feature = "flex")]
pub(crate) fn combined(x: Option<&[f32]>, factor: Factor<'_>, terms: &[(f32, &[f32])]) -> Vec<f32> {
    let (now, later) = terms.split_at(terms.len().min(MOST));
    let first = match now.len() {
        1 => few::<1>(x, factor, now),
        2 => few::<2>(x, factor, now),
        3 => few::<3>(x, factor, now),
        4 => few::<4>(x, factor, now),
        5 => few::<5>(x, factor, now),
        6 => few::<6>(x, factor, now),
        7 => few::<7>(x, factor, now),
        _ => few::<MOST>(x, factor, now),
    };
    if later.is_empty() { first } else { combined(Some(&first), factor, later) }
}

#[cfg(feature = "flex")]
fn few<const N: usize>(x: Option<&[f32]>, factor: Factor<'_>, terms: &[(f32, &[f32])]) -> Vec<f32> {
    let size = terms[0].1.len();
    let spread: Vec<f32>;
    let factors = match factor {
        Factor::Same(h) | Factor::Each(&[h]) => Factors::Same(h as f32),
        Factor::Each(h) => match size.checked_div(h.len()).unwrap_or(0) {
            d @ (1 | 2 | 4 | 8) => Factors::Rows(h, d),
            d if d.is_multiple_of(BLOCK) && PIECE.is_multiple_of(d) => Factors::Rows(h, d),
            d => {
                spread = h.iter().flat_map(|h| std::iter::repeat_n(*h as f32, d)).collect();
                Factors::Each(&spread)
            }
        },
    };
    let weights: [f32; N] = std::array::from_fn(|j| terms[j].0);
    let piece = |first: usize, out: &mut [MaybeUninit<f32>]| {
        let at = first..first + out.len();
        let factors = match factors {
            Factors::Same(h) => Factors::Same(h),
            Factors::Rows(h, d) => Factors::Rows(&h[first.div_euclid(d)..], d),
            Factors::Each(h) => Factors::Each(&h[at.clone()]),
        };
        let terms: [&[f32]; N] = std::array::from_fn(|j| &terms[j].1[at.clone()]);
        dispatch(Combine { x: x.map(|x| &x[at]), factors, weights, terms, out });
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
