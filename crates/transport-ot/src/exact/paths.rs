//! The assignment of rows to columns: auctions, then shortest augmenting paths.
//!
//! ```text
//! cᵢⱼ − uᵢ − vⱼ ≥ 0 everywhere,   = 0 where i is assigned to j
//! ```
//!
//! Auctions with a shrinking increment find potentials that are nearly optimal and assign nearly all
//! rows; each row that is left takes the shortest path to a free column. Potentials of columns
//! never rise, on which [`Arcs`] relies.
//!
//! # References
//! Jonker & Volgenant (1987), "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems"; Bertsekas (1988), "The auction algorithm".

use super::arcs::{Arc, Arcs, Part};
use super::tree::Link;
use super::{BIDS, INCREMENTS, Optimum};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Arcs that a row lists at first.
const LISTED: usize = 64;

const NONE: u32 = u32::MAX;

/// An assignment with its potentials.
pub(super) struct Network<'a> {
    arcs: Arcs<'a>,
    u: Vec<f64>,
    v: Vec<f64>,
    /// The row that holds a column, and its cost.
    owner: Vec<Option<(u32, f64)>>,
    assigned: Vec<bool>,
    search: Search,
    /// Shortest paths found.
    paths: usize,
}

/// What one search for a shortest path knows; emptied by its traces.
struct Search {
    heap: BinaryHeap<Event>,
    distance: Vec<f64>,
    closed: Vec<bool>,
    /// The row and the cost by which a column is reached.
    from: Vec<(u32, f64)>,
    touched: Vec<u32>,
    scanned: Vec<u32>,
    row_distance: Vec<f64>,
    /// The column through which a row is reached.
    through: Vec<u32>,
    rows: Vec<u32>,
    /// The nearest free column so far.
    nearest: f64,
}

/// A column is reached (`what < m`), or arcs not listed of row `what − m` could matter.
#[derive(PartialEq)]
struct Event {
    key: f64,
    what: u32,
}

impl Eq for Event {}

impl Ord for Event {
    /// Reversed: the heap gives the nearest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.total_cmp(&self.key).then(other.what.cmp(&self.what))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Search {
    fn new(n: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            distance: vec![f64::INFINITY; n],
            closed: vec![false; n],
            from: vec![(NONE, 0.0); n],
            touched: Vec::new(),
            scanned: Vec::new(),
            row_distance: vec![f64::INFINITY; n],
            through: vec![NONE; n],
            rows: Vec::new(),
            nearest: f64::INFINITY,
        }
    }

    /// A way to a column, which counts where it is shorter than those known.
    fn reach(&mut self, column: u32, there: f64, from: (u32, f64), free: bool) {
        let j = column as usize;
        if there < self.distance[j] && there < self.nearest {
            if self.distance[j].is_infinite() {
                self.touched.push(column);
            }
            self.distance[j] = there;
            self.from[j] = from;
            self.heap.push(Event { key: there, what: column });
            if free {
                self.nearest = there;
            }
        }
    }

    fn clear(&mut self) {
        self.heap.clear();
        for j in self.touched.drain(..) {
            self.distance[j as usize] = f64::INFINITY;
            self.closed[j as usize] = false;
        }
        self.scanned.clear();
        self.rows.drain(..).for_each(|i| self.row_distance[i as usize] = f64::INFINITY);
        self.nearest = f64::INFINITY;
    }
}

impl<'a> Network<'a> {
    /// Nothing assigned yet; `v` are any potentials of the columns.
    pub(super) fn new(part: Part<'a>, v: Vec<f64>) -> Self {
        let n = v.len();
        let arcs = Arcs::new(part, &v, LISTED);
        let (owner, assigned) = (vec![None; n], vec![false; n]);
        Self { arcs, u: vec![0.0; n], v, owner, assigned, search: Search::new(n), paths: 0 }
    }

    /// Assigns all rows, optimally.
    pub(super) fn solve(&mut self) {
        self.bid();
        for source in 0..self.u.len() {
            if !self.assigned[source] {
                let end = self.shortest(source);
                self.reprice(end);
                self.augment(source, end);
            }
        }
    }

    /// The assignment, with an equal share of the mass on each arc.
    pub(super) fn optimum(self) -> Optimum {
        let share = 1.0 / self.u.len() as f64;
        let held = self.owner.iter().enumerate();
        let links = held.filter_map(|(j, owner)| {
            owner.map(|(row, cost)| (Link { row, column: j as u32, cost }, share))
        });
        Optimum { links: links.collect(), u: self.u, v: self.v, iterations: self.paths }
    }

    /// An auction with a shrinking increment, then one without: rows bid for columns, an outbid row
    /// bids again. What it leaves free is little, and near.
    fn bid(&mut self) {
        let width = self.width();
        INCREMENTS.iter().for_each(|part| self.round(part * width));
        self.round(0.0);
        for i in 0..self.u.len() {
            if !self.assigned[i] {
                self.u[i] = self.arcs.two_smallest(i, &self.v)[0].0;
            }
        }
    }

    /// The mean of how far apart the cheapest and the dearest listed arc of a row are.
    fn width(&self) -> f64 {
        let n = self.u.len();
        let width = |i: usize| {
            let reduced = |a: &Arc| a.cost - self.v[a.column as usize];
            let arcs = self.arcs.of(i).iter().map(reduced);
            let (low, high) =
                arcs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), r| (l.min(r), h.max(r)));
            high - low
        };
        (0..n).map(width).sum::<f64>() / n as f64
    }

    /// One auction from nothing assigned, at the prices that stand.
    fn round(&mut self, epsilon: f64) {
        let n = self.u.len();
        self.owner.fill(None);
        self.assigned.fill(false);
        let mut free: VecDeque<u32> = (0..n as u32).collect();
        for _ in 0..BIDS * n {
            let Some(i) = free.pop_front() else { return };
            let [(first, mut arc), (second, other)] = self.arcs.two_smallest(i as usize, &self.v);
            let raise = if second.is_finite() { second - first + epsilon } else { 0.0 };
            self.v[arc.column as usize] -= raise;
            self.u[i as usize] = first + raise;
            if raise == 0.0 && self.owner[arc.column as usize].is_some() && second.is_finite() {
                arc = other;
                if self.owner[arc.column as usize].is_some() {
                    // Both are taken, and nothing would be gained by taking one.
                    continue;
                }
            }
            let j = arc.column as usize;
            if let Some((row, _)) = self.owner[j].replace((i, arc.cost)) {
                self.assigned[row as usize] = false;
                free.push_back(row);
            }
            self.assigned[i as usize] = true;
        }
    }

    /// Dijkstra's search from a row to the nearest free column.
    fn shortest(&mut self, source: usize) -> usize {
        self.search.clear();
        self.paths += 1;
        self.visit(source, 0.0, NONE);
        let m = self.v.len();
        loop {
            // As many columns as rows: a free row always reaches a free column.
            let Some(Event { key, what }) = self.search.heap.pop() else { unreachable!() };
            let what = what as usize;
            if what >= m {
                self.relax_all(what - m);
            } else if !self.search.closed[what] {
                self.search.closed[what] = true;
                self.search.scanned.push(what as u32);
                match self.owner[what] {
                    None => return what,
                    Some((row, _)) => self.visit(row as usize, key, what as u32),
                }
            }
        }
    }

    fn visit(&mut self, row: usize, distance: f64, through: u32) {
        self.search.row_distance[row] = distance;
        self.search.through[row] = through;
        self.search.rows.push(row as u32);
        self.relax(row);
    }

    /// Looks along the listed arcs of a row, and notes when that may not be enough.
    fn relax(&mut self, row: usize) {
        let distance = self.search.row_distance[row];
        let base = distance - self.u[row];
        for arc in self.arcs.of(row) {
            let j = arc.column as usize;
            let there = distance.max(base + (arc.cost - self.v[j]));
            self.search.reach(arc.column, there, (row as u32, arc.cost), self.owner[j].is_none());
        }
        let key = distance.max(base + self.arcs.bound(row));
        if key < self.search.nearest {
            self.search.heap.push(Event { key, what: (self.v.len() + row) as u32 });
        }
    }

    /// Looks along all arcs of a row.
    fn relax_all(&mut self, row: usize) {
        let distance = self.search.row_distance[row];
        let base = distance - self.u[row];
        for (j, cost) in self.arcs.renew(row, &self.v).iter().enumerate() {
            let there = distance.max(base + (cost - self.v[j]));
            self.search.reach(j as u32, there, (row as u32, *cost), self.owner[j].is_none());
        }
    }

    /// Moves the potentials so that the path found is tight and nothing becomes negative.
    fn reprice(&mut self, end: usize) {
        let length = self.search.distance[end];
        for &j in &self.search.scanned {
            self.v[j as usize] -= length - self.search.distance[j as usize];
        }
        for &i in &self.search.rows {
            self.u[i as usize] += length - self.search.row_distance[i as usize];
        }
    }

    /// Shifts the owners along the path.
    fn augment(&mut self, source: usize, end: usize) {
        self.assigned[source] = true;
        let mut column = end;
        loop {
            let (row, cost) = self.search.from[column];
            self.owner[column] = Some((row, cost));
            if self.search.through[row as usize] == NONE {
                return;
            }
            column = self.search.through[row as usize] as usize;
        }
    }
}
