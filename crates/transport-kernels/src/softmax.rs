//! Softmax by rows: the weights of a mixture's components, of an average, of classes.
//!
//! ```text
//! yᵢⱼ = exp(xᵢⱼ − mᵢ) / Σₖ exp(xᵢₖ − mᵢ),    mᵢ = maxₖ xᵢₖ
//! ```
//!
//! Narrow rows are turned over in a small block, so that a vector of rows is worked on at once.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "flex")]
use crate::{
    fresh::filled,
    math::exp_nonpositive,
    simd::{LANES, Loop, dispatch},
};
#[cfg(feature = "flex")]
use std::mem::MaybeUninit;

/// Softmax of each row.
///
/// # Shapes
/// `x`: `[n, k]`; returns `[n, k]`.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, device};
/// let space = Space::f32(&device::select(None).unwrap());
/// let y = transport_kernels::softmax(space.tensor(vec![0.0, 3f64.ln(), 5.0, 5.0], [2, 2]));
/// let y = device::to_host(y);
/// assert!(y.iter().zip([0.25, 0.75, 0.5, 0.5]).all(|(y, p)| (y - p).abs() < 1e-6));
/// # }
/// ```
/// # Checked by
/// `tests/it/softmax.rs`
#[must_use]
pub fn softmax(x: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if crate::ops::takes_plain(&x) && x.dims()[1] > 0 {
        return crate::extension::combination::softmax(&x);
    }
    activation::softmax(x, 1)
}

/// Columns up to which rows are turned over.
#[cfg(feature = "flex")]
const NARROW: usize = 16;

/// The weights of rows of `columns` numbers, at least one.
#[cfg(feature = "flex")]
pub(crate) fn weights(x: &[f32], columns: usize) -> Vec<f32> {
    // SAFETY: the rows make up all of the slice, and each row is written.
    unsafe { filled(x.len(), |out| dispatch(Softmax { x, columns, out })) }
}

#[cfg(feature = "flex")]
struct Softmax<'a> {
    x: &'a [f32],
    columns: usize,
    out: &'a mut [MaybeUninit<f32>],
}

#[cfg(feature = "flex")]
impl Loop for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { x, columns, out } = self;
        match columns {
            2 => turned::<FMA, 2>(x, out),
            4 => turned::<FMA, 4>(x, out),
            8 => turned::<FMA, 8>(x, out),
            NARROW => turned::<FMA, NARROW>(x, out),
            _ => {
                let rows = x.chunks_exact(columns).zip(out.chunks_exact_mut(columns));
                rows.for_each(|(x, out)| along::<FMA>(x, out));
            }
        }
    }
}

/// [`LANES`] rows of `K` numbers at a time.
#[cfg(feature = "flex")]
#[inline(always)]
fn turned<const FMA: bool, const K: usize>(x: &[f32], out: &mut [MaybeUninit<f32>]) {
    let (x, out) = (x.as_chunks::<K>().0, out.as_chunks_mut::<K>().0);
    for (x, out) in x.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut block = [[0.0f32; LANES]; K];
        for (l, row) in x.iter().enumerate() {
            for k in 0..K {
                block[k][l] = row[k];
            }
        }
        columns::<FMA, K>(&mut block);
        for (l, row) in out.iter_mut().enumerate() {
            for k in 0..K {
                row[k].write(block[k][l]);
            }
        }
    }
}

/// Softmax over the first index.
#[cfg(feature = "flex")]
#[inline(always)]
fn columns<const FMA: bool, const K: usize>(block: &mut [[f32; LANES]; K]) {
    let (mut most, mut sum) = ([f32::NEG_INFINITY; LANES], [0.0f32; LANES]);
    for row in block.iter() {
        for l in 0..LANES {
            most[l] = larger(row[l], most[l]);
        }
    }
    for row in block.iter_mut() {
        for l in 0..LANES {
            row[l] = exp_nonpositive::<FMA>(row[l] - most[l]);
            sum[l] += row[l];
        }
    }
    for sum in &mut sum {
        *sum = 1.0 / *sum;
    }
    for row in block.iter_mut() {
        for l in 0..LANES {
            row[l] *= sum[l];
        }
    }
}

/// Softmax of one row, lane by lane.
#[cfg(feature = "flex")]
#[inline(always)]
fn along<const FMA: bool>(x: &[f32], out: &mut [MaybeUninit<f32>]) {
    let ((blocks, rest), mut most) = (x.as_chunks::<LANES>(), [f32::NEG_INFINITY; LANES]);
    for block in blocks {
        for l in 0..LANES {
            most[l] = larger(block[l], most[l]);
        }
    }
    for l in 0..rest.len() {
        most[l] = larger(rest[l], most[l]);
    }
    let most = most.into_iter().fold(f32::NEG_INFINITY, |a, b| larger(b, a));
    let mut sums = [0.0f32; LANES];
    for (x, out) in x.chunks(LANES).zip(out.chunks_mut(LANES)) {
        for l in 0..x.len() {
            let e = exp_nonpositive::<FMA>(x[l] - most);
            sums[l] += e;
            out[l].write(e);
        }
    }
    let scale = 1.0 / sums.into_iter().sum::<f32>();
    for place in out {
        // SAFETY: written in the loop above.
        let e = unsafe { place.assume_init() };
        place.write(e * scale);
    }
}

/// The larger, or the first when that is no number.
#[cfg(feature = "flex")]
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a <= b { b } else { a }
}
