//! Rows of normal draws, many blocks at a time.
//!
//! Row `i` is the stream of sample `i`: blocks 0, 1, … in order, two draws each. Lanes and threads
//! take blocks as they come; no number depends on which lane or thread made it.

use super::normal::pair;
use super::philox::philox4x32_lanes;
use rayon::prelude::*;

/// Blocks that are made at once.
const LANES: usize = 16;
/// Fewer blocks than this are made one by one.
const FEW: usize = 4;
/// Draws that are worth a thread.
const GRAIN: usize = 1 << 13;

/// A draw's representation.
pub(super) trait Draw: Copy + Send {
    /// The draw, rounded.
    fn from_f64(value: f64) -> Self;
}

impl Draw for f64 {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
}

impl Draw for f32 {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
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
    if out.len() < 2 * GRAIN {
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
    let mut place = Place { source, d, row: 0, pair: 0 };
    let total = (out.len() / d) * d.div_ceil(2);
    let mut done = 0;
    while total - done >= LANES {
        let (counters, start) = (place.counters::<LANES>(LANES), place);
        place.advance(LANES);
        let (a, b) = pairs(philox4x32_lanes(counters, source.key));
        if d.is_multiple_of(2) {
            let target = &mut out[2 * done..2 * (done + LANES)];
            for (l, two) in target.chunks_exact_mut(2).enumerate() {
                two[0] = T::from_f64(a[l]);
                two[1] = T::from_f64(b[l]);
            }
        } else {
            start.store(&a, &b, out);
        }
        done += LANES;
    }
    let rest = total - done;
    if rest >= FEW {
        let (a, b) = pairs(philox4x32_lanes(place.counters::<LANES>(rest), source.key));
        place.store(&a[..rest], &b[..rest], out);
    } else {
        for _ in 0..rest {
            let (a, b) = pairs(philox4x32_lanes(place.counters::<1>(1), source.key));
            place.store(&a, &b, out);
            place.advance(1);
        }
    }
}

#[inline(always)]
fn pairs<const L: usize>(words: [[u32; L]; 4]) -> ([f64; L], [f64; L]) {
    let (mut a, mut b, mut l) = ([0.0; L], [0.0; L], 0);
    while l < L {
        (a[l], b[l]) = pair([words[0][l], words[1][l], words[2][l], words[3][l]]);
        l += 1;
    }
    (a, b)
}

/// A block's place in the rows: its row, and its pair of columns.
#[derive(Clone, Copy)]
struct Place {
    source: Source,
    d: usize,
    row: usize,
    pair: usize,
}

impl Place {
    #[inline(always)]
    fn advance(&mut self, blocks: usize) {
        self.pair += blocks;
        while self.pair >= self.d.div_ceil(2) {
            self.pair -= self.d.div_ceil(2);
            self.row += 1;
        }
    }

    /// The counters of the next `count ≤ L` blocks; the lanes beyond repeat the last.
    #[inline(always)]
    fn counters<const L: usize>(mut self, count: usize) -> [[u32; L]; 4] {
        let [mut low, mut high, mut block] = [[0; L]; 3];
        for (l, ((low, high), block)) in low.iter_mut().zip(&mut high).zip(&mut block).enumerate() {
            let sample = self.source.sample + self.row as u64;
            (*low, *high) = (sample as u32, (sample >> 32) as u32);
            *block = self.source.block.wrapping_add(self.pair as u32);
            if l + 1 < count {
                self.advance(1);
            }
        }
        [low, high, [self.source.step; L], block]
    }

    /// Writes pairs from here on; the second draw of a row's last pair is dropped when `d` is odd.
    #[inline(always)]
    fn store<T: Draw>(mut self, a: &[f64], b: &[f64], out: &mut [T]) {
        for (a, b) in a.iter().zip(b) {
            let column = 2 * self.pair;
            out[self.row * self.d + column] = T::from_f64(*a);
            if column + 1 < self.d {
                out[self.row * self.d + column + 1] = T::from_f64(*b);
            }
            self.advance(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Noise;

    /// Lanes, tails, odd widths and threads give the numbers of the stream, drawn pair by pair.
    #[test]
    fn rows_are_the_streams_to_the_bit() {
        for (n, d) in [(1, 1), (3, 1), (40, 1), (7, 2), (5, 3), (9, 31), (2, 64), (3000, 7)] {
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
