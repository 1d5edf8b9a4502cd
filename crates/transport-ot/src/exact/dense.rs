//! The assignment on a whole matrix of costs, a row at a time in vectors.
//!
//! ```text
//! cᵢⱼ − uᵢ − vⱼ ≥ 0 everywhere,   = 0 where i is assigned to j
//! ```
//!
//! The same auctions and shortest paths as on listed arcs (`paths.rs`); where the matrix fits into the
//! cache, a bid that reads all of its row takes less time than a list takes to keep. Potentials of
//! columns never rise.
//!
//! # References
//! Jonker & Volgenant (1987), "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems"; Bertsekas (1988), "The auction algorithm".

use super::arcs::Part;
use super::scan::{Reach, Vectors, padded};
use super::tree::Link;
use super::{BIDS, INCREMENTS, Optimum};
use std::collections::VecDeque;

/// Points of a side up to which the matrix is held: 8 MiB of costs.
pub(super) const LARGEST: usize = 1024;
/// The first increment of the auctions is how far the cheapest arc of a row is from this one.
const NEAR: usize = 64;
/// Every so many rows are looked at for that.
const SAMPLED: usize = 8;

const NONE: u32 = u32::MAX;

/// An assignment in the making.
struct Dense {
    n: usize,
    /// Rows of `width`, filled up with infinity.
    costs: Vec<f64>,
    width: usize,
    u: Vec<f64>,
    v: Vec<f64>,
    /// The row that holds a column, and the column that a row holds.
    owner: Vec<u32>,
    held: Vec<u32>,
    vectors: Vectors,
    search: Search,
    paths: usize,
}

/// What one search for a shortest path knows.
struct Search {
    /// Potentials of the columns not yet reached for good; minus infinity for the others.
    open: Vec<f64>,
    /// The distances of those columns; infinity for the others.
    distance: Vec<f64>,
    /// The row by which a column is reached.
    from: Vec<u64>,
    /// Columns in the order in which they were reached, with their distances.
    closed: Vec<(usize, f64)>,
    /// Columns that no row holds.
    free: Vec<usize>,
}

/// Assigns all rows, optimally; `v` are any potentials of the columns.
pub(super) fn solve(part: Part<'_>, v: &[f64]) -> Optimum {
    let mut dense = Dense::new(part, v);
    dense.bid();
    for source in 0..dense.n {
        if dense.held[source] == NONE {
            dense.connect(source);
        }
    }
    dense.optimum()
}

impl Dense {
    fn new(part: Part<'_>, v: &[f64]) -> Self {
        let (n, width) = (v.len(), padded(v.len()));
        let mut costs = vec![f64::INFINITY; n * width];
        let mut scratch = Default::default();
        for (i, row) in costs.chunks_exact_mut(width).enumerate() {
            row[..n].copy_from_slice(part.row(i, &mut scratch));
        }
        let mut v = v.to_vec();
        v.resize(width, 0.0);
        let search = Search {
            open: v.clone(),
            distance: vec![f64::INFINITY; width],
            from: vec![0; width],
            closed: Vec::new(),
            free: Vec::new(),
        };
        let (owner, held) = (vec![NONE; n], vec![NONE; n]);
        let (u, vectors, paths) = (vec![0.0; n], Vectors::new(), 0);
        Self { n, costs, width, u, v, owner, held, vectors, search, paths }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.costs[i * self.width..(i + 1) * self.width]
    }

    fn cost(&self, i: usize, j: usize) -> f64 {
        self.row(i)[j]
    }

    /// Auctions with shrinking increments, then one without.
    fn bid(&mut self) {
        let near = self.near();
        INCREMENTS.iter().for_each(|part| self.round(part * near));
        self.round(0.0);
        for (j, &row) in self.owner.iter().enumerate().filter(|(_, row)| **row != NONE) {
            self.held[row as usize] = j as u32;
        }
        for i in 0..self.n {
            if self.held[i] == NONE {
                self.u[i] = self.vectors.two_smallest(self.row(i), &self.v).0;
            }
        }
        let owner = &self.owner;
        self.search.free = (0..self.n).filter(|&j| owner[j] == NONE).collect();
    }

    /// The mean, over a part of the rows, of how far the cheapest arc and the `NEAR`-th are apart.
    fn near(&self) -> f64 {
        let k = NEAR.min(self.n - 1);
        let gap = |i: usize| {
            let pairs = self.row(i).iter().zip(&self.v);
            let mut reduced: Vec<f64> = pairs.take(self.n).map(|(c, v)| c - v).collect();
            let (below, far, _) = reduced.select_nth_unstable_by(k, f64::total_cmp);
            *far - below.iter().fold(*far, |m, r| m.min(*r))
        };
        let rows = (0..self.n).step_by(SAMPLED);
        let count = rows.len() as f64;
        rows.map(gap).sum::<f64>() / count
    }

    /// One auction from nothing assigned, at the prices that stand.
    fn round(&mut self, epsilon: f64) {
        self.owner.fill(NONE);
        let mut bidders: VecDeque<u32> = (0..self.n as u32).collect();
        for _ in 0..BIDS * self.n {
            let Some(i) = bidders.pop_front() else { return };
            let row = i as usize;
            let (first, mut column, second) = self.vectors.two_smallest(self.row(row), &self.v);
            let raise = if second.is_finite() { second - first + epsilon } else { 0.0 };
            self.v[column] -= raise;
            self.u[row] = first + raise;
            if raise == 0.0 && self.owner[column] != NONE {
                // Nothing would be gained by taking it from its owner.
                let Some(other) = self.untaken(row, first) else { continue };
                column = other;
            }
            let before = std::mem::replace(&mut self.owner[column], i);
            if before != NONE {
                bidders.push_back(before);
            }
        }
    }

    /// A column as cheap as the cheapest that no row holds.
    fn untaken(&self, row: usize, least: f64) -> Option<usize> {
        let (costs, v) = (self.row(row), &self.v);
        (0..self.n).find(|&j| self.owner[j] == NONE && costs[j] - v[j] <= least)
    }

    /// Dijkstra's search from a row to the nearest free column, and the shift along its path.
    fn connect(&mut self, source: usize) {
        self.paths += 1;
        self.search.open.copy_from_slice(&self.v);
        self.search.distance.fill(f64::INFINITY);
        self.search.closed.clear();
        let (mut row, mut reached) = (source, 0.0);
        let end = loop {
            let (nearest, column) = self.relax(row, reached);
            let tied = nearest <= reached;
            reached = nearest.max(reached);
            if self.owner[column] == NONE {
                break column;
            }
            if let Some(column) = self.free_at(reached).filter(|_| tied) {
                break column;
            }
            self.search.closed.push((column, reached));
            self.search.distance[column] = f64::INFINITY;
            self.search.open[column] = f64::NEG_INFINITY;
            row = self.owner[column] as usize;
        };
        self.reprice(source, reached);
        self.augment(source, end);
    }

    /// Looks along all arcs of a row to open columns, and gives the nearest of them.
    fn relax(&mut self, row: usize, reached: f64) -> (f64, usize) {
        let Search { open, distance, from, .. } = &mut self.search;
        let costs = &self.costs[row * self.width..(row + 1) * self.width];
        let reach = Reach { v: open, distance, from };
        self.vectors.relax(costs, reach, reached - self.u[row], row as u64)
    }

    /// A free column at this distance.
    fn free_at(&self, reached: f64) -> Option<usize> {
        let distance = &self.search.distance;
        self.search.free.iter().copied().find(|&j| distance[j] <= reached)
    }

    /// Moves the potentials so that the path found is tight and nothing becomes negative.
    fn reprice(&mut self, source: usize, length: f64) {
        let v = &mut self.v;
        for &(j, distance) in &self.search.closed {
            v[j] -= length - distance;
            self.u[self.owner[j] as usize] += length - distance;
        }
        self.u[source] += length;
    }

    /// Shifts the owners along the path.
    fn augment(&mut self, source: usize, end: usize) {
        self.search.free.retain(|&j| j != end);
        let from = &self.search.from;
        let mut column = end;
        loop {
            let row = from[column] as usize;
            self.owner[column] = row as u32;
            let before = std::mem::replace(&mut self.held[row], column as u32);
            if row == source {
                return;
            }
            column = before as usize;
        }
    }

    /// The assignment, with an equal share of the mass on each arc.
    fn optimum(self) -> Optimum {
        let share = 1.0 / self.n as f64;
        let link = |(row, &column): (usize, &u32)| {
            let cost = self.cost(row, column as usize);
            (Link { row: row as u32, column, cost }, share)
        };
        let links = self.held.iter().enumerate().map(link).collect();
        let v = self.v[..self.n].to_vec();
        Optimum { links, u: self.u, v, iterations: self.paths }
    }
}
