//! What a dense search asks of a row of costs, in vectors.

use pulp::{Arch, Simd, WithSimd};

/// Values side by side.
pub(super) const LANES: usize = 16;

/// One block of a row.
pub(super) type Lanes = [f64; LANES];

/// Appends a row in blocks, the last one filled up.
pub(super) fn lanes(row: &[f64], fill: f64, out: &mut Vec<Lanes>) {
    let (whole, rest) = row.as_chunks::<LANES>();
    out.extend_from_slice(whole);
    if !rest.is_empty() {
        let mut last = [fill; LANES];
        last[..rest.len()].copy_from_slice(rest);
        out.push(last);
    }
}

/// The scans, compiled for the instruction set that this CPU has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vectors(Arch);

impl Vectors {
    pub(super) fn new() -> Self {
        Self(Arch::new())
    }

    /// The smallest `c − v`, where it is, and the second smallest.
    pub(super) fn two_smallest(self, costs: &[Lanes], v: &[Lanes]) -> (f64, usize, f64) {
        struct Task<'a>(&'a [Lanes], &'a [Lanes]);
        impl WithSimd for Task<'_> {
            type Output = (f64, usize, f64);
            #[inline(always)]
            fn with_simd<S: Simd>(self, _simd: S) -> Self::Output {
                let [first, second] = smallest(self.0, self.1);
                (first, position(self.0.iter().zip(self.1).map(reduced), first), second)
            }
        }
        self.0.dispatch(Task(costs, v))
    }

    /// `distance ← min(distance, base + c − v)`, noting the row where that is less; the smallest
    /// distance then, and where it is.
    pub(super) fn relax(
        self,
        costs: &[Lanes],
        v: &[Lanes],
        distance: &mut [Lanes],
        from: &mut [[u64; LANES]],
        base: f64,
        row: u64,
    ) -> (f64, usize) {
        struct Task<'a> {
            costs: &'a [Lanes],
            v: &'a [Lanes],
            distance: &'a mut [Lanes],
            from: &'a mut [[u64; LANES]],
            base: f64,
            row: u64,
        }
        impl WithSimd for Task<'_> {
            type Output = (f64, usize);
            #[inline(always)]
            fn with_simd<S: Simd>(self, _simd: S) -> Self::Output {
                let mut least = [f64::INFINITY; LANES];
                let known = self.distance.iter_mut().zip(self.from.iter_mut());
                for ((c, v), (distance, from)) in self.costs.iter().zip(self.v).zip(known) {
                    for l in 0..LANES {
                        let there = self.base + (c[l] - v[l]);
                        let nearer = there < distance[l];
                        from[l] = if nearer { self.row } else { from[l] };
                        distance[l] = if nearer { there } else { distance[l] };
                        least[l] = lower(distance[l], least[l]);
                    }
                }
                let least = least.iter().fold(f64::INFINITY, |m, d| lower(*d, m));
                (least, position(self.distance.iter().copied(), least))
            }
        }
        self.0.dispatch(Task { costs, v, distance, from, base, row })
    }
}

#[inline(always)]
fn lower(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn higher(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn reduced((c, v): (&Lanes, &Lanes)) -> Lanes {
    let mut out = [0.0; LANES];
    for l in 0..LANES {
        out[l] = c[l] - v[l];
    }
    out
}

/// The two smallest of `c − v`.
#[inline(always)]
fn smallest(costs: &[Lanes], v: &[Lanes]) -> [f64; 2] {
    let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    for block in costs.iter().zip(v).map(reduced) {
        for l in 0..LANES {
            second[l] = lower(higher(block[l], first[l]), second[l]);
            first[l] = lower(block[l], first[l]);
        }
    }
    let (mut low, mut next) = (first[0], second[0]);
    for l in 1..LANES {
        next = lower(lower(higher(first[l], low), second[l]), next);
        low = lower(first[l], low);
    }
    [low, next]
}

/// The first place where a value stands that is known to be there.
#[inline(always)]
fn position(blocks: impl Iterator<Item = Lanes>, value: f64) -> usize {
    for (b, block) in blocks.enumerate() {
        if block.iter().fold(false, |any, x| any | (*x == value)) {
            let lane = block.iter().position(|x| *x == value).unwrap_or(0);
            return b * LANES + lane;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::Noise;

    /// Against the definition, at lengths that fill the last block and that do not.
    #[test]
    fn scans_find_what_sorting_finds() {
        for n in [2usize, 15, 16, 17, 100] {
            let (c, v) = (Noise::new(1, n).normal_values(1), Noise::new(2, n).normal_values(1));
            let (mut costs, mut potentials) = (Vec::new(), Vec::new());
            lanes(&c, f64::INFINITY, &mut costs);
            lanes(&v, 0.0, &mut potentials);
            let mut order: Vec<usize> = (0..n).collect();
            let reduced = |j: usize| c[j] - v[j];
            order.sort_by(|&a, &b| reduced(a).total_cmp(&reduced(b)));
            let vectors = Vectors::new();
            let expected = (reduced(order[0]), order[0], reduced(order[1]));
            assert_eq!(vectors.two_smallest(&costs, &potentials), expected, "{n}");
            let mut distance = vec![[f64::INFINITY; LANES]; costs.len()];
            distance.as_flattened_mut()[order[0]] = f64::NEG_INFINITY;
            let mut from = vec![[9; LANES]; costs.len()];
            let found = vectors.relax(&costs, &potentials, &mut distance, &mut from, 1.0, 7);
            assert_eq!(found, (f64::NEG_INFINITY, order[0]));
            let (distance, from) = (distance.as_flattened(), from.as_flattened());
            assert!((0..n).all(|j| j == order[0] || distance[j] == 1.0 + reduced(j)));
            assert!((0..n).all(|j| from[j] == if j == order[0] { 9 } else { 7 }));
        }
    }
}
