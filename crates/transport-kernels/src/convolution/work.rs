//! Images shared out among threads, so that no bit of a result depends on how.

use super::planes::Frame;
use crate::simd::{LANES, Loop, dispatch, worth_threads};
use rayon::prelude::*;
use std::ops::Range;

/// Parts of a batch whose gradients are summed apart. A constant: the sum's order, and so its
/// bits, do not depend on the threads.
const PARTS: usize = 8;

/// Lays images into frames, one after the other.
pub(crate) fn lay(x: &[f32], frame: &Frame, laid: &mut [f32]) {
    let images = x.chunks(frame.image().max(1)).zip(laid.chunks_mut(frame.len().max(1)));
    images.for_each(|(x, laid)| frame.lay(x, laid));
}

/// Reads images from frames.
pub(crate) fn read(frame: &Frame, laid: &[f32], x: &mut [f32]) {
    let images = x.chunks_mut(frame.image().max(1)).zip(laid.chunks(frame.len().max(1)));
    images.for_each(|(x, laid)| frame.read(laid, x));
}

/// Calls `each` with groups of values of `out` and of `x`, on several threads where it pays; a thread
/// works in one `room`.
pub(crate) fn on_groups<R>(
    (out, size): (&mut [f32], usize),
    (x, input): (&[f32], usize),
    work: usize,
    room: impl Fn() -> R + Sync + Send,
    each: impl Fn(&mut [f32], &[f32], &mut R) + Sync + Send,
) {
    if worth_threads(work) {
        let pairs = out.par_chunks_mut(size.max(1)).zip(x.par_chunks(input.max(1)));
        pairs.for_each_init(room, |room, (out, x)| each(out, x, room));
    } else {
        let mut room = room();
        let pairs = out.chunks_mut(size.max(1)).zip(x.chunks(input.max(1)));
        pairs.for_each(|(out, x)| each(out, x, &mut room));
    }
}

/// The sum of `length` values that `add` adds up over some of `n` images.
pub(crate) fn in_parts(
    n: usize,
    work: usize,
    length: usize,
    add: impl Fn(Range<usize>, &mut [f32]) + Sync,
) -> Vec<f32> {
    let part = |k: usize| {
        let mut sum = vec![0.0; length];
        add(k * n / PARTS..(k + 1) * n / PARTS, &mut sum);
        sum
    };
    let parts: Vec<_> = match worth_threads(work) {
        true => (0..PARTS).into_par_iter().map(part).collect(),
        false => (0..PARTS).map(part).collect(),
    };
    let add = |mut sum: Vec<f32>, part: Vec<f32>| {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
        sum
    };
    parts.into_iter().reduce(add).unwrap_or_default()
}

/// The sums of each plane's `area` values over all images.
pub(crate) fn plane_sums(g: &[f32], planes: usize, area: usize) -> Vec<f32> {
    let n = g.len().checked_div(planes * area).unwrap_or(0);
    in_parts(n, g.len(), planes, |images, sums| {
        let values = &g[images.start * planes * area..images.end * planes * area];
        for (k, plane) in values.chunks_exact(area.max(1)).enumerate() {
            sums[k % planes] += dispatch(Sum(plane));
        }
    })
}

struct Sum<'a>(&'a [f32]);

impl Loop for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f32 {
        let (lanes, rest) = self.0.as_chunks::<LANES>();
        let mut sums = [0.0f32; LANES];
        for lane in lanes {
            for l in 0..LANES {
                sums[l] += lane[l];
            }
        }
        sums.iter().chain(rest).sum()
    }
}
