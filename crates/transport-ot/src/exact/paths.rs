//! Successive shortest paths: the flow grows along shortest paths, the potentials keep it optimal.
//!
//! ```text
//! cᵢⱼ − uᵢ − vⱼ ≥ 0 everywhere,   = 0 where mass flows
//! ```
//!
//! Masses are whole numbers, so that every augmentation is exact and the search ends. Potentials of
//! columns never rise, on which [`Arcs`] relies.
//!
//! # References
//! Jonker & Volgenant (1987), "A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems"; Ahuja, Magnanti & Orlin (1993), "Network flows", §9.7.

use super::arcs::{Arc, Arcs, Part};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

/// Bids of an auction, per row.
const BIDS: usize = 8;
/// The increments of the auctions, of the width of a row's listed arcs.
const INCREMENTS: [f64; 4] = [1.0, 0.2, 0.04, 0.008];

const NONE: u32 = u32::MAX;

/// Mass on an arc into a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) row: u32,
    pub(super) amount: i64,
    pub(super) cost: f64,
}

/// A flow with its potentials.
pub(super) struct Network<'a> {
    arcs: Arcs<'a>,
    pub(super) u: Vec<f64>,
    pub(super) v: Vec<f64>,
    supply: Vec<i64>,
    capacity: Vec<i64>,
    /// What flows into each column, and from where.
    pub(super) flows: Vec<Vec<Flow>>,
    search: Search,
    /// Shortest paths found.
    pub(super) paths: usize,
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
    /// The nearest column with room so far.
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
    fn new(n: usize, m: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            distance: vec![f64::INFINITY; m],
            closed: vec![false; m],
            from: vec![(NONE, 0.0); m],
            touched: Vec::new(),
            scanned: Vec::new(),
            row_distance: vec![f64::INFINITY; n],
            through: vec![NONE; n],
            rows: Vec::new(),
            nearest: f64::INFINITY,
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
    /// No flow yet; `v` are any potentials of the columns.
    pub(super) fn new(part: Part<'a>, supply: Vec<i64>, capacity: Vec<i64>, v: Vec<f64>) -> Self {
        let [n, m] = part.shape();
        let arcs = Arcs::new(part, &v);
        let flows = vec![Vec::new(); m];
        let (search, u) = (Search::new(n, m), vec![0.0; n]);
        Self { arcs, u, v, supply, capacity, flows, search, paths: 0 }
    }

    /// Solves the problem: a quick start, then shortest paths.
    pub(super) fn solve(&mut self) {
        let unit = self.supply.iter().chain(&self.capacity).all(|s| *s == 1);
        if unit {
            self.bid();
        } else {
            self.fill();
        }
        for source in 0..self.supply.len() {
            while self.supply[source] > 0 {
                let end = self.shortest(source);
                self.reprice(end);
                self.augment(source, end);
            }
        }
    }

    /// Each row sends what fits to the column that is cheapest for it.
    fn fill(&mut self) {
        for i in 0..self.supply.len() {
            let [(reduced, arc), _] = self.arcs.two_smallest(i, &self.v);
            self.u[i] = reduced;
            let j = arc.column as usize;
            let amount = self.supply[i].min(self.capacity[j]);
            if amount > 0 {
                self.supply[i] -= amount;
                self.capacity[j] -= amount;
                self.flows[j].push(Flow { row: i as u32, amount, cost: arc.cost });
            }
        }
    }

    /// An auction with a shrinking increment, then one without: rows bid for columns, an outbid row
    /// bids again. What it leaves free is little, and near.
    fn bid(&mut self) {
        let width = self.width();
        INCREMENTS.iter().for_each(|part| self.round(part * width));
        self.round(0.0);
        for i in 0..self.supply.len() {
            if self.supply[i] > 0 {
                self.u[i] = self.arcs.two_smallest(i, &self.v)[0].0;
            }
        }
    }

    /// The mean of how far apart the cheapest and the dearest listed arc of a row are.
    fn width(&self) -> f64 {
        let n = self.supply.len();
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
        let n = self.supply.len();
        self.flows.iter_mut().for_each(Vec::clear);
        self.supply.fill(1);
        self.capacity.fill(1);
        let mut free: VecDeque<u32> = (0..n as u32).collect();
        for _ in 0..BIDS * n {
            let Some(i) = free.pop_front() else { return };
            let [(first, mut arc), (second, other)] = self.arcs.two_smallest(i as usize, &self.v);
            let raise = if second.is_finite() { second - first + epsilon } else { 0.0 };
            self.v[arc.column as usize] -= raise;
            self.u[i as usize] = first + raise;
            if raise == 0.0 && self.capacity[arc.column as usize] == 0 && second.is_finite() {
                arc = other;
                if self.capacity[arc.column as usize] == 0 {
                    // Both are taken, and nothing would be gained by taking one.
                    continue;
                }
            }
            let j = arc.column as usize;
            if let Some(owner) = self.flows[j].pop() {
                self.supply[owner.row as usize] = 1;
                free.push_back(owner.row);
            }
            self.flows[j].push(Flow { row: i, amount: 1, cost: arc.cost });
            (self.supply[i as usize], self.capacity[j]) = (0, 0);
        }
    }

    /// Dijkstra's search from a row to the nearest column with room.
    fn shortest(&mut self, source: usize) -> usize {
        self.search.clear();
        self.paths += 1;
        self.visit(source, 0.0, NONE);
        let m = self.v.len();
        loop {
            // Mass balances, so that a row with supply always reaches a column with room.
            let Some(Event { key, what }) = self.search.heap.pop() else { unreachable!() };
            let what = what as usize;
            if what >= m {
                self.arcs.renew(what - m, &self.v);
                self.relax(what - m);
            } else if !self.search.closed[what] {
                self.search.closed[what] = true;
                self.search.scanned.push(what as u32);
                if self.capacity[what] > 0 {
                    return what;
                }
                for k in 0..self.flows[what].len() {
                    let row = self.flows[what][k].row as usize;
                    if self.search.row_distance[row].is_infinite() {
                        self.visit(row, key, what as u32);
                    }
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
        let search = &mut self.search;
        let base = distance - self.u[row];
        for arc in self.arcs.of(row) {
            let j = arc.column as usize;
            let there = distance.max(base + (arc.cost - self.v[j]));
            if there < search.distance[j] && there < search.nearest {
                if search.distance[j].is_infinite() {
                    search.touched.push(arc.column);
                }
                search.distance[j] = there;
                search.from[j] = (row as u32, arc.cost);
                search.heap.push(Event { key: there, what: arc.column });
                if self.capacity[j] > 0 {
                    search.nearest = there;
                }
            }
        }
        let key = distance.max(base + self.arcs.bound(row));
        if key < search.nearest {
            search.heap.push(Event { key, what: (self.v.len() + row) as u32 });
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

    /// Sends what the path carries.
    fn augment(&mut self, source: usize, end: usize) {
        let mut amount = self.supply[source].min(self.capacity[end]);
        self.walk(end, |flow, _| amount = amount.min(flow));
        self.supply[source] -= amount;
        self.capacity[end] -= amount;
        let mut column = end;
        loop {
            let (row, cost) = self.search.from[column];
            add(&mut self.flows[column], Flow { row, amount, cost });
            let through = self.search.through[row as usize];
            if through == NONE {
                return;
            }
            add(&mut self.flows[through as usize], Flow { row, amount: -amount, cost: 0.0 });
            column = through as usize;
        }
    }

    /// Calls back with what flows on each arc that the path takes backwards.
    fn walk(&self, end: usize, mut on: impl FnMut(i64, usize)) {
        let mut row = self.search.from[end].0;
        while self.search.through[row as usize] != NONE {
            let column = self.search.through[row as usize] as usize;
            let flow = self.flows[column].iter().find(|f| f.row == row);
            on(flow.map_or(0, |f| f.amount), column);
            row = self.search.from[column].0;
        }
    }
}

/// Adds to what flows from a row; an arc without flow is dropped.
fn add(flows: &mut Vec<Flow>, change: Flow) {
    match flows.iter().position(|f| f.row == change.row) {
        Some(k) => {
            flows[k].amount += change.amount;
            if flows[k].amount == 0 {
                flows.swap_remove(k);
            }
        }
        None => flows.push(change),
    }
}
