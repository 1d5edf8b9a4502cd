//! The mean square error, with its derivative.

use crate::fresh::filled;
use crate::math::fma;
use crate::simd::{LANES, Loop, dispatch};
use std::mem::MaybeUninit;

struct SquareError<'a> {
    a: &'a [f32],
    b: &'a [f32],
    factor: f32,
    slope: &'a mut [MaybeUninit<f32>],
}

impl Loop for SquareError<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f32 {
        let Self { a, b, factor, slope } = self;
        let mut sums = [0.0f32; LANES];
        let ((xs, x_rest), (ys, y_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        let (slopes, slope_rest) = slope.as_chunks_mut::<LANES>();
        let (ys, slopes) = (&ys[..xs.len()], &mut slopes[..xs.len()]);
        for i in 0..xs.len() {
            for l in 0..LANES {
                let gap = xs[i][l] - ys[i][l];
                sums[l] = fma::<FMA>(gap, gap, sums[l]);
                slopes[i][l].write(factor * gap);
            }
        }
        let (y_rest, slope_rest) = (&y_rest[..x_rest.len()], &mut slope_rest[..x_rest.len()]);
        for l in 0..x_rest.len() {
            let gap = x_rest[l] - y_rest[l];
            sums[l] = fma::<FMA>(gap, gap, sums[l]);
            slope_rest[l].write(factor * gap);
        }
        sums.iter().sum()
    }
}

/// The mean of `(a − b)²`, and its derivative in `a`; summed by groups of rows in an order that the
/// shape fixes.
pub(crate) fn square_error(a: &[f32], b: &[f32], columns: usize) -> (f32, Vec<f32>) {
    assert_eq!(a.len(), b.len(), "the mean square error of unlike lengths");
    let factor = 2.0 / a.len() as f32;
    // Rows are grouped, so that narrow ones do not cost a call each.
    let group = columns.max(1) * 1024usize.div_ceil(columns.max(1));
    let mut sum = 0.0f64;
    // SAFETY: groups of the lengths of `a` and `b` make up all of the slice, each written in full.
    let slope = unsafe {
        filled(a.len(), |slope| {
            for ((a, b), slope) in a.chunks(group).zip(b.chunks(group)).zip(slope.chunks_mut(group))
            {
                sum += f64::from(dispatch(SquareError { a, b, factor, slope }));
            }
        })
    };
    ((sum / a.len() as f64) as f32, slope)
}
