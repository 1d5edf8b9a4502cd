//! Rows of normal draws, many blocks at a time.
//!
//! Row `i` is the stream of sample `i`: blocks 0, 1, … in order, two draws each. Lanes and threads
//! take blocks as they come; no number depends on which lane or thread made it.

use super::philox::philox4x32_lanes;
use super::{double, single};
use rayon::prelude::*;

/// Blocks that are made at once: several vectors, so that one's operations fill the others' waits.
const LANES: usize = 32;
/// Fewer blocks than this are made one by one.
const FEW: usize = 4;
/// Draws that are worth a thread.
const GRAIN: usize = 1 << 13;

/// A float that normal draws are made in: `f32` or `f64`. The same draws, up to rounding.
pub trait Draw: FromBlock + Copy + Default + Send {}

impl Draw for f64 {}
impl Draw for f32 {}

/// What closes [`Draw`].
pub trait FromBlock: Sized {
    /// The two draws of a block, each word the low half of its lane.
    fn pair(words: [u64; 4]) -> (Self, Self);
}

impl FromBlock for f64 {
    #[inline(always)]
    fn pair(words: [u64; 4]) -> (Self, Self) {
        double::pair(words)
    }
}

impl FromBlock for f32 {
    #[inline(always)]
    fn pair(words: [u64; 4]) -> (Self, Self) {
        single::pair(words)
    }
}

/// Where the draws of a row are: the key, the step, and the first sample and block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) key: [u32; 2],
    pub(super) step: u32,
    pub(super) sample: u64,
    pub(super) block: u32,
}

/// Fills rows of `d` draws, one sample each, on as many threads as they are worth.
pub(super) fn normal_rows<T: Draw>(source: Source, d: usize, out: &mut [T]) {
    if out.len() < 2 * GRAIN || rayon::current_num_threads() == 1 {
        return vectorised(source, d, out);
    }
    let rows = (GRAIN / d.max(1)).max(1);
    out.par_chunks_mut(rows * d).enumerate().for_each(|(k, part)| {
        vectorised(Source { sample: source.sample + (k * rows) as u64, ..source }, d, part);
    });
}

/// [`normal_blocks`], compiled for the instruction set that this CPU has.
pub(super) fn vectorised<T: Draw>(source: Source, d: usize, out: &mut [T]) {
    if out.len() < 2 * FEW {
        return normal_blocks(source, d, out);
    }
    pulp::Arch::new().dispatch(Blocks { source, d, out });
}

/// [`normal_blocks`] with its arguments. Everything below it is inlined into it, so that it is
/// compiled once for each instruction set.
struct Blocks<'a, T> {
    source: Source,
    d: usize,
    out: &'a mut [T],
}

impl<T: Draw> pulp::WithSimd for Blocks<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _simd: S) {
        normal_blocks(self.source, self.d, self.out);
    }
}

#[inline(always)]
fn normal_blocks<T: Draw>(source: Source, d: usize, out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    let total = (out.len() / d) * d.div_ceil(2);
    let mut done = 0;
    if total >= FEW {
        let mut places = Places::<LANES>::new(source, d, 0);
        while total - done >= FEW {
            let (a, b) = pairs::<T, LANES>(philox4x32_lanes(places.counters(), source.key));
            let count = LANES.min(total - done);
            match count == LANES {
                true => store(done, (&a, &b), d, out),
                false => store(done, (&a[..count], &b[..count]), d, out),
            }
            places.advance();
            done += count;
        }
    }
    while done < total {
        let counters = Places::<1>::new(source, d, done).counters();
        let (a, b) = pairs::<T, 1>(philox4x32_lanes(counters, source.key));
        store(done, (&a, &b), d, out);
        done += 1;
    }
}

#[inline(always)]
fn pairs<T: Draw, const L: usize>(words: [[u64; L]; 4]) -> ([T; L], [T; L]) {
    let (mut a, mut b, mut l) = ([T::default(); L], [T::default(); L], 0);
    while l < L {
        (a[l], b[l]) = T::pair([words[0][l], words[1][l], words[2][l], words[3][l]]);
        l += 1;
    }
    (a, b)
}

/// Writes the pairs of blocks from `first` on; the second draw of a row's last pair is dropped when
/// `d` is odd.
#[inline(always)]
fn store<T: Draw>(first: usize, (a, b): (&[T], &[T]), d: usize, out: &mut [T]) {
    if d.is_multiple_of(2) {
        // Whole arrays, when there are: their length is known to the compiler.
        let target = &mut out[2 * first..2 * (first + a.len())];
        for l in 0..a.len() {
            target[2 * l] = a[l];
            target[2 * l + 1] = b[l];
        }
        return;
    }
    let width = d.div_ceil(2);
    let (mut row, mut pair) = (first.div_euclid(width), first % width);
    for (a, b) in a.iter().zip(b) {
        let place = row * d + 2 * pair;
        out[place] = *a;
        pair += 1;
        if pair < width {
            out[place + 1] = *b;
        } else {
            (row, pair) = (row + 1, 0);
        }
    }
}

/// Where the next `L` blocks are: their samples, and their pairs of columns.
struct Places<const L: usize> {
    source: Source,
    /// Pairs of columns in a row.
    width: u64,
    samples: [u64; L],
    pairs: [u64; L],
}

impl<const L: usize> Places<L> {
    #[inline(always)]
    fn new(source: Source, d: usize, first: usize) -> Self {
        let (width, first) = (d.div_ceil(2) as u64, first as u64);
        let mut sample = source.sample + first.div_euclid(width);
        let mut pair = first % width;
        let (mut samples, mut pairs) = ([0; L], [0; L]);
        for l in 0..L {
            (samples[l], pairs[l]) = (sample, pair);
            pair += 1;
            if pair == width {
                (sample, pair) = (sample + 1, 0);
            }
        }
        Self { source, width, samples, pairs }
    }

    #[inline(always)]
    fn counters(&self) -> [[u64; L]; 4] {
        let (mut high, mut block) = ([0; L], [0; L]);
        for l in 0..L {
            high[l] = self.samples[l] >> 32;
            block[l] = self.source.block as u64 + self.pairs[l];
        }
        [self.samples, high, [self.source.step as u64; L], block]
    }

    /// `L` blocks on.
    #[inline(always)]
    fn advance(&mut self) {
        let (rows, rest) = ((L as u64).div_euclid(self.width), L as u64 % self.width);
        for l in 0..L {
            let pair = self.pairs[l] + rest;
            let over = pair >= self.width;
            self.pairs[l] = if over { pair - self.width } else { pair };
            self.samples[l] += rows + over as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Noise;

    const SHAPES: [(usize, usize); 10] =
        [(1, 1), (3, 1), (40, 1), (7, 2), (5, 3), (9, 31), (2, 64), (3000, 7), (50, 2), (33, 66)];

    /// Lanes, tails, odd widths and threads give the numbers of the stream, drawn pair by pair.
    #[test]
    fn rows_are_the_streams_to_the_bit() {
        for (n, d) in SHAPES {
            let noise = Noise::new(8, n).at_step(3);
            let values = noise.normal_values(d);
            for (row, got) in values.chunks(d).enumerate() {
                let mut stream = noise.stream(row);
                for two in got.chunks(2) {
                    let (a, b) = stream.normal_pair();
                    assert_eq!(two[0], a, "row {row} of [{n}, {d}]");
                    assert!(two.len() == 1 || two[1] == b, "row {row} of [{n}, {d}]");
                }
            }
        }
    }

    /// One path in both precisions: the block at a place is the same, whatever lane makes it.
    #[test]
    fn rows_in_single_precision_are_those_in_double() {
        for (n, d) in SHAPES {
            let noise = Noise::new(8, n + 9).at_step(3).rows(9..n + 9);
            let (double, mut single) = (noise.normal_values(d), vec![0f32; n * d]);
            noise.fill_normal(d, &mut single);
            for (i, (a, b)) in single.iter().zip(&double).enumerate() {
                assert!((f64::from(*a) - b).abs() < 2.5e-6, "{a}, {b} at {i} of [{n}, {d}]");
            }
            // A row alone, made by other lanes, has the same bits.
            let (last, mut row) = (noise.rows(n - 1..n), vec![0f32; d]);
            last.fill_normal(d, &mut row);
            assert_eq!(single[(n - 1) * d..], row, "[{n}, {d}]");
        }
    }

    /// Counters whose low word is about to run over, and a block that does.
    #[test]
    fn samples_beyond_32_bits_have_their_own_draws() {
        let mut noise = Noise::new(8, 40);
        noise.index = (1 << 32) - 20..(1 << 32) + 20;
        let values = noise.normal_values(6);
        for (row, got) in values.chunks(6).enumerate() {
            let mut stream = noise.stream(row);
            got.chunks(2).for_each(|two| assert_eq!((two[0], two[1]), stream.normal_pair()));
        }
    }

    #[test]
    fn a_part_read_stream_fills_on_from_where_it_is() {
        let (mut a, mut b) = (Noise::new(1, 1).stream(0), Noise::new(1, 1).stream(0));
        let (mut whole, mut part) = ([0.0; 50], [0.0; 46]);
        a.fill_normal(&mut whole);
        b.normal_pair();
        b.normal_pair();
        b.fill_normal(&mut part);
        assert_eq!(whole[4..], part);
        assert_eq!(a.normal_pair(), b.normal_pair());
    }
}
