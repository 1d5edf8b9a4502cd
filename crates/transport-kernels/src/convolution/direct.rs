//! Convolutions as sums over a kernel's elements and the planes below each.
//!
//! ```text
//! y[(i, j), o] = b[o] + Σ_{p, q} Σ_c frame[(s i + p, s j + q), c] K[o, c, p, q]
//! x̄[(i, j), c] = Σ_{p, q : s | i + border − p, …} Σ_o ȳ[((i + border − p)/s, (j + border − q)/s), o] K[o, c, p, q]
//! K̄[o, c, p, q] = Σ_images Σ_{i, j} frame[(s i + p, s j + q), c] ȳ[(i, j), o]
//! ```
//!
//! The frame makes borders no special case. Pixels of `x` that agree modulo the stride meet the same
//! elements of the kernel, in [`Pass`]es of their own; a convolution itself is one pass.

use super::panels::{Panels, Weights, blocks};
use super::planes::{Frame, filled_up};
use super::sizes::Sizes;
use super::sums::{Products, Start, Steps, Tap, pieces};
use super::work::{in_parts, lay, on_groups};

/// Places whose sums run over the same elements of the kernel.
struct Pass {
    /// An element of the kernel, and where its planes begin for the first place.
    taps: Vec<(usize, usize)>,
    /// The first place, and from each to the next.
    first: [usize; 2],
    step: usize,
    count: [usize; 2],
    /// Pixels of the frame from a place to the next.
    stride: usize,
}

/// The frame of `x`, and the pass that makes `y`.
fn forwards(s: Sizes) -> (Frame, Vec<Pass>) {
    let (side, stride, border) = (s.kernel.side, s.kernel.stride, s.kernel.border);
    let sides = s.size.map(|pixels| pixels + 2 * border);
    let frame = Frame { planes: s.channels, size: s.size, before: [border; 2], sides };
    let place = |k: usize| (k / side) * frame.row() + (k % side) * frame.pixel();
    let taps = (0..s.taps()).map(|k| (k, place(k))).collect();
    (frame, vec![Pass { taps, first: [0; 2], step: 1, count: s.places(), stride }])
}

/// The frame of `ȳ`, and the passes that make `x̄`.
fn backwards(s: Sizes) -> (Frame, Vec<Pass>) {
    let (side, stride, border) = (s.kernel.side, s.kernel.stride, s.kernel.border);
    let places = s.places();
    let before = (side - 1).saturating_sub(border).div_ceil(stride);
    let last = s.size.map(|pixels| (pixels - 1 + border) / stride);
    let sides = [0, 1].map(|k| before + places[k].max(last[k] + 1));
    let frame = Frame { planes: s.outputs, size: places, before: [before; 2], sides };
    // The place under pixel `first` at element `p`, where there is one; below 0 in the frame's zeros.
    let under = |first: usize, p: usize| {
        let at = first + border + before * stride;
        at.checked_sub(p).filter(|at| at.is_multiple_of(stride)).map(|at| at / stride)
    };
    let pass = |first: [usize; 2]| {
        let tap = |k: usize| {
            let (i, j) = (under(first[0], k / side)?, under(first[1], k % side)?);
            Some((k, i * frame.row() + j * frame.pixel()))
        };
        let taps = (0..s.taps()).filter_map(tap).collect();
        let count = [0, 1].map(|k| (s.size[k] - first[k]).div_ceil(stride));
        Pass { taps, first, step: stride, count, stride: 1 }
    };
    let firsts = (0..stride.min(s.size[0])).flat_map(|i| (0..stride).map(move |j| [i, j]));
    (frame, firsts.filter(|[_, j]| *j < s.size[1]).map(pass).collect())
}

impl Pass {
    /// Writes the places of this pass.
    fn run(
        &self,
        (frame, laid): (&Frame, &[f32]),
        panels: &Panels,
        bias: Option<&[f32]>,
        (after, out): (&Frame, &mut [f32]),
    ) {
        for (block, columns) in panels.blocks() {
            let tap = |(k, a): &(usize, usize)| Tap { a: *a, b: panels.tap(*k, columns) };
            let taps: Vec<Tap> = self.taps.iter().map(tap).collect();
            let row = self.stride * frame.pixel();
            let products = panels.products(laid, row, &taps, columns);
            let start = bias.map_or(Start::Zero, |bias| Start::Columns(&bias[block..]));
            for i in 0..self.count[0] {
                for (j, rows) in pieces(self.count[1], columns) {
                    let from = [i * self.stride * frame.row() + j * row, panels.start(block)];
                    let place = [self.first[0] + i * self.step, self.first[1] + j * self.step];
                    let place = place[0] * after.row() + place[1] * after.pixel() + block;
                    let pitch = self.step * after.pixel();
                    products.write(from, [rows, columns], start, &mut out[place..], pitch);
                }
            }
        }
    }
}

/// `K ∗ x + b` of `n` images.
pub(crate) fn convolved(x: &[f32], weight: &[f32], bias: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let panels = Panels::new(Weights::new(weight, [s.outputs, s.channels, s.taps()]));
    let mut bias = bias.to_vec();
    bias.resize(filled_up(s.outputs), 0.0);
    let after = Frame::bare(s.outputs, s.places());
    swept(x, n, forwards(s), &panels, Some(&bias), after, s.work())
}

/// `Kᵀ ∗ u` of `n` images.
pub(crate) fn transposed(u: &[f32], weight: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let panels = Panels::new(Weights::new(weight, [s.outputs, s.channels, s.taps()]).t());
    swept(u, n, backwards(s), &panels, None, Frame::bare(s.channels, s.size), s.work())
}

fn swept(
    x: &[f32],
    n: usize,
    (frame, passes): (Frame, Vec<Pass>),
    panels: &Panels,
    bias: Option<&[f32]>,
    after: Frame,
    work: usize,
) -> Vec<f32> {
    let room = || (vec![0.0; frame.len()], vec![0.0; after.len()]);
    let mut y = vec![0.0; n * after.image()];
    let pair = ((&mut y[..], after.image()), (x, frame.image()));
    on_groups(pair.0, pair.1, n * work, room, |y, x, (laid, out)| {
        frame.lay(x, laid);
        passes.iter().for_each(|pass| pass.run((&frame, laid), panels, bias, (&after, out)));
        after.read(out, y);
    });
    y
}

/// Values of the frames that are worked on at a time.
const GROUP: usize = 1 << 16;

/// `Σ ȳ frameᵀ` over `n` images.
pub(crate) fn weight_gradient(x: &[f32], g: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let ((frame, passes), after) = (forwards(s), Frame::bare(s.outputs, s.places()));
    let pass = &passes[0];
    let group = GROUP.div_euclid(frame.len() + after.len()).max(1);
    let sum = in_parts(n, n * s.work(), s.taps() * s.channels * after.pixel(), |images, sum| {
        let [mut laid, mut gs] = [&frame, &after].map(|f| vec![0.0; group * f.len()]);
        for first in images.clone().step_by(group) {
            let images = first..images.end.min(first + group);
            lay(&x[images.start * s.before()..images.end * s.before()], &frame, &mut laid);
            lay(&g[images.start * s.after()..images.end * s.after()], &after, &mut gs);
            pass.gather((&frame, &laid), (&after, &gs), images.len(), sum);
        }
    });
    let mut gradient = vec![0.0; s.outputs * s.channels * s.taps()];
    for (k, row) in sum.chunks_exact(after.pixel()).enumerate() {
        let (tap, c) = (k / s.channels, k % s.channels);
        for (o, value) in row[..s.outputs].iter().enumerate() {
            gradient[(o * s.channels + c) * s.taps() + tap] = *value;
        }
    }
    gradient
}

impl Pass {
    /// Adds the products of some images onto `[taps, channels, outputs]`.
    fn gather(
        &self,
        (frame, laid): (&Frame, &[f32]),
        (after, g): (&Frame, &[f32]),
        images: usize,
        sum: &mut [f32],
    ) {
        let [rows, terms] = self.count;
        let place = |k: usize| Tap {
            a: (k / rows) * frame.len() + (k % rows) * self.stride * frame.row(),
            b: (k / rows) * after.len() + (k % rows) * after.row(),
        };
        let taps: Vec<Tap> = (0..images * rows).map(place).collect();
        let steps = Steps { row: 1, a: self.stride * frame.pixel(), b: after.pixel(), terms };
        let products = Products { a: laid, b: g, taps: &taps, steps };
        for (k, offset) in &self.taps {
            for (block, columns) in blocks(after.planes) {
                for (c, rows) in pieces(frame.planes, columns) {
                    let out = &mut sum[(k * frame.planes + c) * after.pixel() + block..];
                    let from = [offset + c, block];
                    products.write(from, [rows, columns], Start::Out, out, after.pixel());
                }
            }
        }
    }
}
