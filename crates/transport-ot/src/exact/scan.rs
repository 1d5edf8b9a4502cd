//! What a dense search asks of a row of costs, in vectors.
//!
//! Rows are as long as a whole number of blocks of [`BLOCK`] values, which is one of vectors on any
//! CPU.

use pulp::bytemuck::bytes_of;
use pulp::{Arch, Simd, WithSimd};

/// Values of a block: two of the longest vectors.
pub(super) const BLOCK: usize = 16;

/// The length of a row of `n` values.
pub(super) fn padded(n: usize) -> usize {
    n.next_multiple_of(BLOCK)
}

/// The scans, compiled for the instruction set that this CPU has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vectors(Arch);

/// A search under way, as a scan sees it.
pub(super) struct Reach<'a> {
    /// Potentials of the columns; minus infinity closes one.
    pub(super) v: &'a [f64],
    /// The distance of each, infinity where there is none.
    pub(super) distance: &'a mut [f64],
    /// The row that each is reached by.
    pub(super) from: &'a mut [u64],
}

impl Vectors {
    pub(super) fn new() -> Self {
        Self(Arch::new())
    }

    /// The smallest `c − v`, where it is, and the second smallest.
    pub(super) fn two_smallest(self, costs: &[f64], v: &[f64]) -> (f64, usize, f64) {
        self.0.dispatch(TwoSmallest { costs, v })
    }

    /// `distance ← min(distance, base + c − v)`, noting the row where that is less; the smallest
    /// distance then, and where it is.
    pub(super) fn relax(
        self,
        costs: &[f64],
        reach: Reach<'_>,
        base: f64,
        row: u64,
    ) -> (f64, usize) {
        self.0.dispatch(Relax { costs, reach, base, row })
    }

    /// Where `c − v` is smallest, if that is less than a limit; whatever the length.
    pub(super) fn least_below(self, costs: &[f64], v: &[f64], limit: f64) -> Option<usize> {
        self.0.dispatch(LeastBelow { costs, v, limit })
    }

    /// `least ← min(least, c − u)`, whatever the length.
    pub(super) fn lower_to(self, least: &mut [f64], costs: &[f64], u: f64) {
        self.0.dispatch(LowerTo { least, costs, u });
    }
}

struct TwoSmallest<'a> {
    costs: &'a [f64],
    v: &'a [f64],
}

impl WithSimd for TwoSmallest<'_> {
    type Output = (f64, usize, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let (costs, v) = (S::as_simd_f64s(self.costs).0, S::as_simd_f64s(self.v).0);
        let none = simd.splat_f64s(f64::INFINITY);
        // Two of each, since each minimum waits for the last.
        let (mut first, mut second) = ([none; 2], [none; 2]);
        for (c, v) in costs.as_chunks::<2>().0.iter().zip(v.as_chunks::<2>().0) {
            for l in 0..2 {
                let reduced = simd.sub_f64s(c[l], v[l]);
                let loser = simd.max_f64s(first[l], reduced);
                second[l] = simd.min_f64s(second[l], loser);
                first[l] = simd.min_f64s(first[l], reduced);
            }
        }
        let loser = simd.max_f64s(first[0], first[1]);
        let second = simd.min_f64s(loser, simd.min_f64s(second[0], second[1]));
        let first = simd.min_f64s(first[0], first[1]);
        let (mut low, mut next) = (f64::INFINITY, simd.reduce_min_f64s(second));
        for value in lanes::<S>(simd, first).into_iter().take(S::F64_LANES) {
            next = next.min(low.max(value));
            low = low.min(value);
        }
        let reduced = costs.iter().zip(v).map(|(c, v)| simd.sub_f64s(*c, *v));
        (low, place::<S>(simd, low, reduced), next)
    }
}

struct LeastBelow<'a> {
    costs: &'a [f64],
    v: &'a [f64],
    limit: f64,
}

impl WithSimd for LeastBelow<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Option<usize> {
        let ((costs, costs_rest), (v, v_rest)) =
            (S::as_simd_f64s(self.costs), S::as_simd_f64s(self.v));
        let mut least = [simd.splat_f64s(self.limit); 4];
        let ((c4, c_few), (v4, v_few)) = (costs.as_chunks::<4>(), v.as_chunks::<4>());
        for (c, v) in c4.iter().zip(v4) {
            for l in 0..4 {
                least[l] = simd.min_f64s(least[l], simd.sub_f64s(c[l], v[l]));
            }
        }
        for (c, v) in c_few.iter().zip(v_few) {
            least[0] = simd.min_f64s(least[0], simd.sub_f64s(*c, *v));
        }
        let halves = [simd.min_f64s(least[0], least[1]), simd.min_f64s(least[2], least[3])];
        let low = simd.reduce_min_f64s(simd.min_f64s(halves[0], halves[1]));
        let rest = costs_rest.iter().zip(v_rest).map(|(c, v)| c - v).enumerate();
        let last = rest.fold((low, None), |l, (k, x)| if x < l.0 { (x, Some(k)) } else { l });
        let reduced = costs.iter().zip(v).map(|(c, v)| simd.sub_f64s(*c, *v));
        match last.1 {
            Some(k) => Some(self.costs.len() - costs_rest.len() + k),
            None => (low < self.limit).then(|| place::<S>(simd, low, reduced)),
        }
    }
}

struct Relax<'a> {
    costs: &'a [f64],
    reach: Reach<'a>,
    base: f64,
    row: u64,
}

impl WithSimd for Relax<'_> {
    type Output = (f64, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Reach { v, distance, from } = self.reach;
        let (costs, v) = (S::as_simd_f64s(self.costs).0, S::as_simd_f64s(v).0);
        let (distance, from) = (S::as_mut_simd_f64s(distance).0, S::as_mut_simd_u64s(from).0);
        let (base, row) = (simd.splat_f64s(self.base), simd.splat_u64s(self.row));
        let mut least = simd.splat_f64s(f64::INFINITY);
        let known = distance.iter_mut().zip(from);
        for ((c, v), (distance, from)) in costs.iter().zip(v).zip(known) {
            let there = simd.add_f64s(base, simd.sub_f64s(*c, *v));
            let nearer = simd.less_than_f64s(there, *distance);
            *from = simd.select_u64s(nearer, row, *from);
            *distance = simd.min_f64s(there, *distance);
            least = simd.min_f64s(least, *distance);
        }
        let least = simd.reduce_min_f64s(least);
        (least, place::<S>(simd, least, distance.iter().copied()))
    }
}

struct LowerTo<'a> {
    least: &'a mut [f64],
    costs: &'a [f64],
    u: f64,
}

impl WithSimd for LowerTo<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (least, rest) = S::as_mut_simd_f64s(self.least);
        let (costs, others) = S::as_simd_f64s(self.costs);
        let u = simd.splat_f64s(self.u);
        for (l, c) in least.iter_mut().zip(costs) {
            *l = simd.min_f64s(*l, simd.sub_f64s(*c, u));
        }
        rest.iter_mut().zip(others).for_each(|(l, c)| *l = l.min(c - self.u));
    }
}

/// The values of a vector, the first `F64_LANES` of a block.
#[inline(always)]
fn lanes<S: Simd>(simd: S, vector: S::f64s) -> [f64; BLOCK] {
    let mut out = [f64::INFINITY; BLOCK];
    simd.partial_store_f64s(&mut out[..S::F64_LANES], vector);
    out
}

/// The first place of a value that is known to be there.
#[inline(always)]
fn place<S: Simd>(simd: S, value: f64, vectors: impl Iterator<Item = S::f64s>) -> usize {
    let sought = simd.splat_f64s(value);
    for (k, vector) in vectors.enumerate() {
        let equal = simd.equal_f64s(vector, sought);
        if bytes_of(&equal).iter().any(|byte| *byte != 0) {
            let lane = lanes::<S>(simd, vector).iter().position(|x| *x == value).unwrap_or(0);
            return k * S::F64_LANES + lane;
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
            let draw = |seed| Noise::new(seed, n).normal_values(1);
            let (mut c, mut v) = (draw(1), draw(2));
            let mut order: Vec<usize> = (0..n).collect();
            let reduced: Vec<f64> = c.iter().zip(&v).map(|(c, v)| c - v).collect();
            order.sort_by(|&a, &b| reduced[a].total_cmp(&reduced[b]));
            let vectors = Vectors::new();
            let mut least = vec![0.5; n];
            vectors.lower_to(&mut least, &c, 0.25);
            assert!((0..n).all(|j| least[j] == (c[j] - 0.25).min(0.5)));
            let low = reduced[order[0]];
            assert_eq!(vectors.least_below(&c, &v, low + 1e-9), Some(order[0]), "{n}");
            assert_eq!(vectors.least_below(&c, &v, low), None, "{n}");
            c.resize(padded(n), f64::INFINITY);
            v.resize(padded(n), 0.0);
            let expected = (reduced[order[0]], order[0], reduced[order[1]]);
            assert_eq!(vectors.two_smallest(&c, &v), expected, "{n}");
            let mut distance = vec![f64::INFINITY; c.len()];
            distance[order[0]] = -9.0;
            let mut from = vec![3; c.len()];
            let reach = Reach { v: &v, distance: &mut distance, from: &mut from };
            assert_eq!(vectors.relax(&c, reach, 1.0, 7), (-9.0, order[0]));
            assert!((0..n).all(|j| j == order[0] || distance[j] == 1.0 + reduced[j]));
            assert!((0..n).all(|j| from[j] == if j == order[0] { 3 } else { 7 }));
        }
    }

    /// The least twice: the second is as small.
    #[test]
    fn ties_are_second() {
        for (a, b) in [(0usize, 1), (0, 8), (3, 11), (5, 20)] {
            let mut c = vec![1.0; padded(30)];
            (c[a], c[b]) = (0.5, 0.5);
            assert_eq!(Vectors::new().two_smallest(&c, &vec![0.0; c.len()]), (0.5, a, 0.5));
        }
    }
}
