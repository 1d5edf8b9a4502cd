//! Points in an order in which neighbours share a tile, and a box about each tile.
//!
//! ```text
//! hⱼ − |x − yⱼ|² ≤ max h − dist(x, box)²    for all yⱼ of a tile
//! ```
//!
//! A sum of exponentials leaves out a tile whose bound is far below what it has found. Boxes are
//! small in few dimensions; in many the bound seldom says anything, and costs little.
//!
//! # References
//! Feydy (2020), thesis, chapter 3 (kernel truncation by clusters).

use super::real::Real;
use super::soft_min::TILE;

/// Points of fewer tiles are not worth an order.
const FEWEST: usize = 8;

/// The tiles of a set of points.
#[derive(Debug)]
pub(super) struct Tiles {
    /// Which point stands where.
    pub(super) order: Vec<usize>,
    d: usize,
    /// Lower corner, then upper corner, of each tile.
    corners: Vec<f64>,
    /// The largest h of each.
    highest: Vec<f64>,
}

impl Tiles {
    /// Splits points at the median of their widest coordinate, again and again; `None` for few.
    pub(super) fn new<T: Real>(rows: &[T], d: usize, factor: f64) -> Option<Self> {
        let n = rows.len() / d;
        if n < FEWEST * TILE {
            return None;
        }
        let mut order: Vec<usize> = (0..n).collect();
        split(&mut order, rows, d);
        let corners = order.chunks(TILE).flat_map(|tile| corners(tile, rows, d));
        let corners = corners.map(|v| v * factor).collect();
        Some(Self { order, d, corners, highest: Vec::new() })
    }

    /// The same with the largest of the values that the points of each tile have.
    pub(super) fn with_heights(mut self, h: &[f64]) -> Self {
        let highest = |tile: &[usize]| tile.iter().fold(f64::NEG_INFINITY, |m, &j| m.max(h[j]));
        self.highest = self.order.chunks(TILE).map(highest).collect();
        self
    }

    /// The bound of every tile for a point.
    pub(super) fn bounds<T: Real>(&self, point: &[T], out: &mut Vec<f64>) {
        out.clear();
        let boxes = self.corners.chunks_exact(2 * self.d).zip(&self.highest);
        out.extend(boxes.map(|(corners, highest)| {
            let (low, high) = corners.split_at(self.d);
            let sides = low.iter().zip(high).zip(point);
            let gap = |((low, high), x): ((&f64, &f64), &T)| {
                (low - x.wide()).max(x.wide() - high).max(0.0).powi(2)
            };
            highest - sides.map(gap).sum::<f64>()
        }));
    }
}

/// The box about some points: its lower and its upper corner.
fn corners<T: Real>(points: &[usize], rows: &[T], d: usize) -> Vec<f64> {
    let mut corners = [vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]].concat();
    for &j in points {
        for (k, v) in rows[j * d..(j + 1) * d].iter().enumerate() {
            corners[k] = corners[k].min(v.wide());
            corners[d + k] = corners[d + k].max(v.wide());
        }
    }
    corners
}

/// Orders points so that every run of a tile's length, counted from the first, lies close together.
fn split<T: Real>(points: &mut [usize], rows: &[T], d: usize) {
    if points.len() <= TILE {
        return;
    }
    let corners = corners(points, rows, d);
    let width = |k: &usize| corners[d + k] - corners[*k];
    let widest = (0..d).max_by(|x, y| width(x).total_cmp(&width(y))).unwrap_or(0);
    let at = |j: usize| rows[j * d + widest].wide();
    let middle = points.len().div_ceil(TILE).div_ceil(2) * TILE;
    points.select_nth_unstable_by(middle, |&x, &y| at(x).total_cmp(&at(y)).then(x.cmp(&y)));
    let (low, high) = points.split_at_mut(middle);
    split(low, rows, d);
    split(high, rows, d);
}

#[cfg(test)]
mod tests {
    use super::*;
    use transport_core::Noise;

    /// Every point stands once; bounds are above all exponents of their tile and, in the plane,
    /// far apart tiles are told apart.
    #[test]
    fn bounds_hold_and_separate() {
        let (n, d) = (9 * TILE + 17, 2);
        let (y, h) = (Noise::new(1, n).normal_values(d), Noise::new(2, n).normal_values(1));
        let tiles = Tiles::new(&y, d, 1.0).unwrap().with_heights(&h);
        let mut seen = tiles.order.clone();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..n));
        let (x, mut bounds) = ([0.3, -2.0], Vec::new());
        tiles.bounds(&x, &mut bounds);
        let exponent =
            |&j: &usize| h[j] - (x[0] - y[2 * j]).powi(2) - (x[1] - y[2 * j + 1]).powi(2);
        for (tile, bound) in tiles.order.chunks(TILE).zip(&bounds) {
            let largest = tile.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
            assert!(largest <= *bound && *bound < largest + 9.0, "{largest} {bound}");
        }
        assert!(Tiles::new(&y[..2 * TILE], d, 1.0).is_none());
    }
}
