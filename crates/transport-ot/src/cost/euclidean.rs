//! Powers of the Euclidean distance, `c(x, y) = |x − y|^p`.

use super::real::{LANES, Real};
use super::soft_min::{Panels, each_row, log_sum_exp};
use super::tiles::Tiles;
use super::{Cost, Side, sweep};
use crate::error::OtError;
use pulp::{Arch, Simd, WithSimd};

/// `c(x, y) = |x − y|^p` between two sets of points; `p = 2` is the default of transport.
///
/// The points are kept in f32 or f64, and soft minima of the squared distance are computed in that
/// type: f32 is about three times as fast, and its marginals are good to about 10⁻⁵. Rows of costs
/// are f64 in either case.
///
/// # Example
/// ```
/// use transport_ot::cost::{Cost, Euclidean, Side};
/// let cost = Euclidean::squared(&[0.0, 0.0, 1.0, 0.0], &[3.0, 4.0], 2).unwrap();
/// let mut row = [0.0];
/// cost.row(Side::Source, 0, &mut row);
/// assert_eq!((cost.shape(), row), ([2, 1], [25.0]));
/// ```
#[derive(Debug, Clone)]
pub struct Euclidean<T = f64> {
    source: Cloud<T>,
    target: Cloud<T>,
    power: f64,
}

/// Points row by row, and in panels: `[panels, d, LANES]`, so that lanes are points.
#[derive(Debug, Clone)]
pub(super) struct Cloud<T> {
    d: usize,
    rows: Vec<T>,
    panels: Vec<[T; LANES]>,
}

impl<T: Real> Euclidean<T> {
    /// `|x − y|²`, for `x`: `[n, d]` and `y`: `[m, d]`, row-major.
    ///
    /// # Errors
    /// [`OtError::TooFewPoints`], [`OtError::Size`] for a partial row, [`OtError::NotFinite`].
    pub fn squared(x: &[T], y: &[T], d: usize) -> Result<Self, OtError> {
        Self::power(x, y, d, 2.0)
    }

    /// `|x − y|`.
    ///
    /// # Errors
    /// As [`Euclidean::squared`].
    pub fn distance(x: &[T], y: &[T], d: usize) -> Result<Self, OtError> {
        Self::power(x, y, d, 1.0)
    }

    /// `|x − y|^p`, p > 0.
    ///
    /// # Errors
    /// As [`Euclidean::squared`], and [`OtError::Parameter`] for the power.
    pub fn power(x: &[T], y: &[T], d: usize, power: f64) -> Result<Self, OtError> {
        crate::weights::positive("the power", power)?;
        let (source, target) = (Cloud::new(x, d, "source")?, Cloud::new(y, d, "target")?);
        let (from, to) = (source.farthest(), target.farthest());
        let largest = ((from + to) * (d as f64).sqrt()).powf(power);
        if !largest.is_finite() {
            return Err(OtError::NotFinite { what: "the largest cost", index: 0, value: largest });
        }
        Ok(Self { source, target, power })
    }

    pub(super) fn cloud(&self, side: Side) -> &Cloud<T> {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

impl<T: Real> Cloud<T> {
    fn new(points: &[T], d: usize, side: &'static str) -> Result<Self, OtError> {
        if d == 0 || points.is_empty() {
            return Err(OtError::TooFewPoints { side, points: 0, needed: 1 });
        }
        if !points.len().is_multiple_of(d) {
            let expected = points.len().next_multiple_of(d);
            return Err(OtError::Size { what: "coordinates", expected, found: points.len() });
        }
        if let Some(index) = points.iter().position(|v| !v.wide().is_finite()) {
            let what = if side == "source" { "source value" } else { "target value" };
            return Err(OtError::NotFinite { what, index, value: points[index].wide() });
        }
        Ok(Self { d, rows: points.to_vec(), panels: packed(points, d, |v| v) })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() / self.d
    }

    /// Some of the points.
    fn part(&self, chosen: &[usize]) -> Self {
        let rows: Vec<T> = chosen.iter().flat_map(|&i| self.point(i)).copied().collect();
        Self { d: self.d, panels: packed(&rows, self.d, |v| v), rows }
    }

    /// The largest coordinate in size.
    fn farthest(&self) -> f64 {
        self.rows.iter().fold(0.0, |m, v| v.wide().abs().max(m))
    }

    pub(super) fn point(&self, i: usize) -> &[T] {
        &self.rows[i * self.d..(i + 1) * self.d]
    }

    /// The panels with every coordinate multiplied.
    fn scaled(&self, factor: f64) -> Vec<[T; LANES]> {
        self.panels.iter().map(|p| p.map(|v| T::of(v.wide() * factor))).collect()
    }
}

/// Rows of `d` values as panels, the last one filled up with zeros.
fn packed<T: Real, U: Copy>(rows: &[U], d: usize, of: impl Fn(U) -> T) -> Vec<[T; LANES]> {
    let n = rows.len() / d;
    let mut panels = vec![[T::of(0.0); LANES]; n.div_ceil(LANES) * d];
    for (i, row) in rows.chunks_exact(d).enumerate() {
        for (k, v) in row.iter().enumerate() {
            panels[i / LANES * d + k][i % LANES] = of(*v);
        }
    }
    panels
}

/// Exponents `hⱼ/ε − |x − yⱼ|²/ε`, with the division already done on either side.
pub(super) struct Exponents<'a, T> {
    point: &'a [T],
    panels: &'a [[T; LANES]],
    h: &'a [[T; LANES]],
    /// Of each tile; none where there are few.
    bounds: &'a [f64],
}

impl<T: Real> Panels<T> for Exponents<'_, T> {
    #[inline(always)]
    fn panel<const FMA: bool>(&self, p: usize) -> [T; LANES] {
        let d = self.point.len();
        // Sums of their own, which stay in registers.
        let mut sums = [T::of(0.0); LANES];
        for (x, y) in self.point.iter().zip(&self.panels[p * d..(p + 1) * d]) {
            for l in 0..LANES {
                let gap = x.minus(y[l]);
                sums[l] = gap.fused::<FMA>(gap, sums[l]);
            }
        }
        let mut z = self.h[p];
        for l in 0..LANES {
            z[l] = z[l].minus(sums[l]);
        }
        z
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.h.len()
    }

    #[inline(always)]
    fn bound(&self, tile: usize) -> f64 {
        self.bounds.get(tile).copied().unwrap_or(f64::INFINITY)
    }

    #[inline(always)]
    fn first(&self) -> usize {
        let bounds = self.bounds.iter().enumerate();
        bounds.fold((0, f64::NEG_INFINITY), |m, (t, b)| if *b > m.1 { (t, *b) } else { m }).0
    }
}

/// One row of squared distances in f64.
struct Squares<'a, T> {
    point: &'a [T],
    panels: &'a [[T; LANES]],
    out: &'a mut [f64],
}

impl<T: Real> WithSimd for Squares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let d = self.point.len();
        for (panel, out) in self.panels.chunks_exact(d).zip(self.out.chunks_mut(LANES)) {
            let mut sums = [0.0; LANES];
            for (x, y) in self.point.iter().zip(panel) {
                for l in 0..LANES {
                    let gap = x.wide() - y[l].wide();
                    sums[l] += gap * gap;
                }
            }
            out.copy_from_slice(&sums[..out.len()]);
        }
    }
}

impl<T: Real> Cost for Euclidean<T> {
    fn shape(&self) -> [usize; 2] {
        [self.source.len(), self.target.len()]
    }

    fn row(&self, side: Side, index: usize, out: &mut [f64]) {
        let others = self.cloud(side.other());
        assert_eq!(out.len(), others.len(), "a row of costs");
        let point = self.cloud(side).point(index);
        Arch::new().dispatch(Squares { point, panels: &others.panels, out: &mut *out });
        if self.power == 1.0 {
            out.iter_mut().for_each(|c| *c = c.sqrt());
        } else if self.power != 2.0 {
            out.iter_mut().for_each(|c| *c = c.powf(0.5 * self.power));
        }
    }

    fn part(&self, chosen: [&[usize]; 2]) -> Option<Box<dyn Cost + '_>> {
        let (source, target) = (self.source.part(chosen[0]), self.target.part(chosen[1]));
        Some(Box::new(Self { source, target, power: self.power }))
    }

    fn soft_min(&self, side: Side, h: &[f64], epsilon: f64, out: &mut [f64]) {
        if self.power != 2.0 {
            return super::soft_min::by_rows(self, side, h, epsilon, out);
        }
        let (own, others) = (self.cloud(side), self.cloud(side.other()));
        assert_eq!((h.len(), out.len()), (others.len(), own.len()), "lengths of a soft minimum");
        let ready = Ready::new(others, h, epsilon);
        let fill = |scratch: &mut Scratch<T>, (i, out): (usize, &mut f64)| {
            *out = ready.soft_min(log_sum_exp(&ready.row(own.point(i), scratch)));
        };
        each_row(out, h.len(), Scratch::default, fill);
    }

    fn sweep(&self, g: &[f64], weights: [&[f64]; 2], epsilon: f64) -> Option<[Vec<f64>; 2]> {
        if self.power == 2.0 { sweep::sweep(self, g, weights, epsilon) } else { None }
    }

    fn totals(&self, potentials: [&[f64]; 2], weights: [&[f64]; 2], epsilon: f64) -> [f64; 2] {
        if self.power != 2.0 {
            return super::soft_min::totals_by_rows(self, potentials, weights, epsilon);
        }
        sweep::totals(self, potentials, weights, epsilon)
    }
}

/// One side with its potentials, made ready for soft minima at points of the other.
pub(super) struct Ready<T> {
    tiles: Option<Tiles>,
    panels: Vec<[T; LANES]>,
    pub(super) heights: Vec<[T; LANES]>,
    factor: f64,
    highest: f64,
    epsilon: f64,
}

/// A point and the bounds of its tiles.
pub(super) struct Scratch<T> {
    point: Vec<T>,
    bounds: Vec<f64>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self { point: Vec::new(), bounds: Vec::new() }
    }
}

impl<T: Real> Ready<T> {
    pub(super) fn new(others: &Cloud<T>, h: &[f64], epsilon: f64) -> Self {
        // Distances do not see a shift, and f32 rounds small coordinates and exponents less.
        let factor = epsilon.sqrt().recip();
        let highest = h.iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
        let heights: Vec<f64> = h.iter().map(|h| (h - highest) / epsilon).collect();
        let tiles = Tiles::new(&others.rows, others.d, factor).map(|t| t.with_heights(&heights));
        let ordered = tiles.as_ref().map(|tiles| (others.part(&tiles.order), &tiles.order));
        let (panels, mut heights) = match ordered {
            Some((cloud, order)) => {
                let heights: Vec<f64> = order.iter().map(|&j| heights[j]).collect();
                (cloud.scaled(factor), packed(&heights, 1, T::of))
            }
            None => (others.scaled(factor), packed(&heights, 1, T::of)),
        };
        pad(&mut heights, h.len());
        Self { tiles, panels, heights, factor, highest, epsilon }
    }

    /// The exponents of a point.
    pub(super) fn row<'s>(&'s self, point: &[T], scratch: &'s mut Scratch<T>) -> Exponents<'s, T> {
        scratch.point.clear();
        scratch.point.extend(point.iter().map(|v| T::of(v.wide() * self.factor)));
        if let Some(tiles) = &self.tiles {
            tiles.bounds(&scratch.point, &mut scratch.bounds);
        }
        let Scratch { point, bounds } = scratch;
        Exponents { point, panels: &self.panels, h: &self.heights, bounds }
    }

    /// The soft minimum from the logarithm of a row's sum.
    pub(super) fn soft_min(&self, log_sum: f64) -> f64 {
        -self.highest - self.epsilon * log_sum
    }

    /// The point that stands at a place.
    pub(super) fn at(&self, place: usize) -> usize {
        self.tiles.as_ref().map_or(place, |tiles| tiles.order[place])
    }
}

/// Minus infinity in the lanes beyond the last point.
fn pad<T: Real>(panels: &mut [[T; LANES]], points: usize) {
    let filled = points % LANES;
    if let Some(last) = panels.last_mut().filter(|_| filled > 0) {
        last[filled..].fill(T::of(f64::NEG_INFINITY));
    }
}
