//! Convolutions of side 3 and stride 1 from 16 products where there were 36 (Winograd's F(2 × 2, 3 × 3)).
//!
//! ```text
//! Y = Aᵀ [Σ_c (G K G ᵀ) ⊙ (Bᵀ X B)] A        X: 4 × 4 pixels of a plane, Y: the 2 × 2 in their middle
//!
//!      1  0 −1  0          1  0  0
//! Bᵀ = 0  1  1  0     G =  ½  ½  ½     Aᵀ = 1  1  1  0
//!      0 −1  1  0          ½ −½  ½          0  1 −1 −1
//!      0  1  0 −1          0  0  1
//!
//! K̄ = Gᵀ [Σ_tiles (A Ȳ Aᵀ) ⊙ (Bᵀ X B)] G,     and x̄ is a convolution of ȳ by the kernel turned around
//! ```
//!
//! The sum over planes at each of the 16 places is a matrix product over the tiles of many images.
//! `B` and `A` hold no other numbers than 0 and ±1, so that rounding stays near that of the sum
//! itself.
//!
//! # References
//! Winograd (1980), "Arithmetic complexity of computations"; Lavin & Gray (2016), "Fast algorithms for
//! convolutional neural networks".

use super::panels::{Panels, Weights, blocks};
use super::planes::{Frame, filled_up};
use super::sizes::Sizes;
use super::sums::{Lanes, Products, Start, Steps, Tap, pieces};
use super::work::{in_parts, lay, on_groups, read};
use crate::simd::{LANES, Loop, dispatch};
use std::marker::PhantomData;
use std::ops::Range;

/// Products of a tile.
const POINTS: usize = 16;

/// Tiles that are worked on at a time, about: their values stay in the cache.
const TILES: usize = 32;

/// Planes from which the transforms pay.
const PLANES: usize = 24;

/// Whether a convolution has this form.
pub(crate) fn fits(s: Sizes) -> bool {
    let kernel = s.kernel;
    let planes = s.channels.min(s.outputs);
    kernel.side == 3 && kernel.stride == 1 && kernel.border < 3 && planes >= PLANES
}

/// The tiles of images on both sides.
#[derive(Clone, Copy, Debug)]
struct Tiles {
    /// Rows and columns of tiles.
    count: [usize; 2],
    before: Frame,
    after: Frame,
}

impl Tiles {
    /// From `inputs` planes of a size with a border to `outputs` planes.
    fn new(inputs: usize, size: [usize; 2], border: usize, outputs: usize) -> Self {
        let places = size.map(|pixels| pixels + 2 * border - 2);
        let count = places.map(|places| places.div_ceil(2));
        let sides = count.map(|tiles| 2 * tiles + 2);
        let before = Frame { planes: inputs, size, before: [border; 2], sides };
        let sides = count.map(|tiles| 2 * tiles);
        let after = Frame { planes: outputs, size: places, before: [0; 2], sides };
        Self { count, before, after }
    }

    /// Tiles of an image.
    fn each(&self) -> usize {
        self.count[0] * self.count[1]
    }

    /// Images that are worked on at a time.
    fn group(&self) -> usize {
        TILES.div_euclid(self.each().max(1)).max(1)
    }

    /// Rows of tiles that are worked on at a time.
    fn rows(&self) -> usize {
        TILES.div_euclid(self.count[1].max(1)).max(1)
    }

    /// Blocks of rows of tiles of some images.
    fn blocks(&self, images: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (all, step) = (images * self.count[0], self.rows());
        (0..all).step_by(step).map(move |first| first..all.min(first + step))
    }

    /// Where the tiles of a block's rows begin in the frames of some images.
    fn place(&self, row: usize, frame: &Frame) -> usize {
        let (image, row) = (row / self.count[0], row % self.count[0]);
        image * frame.len() + 2 * row * frame.row()
    }

    /// Room for a block's points.
    fn room(&self, frame: &Frame) -> Vec<f32> {
        vec![0.0; POINTS * self.rows() * self.count[1] * frame.pixel()]
    }
}

/// A linear map of vectors, each a column of numbers.
///
/// Loops and no closures: all of it has to end up in a function with the vector instructions.
trait Map<const I: usize, const O: usize> {
    fn of(x: [Lanes; I]) -> [Lanes; O];
}

#[inline(always)]
fn plus(a: Lanes, b: Lanes) -> Lanes {
    let mut sum = a;
    for l in 0..LANES {
        sum[l] += b[l];
    }
    sum
}

#[inline(always)]
fn minus(a: Lanes, b: Lanes) -> Lanes {
    let mut gap = a;
    for l in 0..LANES {
        gap[l] -= b[l];
    }
    gap
}

#[inline(always)]
fn half(a: Lanes) -> Lanes {
    let mut half = a;
    for value in &mut half {
        *value *= 0.5;
    }
    half
}

/// `Bᵀ x`.
struct Bt;

impl Map<4, 4> for Bt {
    #[inline(always)]
    fn of([a, b, c, d]: [Lanes; 4]) -> [Lanes; 4] {
        [minus(a, c), plus(b, c), minus(c, b), minus(b, d)]
    }
}

/// `Aᵀ x`.
struct At;

impl Map<4, 2> for At {
    #[inline(always)]
    fn of([a, b, c, d]: [Lanes; 4]) -> [Lanes; 2] {
        [plus(plus(a, b), c), minus(minus(b, c), d)]
    }
}

/// `A y`.
struct A;

impl Map<2, 4> for A {
    #[inline(always)]
    fn of([a, b]: [Lanes; 2]) -> [Lanes; 4] {
        [a, plus(a, b), minus(a, b), minus([0.0; LANES], b)]
    }
}

/// `G k`.
struct G;

impl Map<3, 4> for G {
    #[inline(always)]
    fn of([a, b, c]: [Lanes; 3]) -> [Lanes; 4] {
        let (ends, middle) = (half(plus(a, c)), half(b));
        [a, plus(ends, middle), minus(ends, middle), c]
    }
}

/// `Gᵀ k`.
struct Gt;

impl Map<4, 3> for Gt {
    #[inline(always)]
    fn of([a, b, c, d]: [Lanes; 4]) -> [Lanes; 3] {
        let sum = half(plus(b, c));
        [plus(a, sum), half(minus(b, c)), plus(sum, d)]
    }
}

/// A map of rows and of columns.
#[inline(always)]
fn both_ways<M: Map<I, O>, const I: usize, const O: usize>(x: [[Lanes; I]; I]) -> [[Lanes; O]; O] {
    let mut rows = [[[0.0; LANES]; O]; I];
    for i in 0..I {
        rows[i] = M::of(x[i]);
    }
    let mut y = [[[0.0; LANES]; O]; O];
    for j in 0..O {
        let mut column = [[0.0; LANES]; I];
        for i in 0..I {
            column[i] = rows[i][j];
        }
        let column = M::of(column);
        for i in 0..O {
            y[i][j] = column[i];
        }
    }
    y
}

/// The points of a block of tiles, `[16, tiles, planes]`, from the frames of their images.
struct Spread<'a, M, const I: usize> {
    tiles: &'a Tiles,
    rows: Range<usize>,
    frame: &'a Frame,
    laid: &'a [f32],
    points: &'a mut [f32],
    map: PhantomData<M>,
}

impl<M: Map<I, 4>, const I: usize> Loop for Spread<'_, M, I> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { tiles, rows, frame, laid, points, .. } = self;
        let (pixel, wide) = (frame.pixel(), tiles.count[1]);
        let size = rows.len() * wide * pixel;
        for (k, row) in rows.enumerate() {
            let start = tiles.place(row, frame);
            for j in 0..wide {
                for c in (0..pixel).step_by(LANES) {
                    let corner = &laid[start + 2 * j * pixel + c..];
                    let mut x = [[[0.0; LANES]; I]; I];
                    for p in 0..I {
                        for q in 0..I {
                            x[p][q] = lanes(&corner[p * frame.row() + q * pixel..]);
                        }
                    }
                    let y = both_ways::<M, I, 4>(x);
                    let place = &mut points[(k * wide + j) * pixel + c..];
                    for p in 0..POINTS {
                        place[p * size..][..LANES].copy_from_slice(&y[p / 4][p % 4]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn lanes(x: &[f32]) -> Lanes {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(&x[..LANES]);
    lanes
}

/// The pixels of a block of tiles from their points.
struct Gather<'a> {
    tiles: &'a Tiles,
    rows: Range<usize>,
    points: &'a [f32],
    bias: &'a [f32],
    laid: &'a mut [f32],
}

impl Loop for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { tiles, rows, points, bias, laid } = self;
        let (frame, wide) = (&tiles.after, tiles.count[1]);
        let pixel = frame.pixel();
        let size = rows.len() * wide * pixel;
        for (k, row) in rows.enumerate() {
            let start = tiles.place(row, frame);
            for j in 0..wide {
                for c in (0..pixel).step_by(LANES) {
                    let place = &points[(k * wide + j) * pixel + c..];
                    let mut x = [[[0.0; LANES]; 4]; 4];
                    for p in 0..POINTS {
                        x[p / 4][p % 4] = lanes(&place[p * size..]);
                    }
                    let y = both_ways::<At, 4, 2>(x);
                    let bias = lanes(&bias[c..]);
                    let corner = &mut laid[start + 2 * j * pixel + c..];
                    for p in 0..2 {
                        for q in 0..2 {
                            let place = &mut corner[p * frame.row() + q * pixel..];
                            place[..LANES].copy_from_slice(&plus(y[p][q], bias));
                        }
                    }
                }
            }
        }
    }
}

/// `G K Gᵀ` for each pair of planes, in panels; of the kernel turned around where it says so.
fn panels(weights: Weights<'_>, around: bool) -> Panels {
    Panels::of(weights, POINTS, |taps| {
        if around {
            taps[..9].reverse();
        }
        let kernel = [0, 3, 6].map(|p| [taps[p], taps[p + 1], taps[p + 2]]);
        taps.copy_from_slice(both_ways::<G, 3, 4>(kernel).as_flattened());
    })
}

/// `K ∗ x + b` of `n` images.
pub(crate) fn convolved(x: &[f32], weight: &[f32], bias: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let panels = panels(Weights::new(weight, [s.outputs, s.channels, 9]), false);
    let tiles = Tiles::new(s.channels, s.size, s.kernel.border, s.outputs);
    let mut bias = bias.to_vec();
    bias.resize(filled_up(s.outputs), 0.0);
    swept(x, n, tiles, &panels, &bias, s.work())
}

/// `Kᵀ ∗ u` of `n` images: a convolution by the kernel turned around.
pub(crate) fn transposed(u: &[f32], weight: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let panels = panels(Weights::new(weight, [s.outputs, s.channels, 9]).t(), true);
    let tiles = Tiles::new(s.outputs, s.places(), 2 - s.kernel.border, s.channels);
    swept(u, n, tiles, &panels, &vec![0.0; filled_up(s.channels)], s.work())
}

fn swept(
    x: &[f32],
    n: usize,
    tiles: Tiles,
    panels: &Panels,
    bias: &[f32],
    work: usize,
) -> Vec<f32> {
    let Tiles { before, after, .. } = tiles;
    let group = tiles.group();
    let room = || {
        let frames = [&before, &after].map(|frame| vec![0.0; group * frame.len()]);
        (frames, [&before, &after].map(|frame| tiles.room(frame)))
    };
    let mut y = vec![0.0; n * after.image()];
    let out = (&mut y[..], group * after.image());
    on_groups(out, (x, group * before.image()), n * work, room, |y, x, ([laid, out], points)| {
        let [seen_points, sums] = points;
        lay(x, &before, laid);
        for rows in tiles.blocks(x.len() / before.image()) {
            spread::<Bt, 4>(&tiles, rows.clone(), (&before, laid), seen_points);
            products(seen_points, panels, rows.len() * tiles.count[1], &tiles, sums);
            dispatch(Gather { tiles: &tiles, rows, points: sums, bias, laid: out });
        }
        read(&after, out, y);
    });
    y
}

/// The points of a block of tiles, from the frames of their images.
fn spread<M: Map<I, 4>, const I: usize>(
    tiles: &Tiles,
    rows: Range<usize>,
    (frame, laid): (&Frame, &[f32]),
    points: &mut [f32],
) {
    dispatch(Spread { tiles, rows, frame, laid, points, map: PhantomData::<M> });
}

/// The sums over planes at each of the points of some tiles.
fn products(points: &[f32], panels: &Panels, count: usize, tiles: &Tiles, out: &mut [f32]) {
    let [inner, outer] = [tiles.before.pixel(), tiles.after.pixel()];
    for point in 0..POINTS {
        for (block, columns) in panels.blocks() {
            let taps = [Tap { a: 0, b: panels.tap(point, columns) }];
            let products = panels.products(points, inner, &taps, columns);
            for (tile, rows) in pieces(count, columns) {
                let tile = point * count + tile;
                let out = &mut out[tile * outer + block..];
                let from = [tile * inner, panels.start(block)];
                products.write(from, [rows, columns], Start::Zero, out, outer);
            }
        }
    }
}

/// `Σ ȳ columns(x)ᵀ` over `n` images.
pub(crate) fn weight_gradient(x: &[f32], g: &[f32], n: usize, s: Sizes) -> Vec<f32> {
    let tiles = Tiles::new(s.channels, s.size, s.kernel.border, s.outputs);
    let Tiles { before, after, .. } = tiles;
    let (group, length) = (tiles.group(), POINTS * s.channels * after.pixel());
    let sum = in_parts(n, n * s.work(), length, |images, sum| {
        let [mut laid, mut gs] = [&before, &after].map(|frame| vec![0.0; group * frame.len()]);
        let [mut a, mut b] = [&before, &after].map(|frame| tiles.room(frame));
        for first in images.clone().step_by(group) {
            let images = first..images.end.min(first + group);
            lay(&x[images.start * s.before()..images.end * s.before()], &before, &mut laid);
            lay(&g[images.start * s.after()..images.end * s.after()], &after, &mut gs);
            for rows in tiles.blocks(images.len()) {
                let (tiles, count) = (&tiles, rows.len() * tiles.count[1]);
                spread::<Bt, 4>(tiles, rows.clone(), (&before, &laid), &mut a);
                spread::<A, 2>(tiles, rows, (&after, &gs), &mut b);
                add_products([&a, &b], tiles, count, sum);
            }
        }
    });
    lowered(&sum, s, after.pixel())
}

/// `Gᵀ D G` for each pair of planes, `D` of shape `[16, channels, pixel]`.
fn lowered(sum: &[f32], s: Sizes, pixel: usize) -> Vec<f32> {
    let mut gradient = vec![0.0; s.outputs * s.channels * 9];
    for (first, c) in (0..pixel).step_by(LANES).flat_map(|o| (0..s.channels).map(move |c| (o, c))) {
        let point = |p: usize| lanes(&sum[(p * s.channels + c) * pixel + first..]);
        let points = [0, 4, 8, 12].map(|p| [p, p + 1, p + 2, p + 3].map(point));
        let kernel = both_ways::<Gt, 4, 3>(points);
        for l in 0..LANES.min(s.outputs - first) {
            let out = &mut gradient[9 * ((first + l) * s.channels + c)..][..9];
            out.iter_mut().zip(kernel.as_flattened()).for_each(|(w, k)| *w = k[l]);
        }
    }
    gradient
}

/// Adds the products of some tiles at each of the points onto `[16, channels, outputs]`.
fn add_products([a, b]: [&[f32]; 2], tiles: &Tiles, count: usize, sum: &mut [f32]) {
    let (planes, [inner, outer]) =
        (tiles.before.planes, [tiles.before.pixel(), tiles.after.pixel()]);
    let steps = Steps { row: 1, a: inner, b: outer, terms: count };
    let products = Products { a, b, taps: &[Tap { a: 0, b: 0 }], steps };
    for point in 0..POINTS {
        for (block, columns) in blocks(tiles.after.planes) {
            for (c, rows) in pieces(planes, columns) {
                let out = &mut sum[(point * planes + c) * outer + block..];
                let from = [point * count * inner + c, point * count * outer + block];
                products.write(from, [rows, columns], Start::Out, out, outer);
            }
        }
    }
}
