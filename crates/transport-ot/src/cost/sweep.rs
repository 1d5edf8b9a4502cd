//! An iteration, or the totals of a plan, in one reading of all pairs of points.
//!
//! ```text
//! fᵢ = softmin_ε(g + ε log b)ᵢ,   eⱼ = Σᵢ aᵢ exp((fᵢ + gⱼ − cᵢⱼ)/ε),   softmin_ε(f + ε log a)ⱼ = gⱼ − ε log eⱼ
//! ```
//!
//! A row's exponentials give its own soft minimum and, once that is known, its part of every column's
//! `eⱼ`: half of the exponentials of two soft minima. What is far below the largest of its row is
//! left out, so a column of little mass is not trusted and is summed by itself; where there are many,
//! this way does not serve.

use super::euclidean::{Euclidean, Ready, Scratch};
use super::real::{LANES, Real};
use super::soft_min::{Gather, PANELS, gather, summed_rows};
use super::{ALONE, Cost, Side};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows are summed in so many groups, whatever the threads.
const GROUPS: usize = 16;
/// A column of less of the mass than `exp(TRUSTED · NEGLIGIBLE)` is not trusted: a row leaves out no
/// more than `exp(NEGLIGIBLE)` of its own mass in each.
const TRUSTED: f64 = 0.6;
/// One column in so many may be summed by itself.
const FEW: usize = 8;

/// The two soft minima of an iteration.
pub(super) fn sweep<T: Real>(
    cost: &Euclidean<T>,
    g: &[f64],
    [a, b]: [&[f64]; 2],
    epsilon: f64,
) -> Option<[Vec<f64>; 2]> {
    let (own, m) = (cost.cloud(Side::Source), g.len());
    assert_eq!(cost.shape(), [a.len(), m], "lengths of an iteration");
    let h: Vec<f64> = g.iter().zip(b).map(|(g, b)| g + epsilon * b.ln()).collect();
    let ready = Ready::new(cost.cloud(Side::Target), &h, epsilon);
    let mut f = vec![0.0; own.len()];
    let size = own.len().div_ceil(GROUPS);
    let group = |(k, f): (usize, &mut [f64])| {
        let mut columns = vec![[0.0; LANES]; ready.heights.len()];
        let (mut scratch, mut spread) = (Scratch::default(), Spread::default());
        for (i, f) in (k * size..).zip(f) {
            let row = ready.row(own.point(i), &mut scratch);
            spread.clear();
            let top = gather(&row, &mut spread);
            *f = ready.soft_min(top + spread.sum.ln());
            spread.add(a[i], top, &mut columns);
        }
        columns
    };
    let groups: Vec<_> = if own.len() * m <= ALONE {
        f.chunks_mut(size).enumerate().map(group).collect()
    } else {
        f.par_chunks_mut(size).enumerate().map(group).collect()
    };
    let mut image = vec![f64::NAN; m];
    let least = a.iter().sum::<f64>() * (TRUSTED * T::NEGLIGIBLE).exp();
    for place in 0..m {
        let sum: f64 = groups.iter().map(|g| g[place / LANES][place % LANES]).sum();
        let j = ready.at(place);
        if sum > least && sum < f64::INFINITY {
            image[j] = g[j] - epsilon * (sum / b[j]).ln();
        }
    }
    let left: Vec<usize> = (0..m).filter(|&j| image[j].is_nan()).collect();
    if left.len() > m / FEW {
        return None;
    }
    if !left.is_empty() {
        let h: Vec<f64> = f.iter().zip(a).map(|(f, a)| f + epsilon * a.ln()).collect();
        let mut values = vec![0.0; left.len()];
        let all: Vec<usize> = (0..own.len()).collect();
        cost.part([&all, &left])?.soft_min(Side::Target, &h, epsilon, &mut values);
        left.iter().zip(values).for_each(|(&j, value)| image[j] = value);
    }
    Some([f, image])
}

/// A row's exponentials, kept until their sum is known.
struct Spread<T> {
    sum: f64,
    /// Tiles, and the tops about which they stand.
    tiles: Vec<(usize, f64)>,
    values: Vec<[T; LANES]>,
}

impl<T> Default for Spread<T> {
    fn default() -> Self {
        Self { sum: 0.0, tiles: Vec::new(), values: Vec::new() }
    }
}

impl<T: Real> Spread<T> {
    fn clear(&mut self) {
        self.sum = 0.0;
        self.tiles.clear();
        self.values.clear();
    }

    /// The row times `weight` over its sum, added to the columns.
    fn add(&self, weight: f64, top: f64, columns: &mut [[f64; LANES]]) {
        Arch::new().dispatch(Add { spread: self, scale: weight / self.sum, top, columns });
    }
}

/// What [`Spread::add`] does.
struct Add<'a, T> {
    spread: &'a Spread<T>,
    scale: f64,
    top: f64,
    columns: &'a mut [[f64; LANES]],
}

impl<T: Real> WithSimd for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let mut values = self.spread.values.as_slice();
        for (t, about) in &self.spread.tiles {
            let scale = self.scale * (about - self.top).exp();
            let columns = &mut self.columns[t * PANELS..];
            let (here, rest) = values.split_at(PANELS.min(columns.len()));
            for (column, value) in columns.iter_mut().zip(here) {
                for l in 0..LANES {
                    column[l] += scale * value[l].wide();
                }
            }
            values = rest;
        }
    }
}

impl<T: Real> Gather<T> for Spread<T> {
    #[inline(always)]
    fn tile<const FMA: bool>(&mut self, t: usize, top: T, z: &mut [[T; LANES]]) {
        let mut sums = [T::of(0.0); LANES];
        for panel in z.iter_mut() {
            for l in 0..LANES {
                panel[l] = panel[l].minus(top).exp_nonpositive::<FMA>();
                sums[l] = sums[l].plus(panel[l]);
            }
        }
        self.sum += sums.iter().map(|s| s.wide()).sum::<f64>();
        self.tiles.push((t, top.wide()));
        self.values.extend_from_slice(z);
    }

    #[inline(always)]
    fn rescale(&mut self, factor: f64) {
        self.sum *= factor;
    }
}

/// `[Σ P, Σ P c]` of a plan.
pub(super) fn totals<T: Real>(
    cost: &Euclidean<T>,
    [f, g]: [&[f64]; 2],
    [a, b]: [&[f64]; 2],
    epsilon: f64,
) -> [f64; 2] {
    assert_eq!(cost.shape(), [f.len(), g.len()], "the cost that made the plan");
    let own = cost.cloud(Side::Source);
    let h: Vec<f64> = g.iter().zip(b).map(|(g, b)| g + epsilon * b.ln()).collect();
    let ready = Ready::new(cost.cloud(Side::Target), &h, epsilon);
    let fill = |scratch: &mut Scratch<T>, (i, out): (usize, &mut [f64; 2])| {
        let mut mean = Mean { heights: &ready.heights, sum: 0.0, moved: 0.0 };
        let top = gather(&ready.row(own.point(i), scratch), &mut mean);
        // 1 where f answers to g.
        let held = ((f[i] - ready.soft_min(top + mean.sum.ln())) / epsilon).exp();
        *out = [a[i] * held, a[i] * held * epsilon * mean.moved / mean.sum];
    };
    summed_rows(f.len(), g.len(), Scratch::default, fill)
}

/// `Σ exp(z − top)` and, with it, `Σ exp(z − top) c/ε`, where `c/ε = h/ε − z`.
struct Mean<'a, T> {
    heights: &'a [[T; LANES]],
    sum: f64,
    moved: f64,
}

impl<T: Real> Gather<T> for Mean<'_, T> {
    #[inline(always)]
    fn tile<const FMA: bool>(&mut self, t: usize, top: T, z: &mut [[T; LANES]]) {
        let zero = T::of(0.0);
        let (mut sums, mut moved) = ([zero; LANES], [zero; LANES]);
        for (z, h) in z.iter().zip(&self.heights[t * PANELS..]) {
            for l in 0..LANES {
                let e = z[l].minus(top).exp_nonpositive::<FMA>();
                sums[l] = sums[l].plus(e);
                // Points of no weight have no height.
                let cost = h[l].minus(z[l]);
                moved[l] = moved[l].plus(if e > zero { e.times(cost) } else { zero });
            }
        }
        self.sum += sums.iter().map(|s| s.wide()).sum::<f64>();
        self.moved += moved.iter().map(|s| s.wide()).sum::<f64>();
    }

    #[inline(always)]
    fn rescale(&mut self, factor: f64) {
        self.sum *= factor;
        self.moved *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::Noise;

    fn draw(seed: u64, n: usize, d: usize) -> Vec<f64> {
        Noise::new(seed, n).normal_values(d)
    }

    /// The two soft minima, with and without tiles, with points of no weight and with potentials
    /// that leave some columns far below the rest.
    #[test]
    fn one_reading_gives_both_soft_minima() {
        for (n, m) in [(300, 257), (40, 4500)] {
            let cost = Euclidean::squared(&draw(1, n, 2), &draw(2, m, 2), 2).unwrap();
            let epsilon = 0.2;
            let (a, mut b) = (vec![1.0 / n as f64; n], vec![1.0 / m as f64; m]);
            b[3] = 0.0;
            let mut g: Vec<f64> = draw(3, m, 1).iter().map(|v| 0.1 * v).collect();
            g[5] = -60.0;
            let [f, image] = sweep(&cost, &g, [&a, &b], epsilon).unwrap();
            let plain = |side, p: &[f64], w: &[f64]| {
                let h: Vec<f64> = p.iter().zip(w).map(|(p, w)| p + epsilon * w.ln()).collect();
                let mut out = vec![0.0; cost.size(side)];
                cost.soft_min(side, &h, epsilon, &mut out);
                out
            };
            let close = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-10);
            assert!(close(&f, &plain(Side::Source, &g, &b)), "source, {n} to {m}");
            assert!(close(&image, &plain(Side::Target, &f, &a)), "target, {n} to {m}");
        }
        let (x, y) = (draw(1, 20, 2), draw(2, 20, 2));
        let cost = Euclidean::squared(&x, &y, 2).unwrap();
        let far: Vec<f64> = (0..20).map(|j| -1e3 * f64::from(j)).collect();
        assert!(sweep(&cost, &far, [&[0.05; 20], &[0.05; 20]], 0.1).is_none());
    }

    /// The totals are those of the plan's entries, also where `f` does not answer to `g`.
    #[test]
    fn totals_are_sums_of_the_plan() {
        let (n, m, epsilon) = (40, 4500, 0.3);
        let (x, y) = (draw(1, n, 3), draw(2, m, 3));
        let cost = Euclidean::squared(&x, &y, 3).unwrap();
        let (f, g) = (draw(3, n, 1), draw(4, m, 1));
        let (a, mut b) = (vec![0.1; n], vec![0.2; m]);
        b[9] = 0.0;
        let by_rows = super::super::soft_min::totals_by_rows(&cost, [&f, &g], [&a, &b], epsilon);
        let here = totals(&cost, [&f, &g], [&a, &b], epsilon);
        for (x, y) in here.iter().zip(by_rows) {
            assert!((x - y).abs() < 1e-11 * y.abs(), "{here:?} {by_rows:?}");
        }
    }
}
