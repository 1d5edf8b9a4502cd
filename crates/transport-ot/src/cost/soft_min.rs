//! The soft minimum over a row, summed with a running maximum.
//!
//! ```text
//! log Σⱼ exp(zⱼ) = M + log Σⱼ exp(zⱼ − M),    M = maxⱼ zⱼ
//! ```
//!
//! Values come in panels of [`LANES`]; a tile of panels is filled, its maximum taken, its
//! exponentials added. A tile that cannot change the sum is not exponentiated, and one whose bound
//! says so is not filled.

use super::real::{LANES, Real};
use super::{ALONE, Cost, Side};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Panels of a tile: 512 values, which stay in the first-level cache.
pub(super) const PANELS: usize = 16;
/// Values of a tile.
pub(super) const TILE: usize = PANELS * LANES;

/// What fills panel `p` with exponents.
pub(super) trait Panels<T> {
    /// The exponents of panel `p`; minus infinity beyond the last.
    fn panel<const FMA: bool>(&self, p: usize) -> [T; LANES];
    /// How many panels there are.
    fn count(&self) -> usize;
    /// What no exponent of a tile exceeds.
    #[inline(always)]
    fn bound(&self, _tile: usize) -> f64 {
        f64::INFINITY
    }
    /// The tile that is likely to hold the largest exponent.
    #[inline(always)]
    fn first(&self) -> usize {
        0
    }
}

/// What takes the tiles of a row that count.
pub(super) trait Gather<T> {
    /// A tile of exponents `z`, none above `top`; it may write over them.
    fn tile<const FMA: bool>(&mut self, t: usize, top: T, z: &mut [[T; LANES]]);
    /// What was gathered so far was about another top: times `factor`.
    fn rescale(&mut self, factor: f64);
}

/// `Σ exp(z − top)`.
struct Sum(f64);

impl<T: Real> Gather<T> for Sum {
    #[inline(always)]
    fn tile<const FMA: bool>(&mut self, _t: usize, top: T, z: &mut [[T; LANES]]) {
        self.0 += exponential_sum::<T, FMA>(z, top);
    }

    #[inline(always)]
    fn rescale(&mut self, factor: f64) {
        self.0 *= factor;
    }
}

/// Runs over panels, compiled for the instruction set that this CPU has, and gives the largest
/// exponent, about which `into` holds what it gathered.
pub(super) fn gather<T: Real, P: Panels<T>, G: Gather<T>>(panels: &P, into: &mut G) -> f64 {
    struct Task<'a, T, P, G>(&'a P, &'a mut G, std::marker::PhantomData<T>);
    impl<T: Real, P: Panels<T>, G: Gather<T>> WithSimd for Task<'_, T, P, G> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> f64 {
            if vectors::<S>() {
                gathered::<T, P, G, true>(self.0, self.1)
            } else {
                gathered::<T, P, G, false>(self.0, self.1)
            }
        }
    }
    Arch::new().dispatch(Task(panels, into, std::marker::PhantomData))
}

/// `log Σ exp` over panels.
pub(super) fn log_sum_exp<T: Real, P: Panels<T>>(panels: &P) -> f64 {
    let mut sum = Sum(0.0);
    let top = gather(panels, &mut sum);
    top + sum.0.ln()
}

/// Whether these are vector instructions; all that `pulp` picks come with fused products.
#[inline(always)]
fn vectors<S: Simd>() -> bool {
    size_of::<S::f64s>() >= 16
}

#[inline(always)]
fn gathered<T: Real, P: Panels<T>, G: Gather<T>, const FMA: bool>(panels: &P, into: &mut G) -> f64 {
    let mut tile = [[T::of(0.0); LANES]; PANELS];
    let mut top = f64::NEG_INFINITY;
    let (tiles, first) = (panels.count().div_ceil(PANELS), panels.first());
    for t in std::iter::once(first).chain((0..tiles).filter(|t| *t != first)) {
        if panels.bound(t) - top <= T::NEGLIGIBLE {
            continue;
        }
        let start = t * PANELS;
        let count = PANELS.min(panels.count() - start);
        let mut largest = [T::of(f64::NEG_INFINITY); LANES];
        for (p, tile) in tile[..count].iter_mut().enumerate() {
            *tile = panels.panel::<FMA>(start + p);
            for l in 0..LANES {
                largest[l] = largest[l].larger(tile[l]);
            }
        }
        let here = largest.iter().fold(f64::NEG_INFINITY, |m, v| m.max(v.wide()));
        if here > top {
            into.rescale((top - here).exp());
            top = here;
        }
        if here - top > T::NEGLIGIBLE {
            into.tile::<FMA>(t, T::of(top), &mut tile[..count]);
        }
    }
    top
}

#[inline(always)]
fn exponential_sum<T: Real, const FMA: bool>(tile: &[[T; LANES]], top: T) -> f64 {
    let mut sums = [T::of(0.0); LANES];
    for panel in tile {
        for l in 0..LANES {
            sums[l] = sums[l].plus(panel[l].minus(top).exp_nonpositive::<FMA>());
        }
    }
    sums.iter().map(|s| s.wide()).sum()
}

/// A row of exponents, padded by minus infinity.
struct Row<'a> {
    h: &'a [f64],
    cost: &'a [f64],
    inverse: f64,
}

impl Panels<f64> for Row<'_> {
    #[inline(always)]
    fn panel<const FMA: bool>(&self, p: usize) -> [f64; LANES] {
        let from = p * LANES;
        let mut z = [f64::NEG_INFINITY; LANES];
        if from + LANES <= self.h.len() {
            let (h, cost) = (&self.h[from..from + LANES], &self.cost[from..from + LANES]);
            for l in 0..LANES {
                z[l] = (h[l] - cost[l]) * self.inverse;
            }
        } else {
            for (z, (h, c)) in z.iter_mut().zip(self.h[from..].iter().zip(&self.cost[from..])) {
                *z = (h - c) * self.inverse;
            }
        }
        z
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.h.len().div_ceil(LANES)
    }
}

/// The soft minimum of any cost, row by row.
pub(super) fn by_rows<C: Cost + ?Sized>(
    cost: &C,
    side: Side,
    h: &[f64],
    epsilon: f64,
    out: &mut [f64],
) {
    let others = cost.size(side.other());
    assert_eq!((h.len(), out.len()), (others, cost.size(side)), "lengths of a soft minimum");
    let fill = |row: &mut Vec<f64>, (i, out): (usize, &mut f64)| {
        cost.row(side, i, row);
        *out = -epsilon * log_sum_exp(&Row { h, cost: row, inverse: epsilon.recip() });
    };
    each_row(out, others, || vec![0.0; others], fill);
}

/// Mass and cost of a plan for any cost, row by row.
pub(super) fn totals_by_rows<C: Cost + ?Sized>(
    cost: &C,
    [f, g]: [&[f64]; 2],
    [a, b]: [&[f64]; 2],
    epsilon: f64,
) -> [f64; 2] {
    assert_eq!(cost.shape(), [f.len(), g.len()], "the cost that made the plan");
    let h: Vec<f64> = g.iter().zip(b).map(|(g, b)| g + epsilon * b.ln()).collect();
    let fill = |[costs, row]: &mut [Vec<f64>; 2], (i, out): (usize, &mut [f64; 2])| {
        cost.row(Side::Source, i, costs);
        row.copy_from_slice(costs);
        exponentials(f[i], &h, epsilon, row);
        let pairs = row.iter().zip(costs.iter());
        let [mass, moved] = pairs.fold([0.0; 2], |[m, s], (p, c)| [m + p, s + p * c]);
        *out = [a[i] * mass, a[i] * moved];
    };
    summed_rows(f.len(), h.len(), || [vec![0.0; h.len()], vec![0.0; h.len()]], fill)
}

/// The sum over `rows` rows of two values of each.
pub(super) fn summed_rows<S>(
    rows: usize,
    others: usize,
    scratch: impl Fn() -> S + Sync + Send,
    fill: impl Fn(&mut S, (usize, &mut [f64; 2])) + Sync + Send,
) -> [f64; 2] {
    let mut each = vec![[0.0; 2]; rows];
    each_row(&mut each, others, scratch, fill);
    each.iter().fold([0.0; 2], |[m, s], [mass, moved]| [m + mass, s + moved])
}

/// Fills every value, which takes `others` pairs of points, with a scratch for each thread.
pub(super) fn each_row<S, R: Send>(
    out: &mut [R],
    others: usize,
    scratch: impl Fn() -> S + Sync + Send,
    fill: impl Fn(&mut S, (usize, &mut R)) + Sync + Send,
) {
    if out.len() * others > ALONE {
        return out.par_iter_mut().enumerate().for_each_init(scratch, fill);
    }
    let mut scratch = scratch();
    out.iter_mut().enumerate().for_each(|value| fill(&mut scratch, value));
}

/// `out_j ← exp((f + hⱼ − out_j)/ε)` in place: a row of costs becomes a row of a plan.
pub(crate) fn exponentials(f: f64, h: &[f64], epsilon: f64, out: &mut [f64]) {
    struct Task<'a>(f64, &'a [f64], f64, &'a mut [f64]);
    impl Task<'_> {
        #[inline(always)]
        fn run<const FMA: bool>(self) {
            let Self(f, h, inverse, out) = self;
            for (out, h) in out.iter_mut().zip(h) {
                *out = ((f + h - *out) * inverse).exp_bounded::<FMA>();
            }
        }
    }
    impl WithSimd for Task<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            if vectors::<S>() { self.run::<true>() } else { self.run::<false>() }
        }
    }
    assert_eq!(h.len(), out.len(), "a row and its potentials");
    Arch::new().dispatch(Task(f, h, epsilon.recip(), out));
}

/// `maxⱼ (hⱼ − cⱼ)`.
pub(crate) fn highest(h: &[f64], costs: &[f64]) -> f64 {
    struct Task<'a>(&'a [f64], &'a [f64]);
    impl WithSimd for Task<'_> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> f64 {
            let ((h, h_rest), (c, c_rest)) = (self.0.as_chunks(), self.1.as_chunks());
            let mut largest = [f64::NEG_INFINITY; LANES];
            for (h, c) in h.iter().zip(c) {
                let (h, c): (&[f64; LANES], &[f64; LANES]) = (h, c);
                for l in 0..LANES {
                    largest[l] = largest[l].larger(h[l] - c[l]);
                }
            }
            let rest = h_rest.iter().zip(c_rest).map(|(h, c)| h - c);
            largest.into_iter().chain(rest).fold(f64::NEG_INFINITY, f64::max)
        }
    }
    Arch::new().dispatch(Task(h, costs))
}
