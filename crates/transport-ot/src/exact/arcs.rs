//! The cheapest arcs of each row, and a bound on all the others.
//!
//! ```text
//! listed:     the K columns with the smallest cᵢⱼ − vⱼ when row i was last read
//! not listed: cᵢⱼ − vⱼ ≥ boundᵢ,  then and ever after, since no vⱼ rises
//! ```
//!
//! A search looks at listed arcs until the bound says that another could be shorter; then it looks at
//! all of the row, which is listed anew. So the search is exact, and of `n m` costs only `n K` are
//! kept.

use crate::cost::{ALONE, Cost, Side};
use rayon::prelude::*;

/// Costs that are compared with the bar at once.
const BLOCK: usize = 16;

/// An arc to a column, with its cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arc {
    pub(super) column: u32,
    pub(super) cost: f64,
}

/// A part of a cost: some rows, some columns.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) cost: &'a dyn Cost,
    /// Which rows and columns; all of them where there is no list.
    pub(super) chosen: Option<[&'a [usize]; 2]>,
}

impl Part<'_> {
    pub(super) fn shape(&self) -> [usize; 2] {
        self.chosen.map_or_else(|| self.cost.shape(), |chosen| chosen.map(<[usize]>::len))
    }

    /// All of its rows.
    pub(super) fn matrix(&self) -> Vec<f64> {
        let [n, m] = self.shape();
        let mut costs = vec![0.0; n * m];
        let mut scratch = Default::default();
        for (i, row) in costs.chunks_exact_mut(m).enumerate() {
            row.copy_from_slice(self.row(i, &mut scratch));
        }
        costs
    }

    /// One row of the part; `scratch` holds a row of the whole.
    pub(super) fn row<'s>(&self, i: usize, scratch: &'s mut [Vec<f64>; 2]) -> &'s [f64] {
        let [whole, part] = scratch;
        whole.resize(self.cost.shape()[1], 0.0);
        let Some([rows, columns]) = self.chosen else {
            self.cost.row(Side::Source, i, whole);
            return whole;
        };
        self.cost.row(Side::Source, rows[i], whole);
        part.clear();
        part.extend(columns.iter().map(|&j| whole[j]));
        part
    }
}

/// What is listed of one row.
#[derive(Debug, Clone)]
struct Row {
    arcs: Vec<Arc>,
    bound: f64,
}

/// The listed arcs of all rows.
pub(super) struct Arcs<'a> {
    part: Part<'a>,
    /// Arcs of each.
    listed: usize,
    rows: Vec<Row>,
    scratch: [Vec<f64>; 2],
}

impl<'a> Arcs<'a> {
    /// Reads every row once and lists `k ≥ 2` arcs of each.
    pub(super) fn new(part: Part<'a>, v: &[f64], k: usize) -> Self {
        let read = |scratch: &mut [Vec<f64>; 2], i| cheapest(part.row(i, scratch), v, k);
        let [n, m] = part.shape();
        let mut scratch = Default::default();
        let rows = if n * m <= ALONE {
            (0..n).map(|i| read(&mut scratch, i)).collect()
        } else {
            (0..n).into_par_iter().map_init(Default::default, read).collect()
        };
        Self { part, listed: k, rows, scratch }
    }

    /// The listed arcs of a row.
    pub(super) fn of(&self, i: usize) -> &[Arc] {
        &self.rows[i].arcs
    }

    /// What every arc that is not listed costs at least, less its column's potential.
    pub(super) fn bound(&self, i: usize) -> f64 {
        self.rows[i].bound
    }

    /// Reads a row again and lists its cheapest arcs as potentials now are; all of its costs.
    pub(super) fn renew(&mut self, i: usize, v: &[f64]) -> &[f64] {
        let costs = self.part.row(i, &mut self.scratch);
        self.rows[i] = cheapest(costs, v, self.listed);
        costs
    }

    /// The two smallest `cᵢⱼ − vⱼ` of a row, with the arc of each; the second is infinite where
    /// there is one column.
    pub(super) fn two_smallest(&mut self, i: usize, v: &[f64]) -> [(f64, Arc); 2] {
        let found = two_of(self.of(i), v);
        if found[1].0 <= self.bound(i) {
            return found;
        }
        self.renew(i, v);
        two_of(self.of(i), v)
    }
}

/// The two smallest `c − v` of some arcs.
fn two_of(arcs: &[Arc], v: &[f64]) -> [(f64, Arc); 2] {
    let nothing = (f64::INFINITY, Arc { column: u32::MAX, cost: f64::INFINITY });
    let (mut first, mut second) = (nothing, nothing);
    for arc in arcs {
        let reduced = arc.cost - v[arc.column as usize];
        if reduced < first.0 {
            second = first;
            first = (reduced, *arc);
        } else if reduced < second.0 {
            second = (reduced, *arc);
        }
    }
    [first, second]
}

/// The `k` smallest of `c − v`, and the bound on the rest.
fn cheapest(costs: &[f64], v: &[f64], k: usize) -> Row {
    let arc = |j: usize| Arc { column: j as u32, cost: costs[j] };
    if costs.len() <= 2 * k {
        return Row { arcs: (0..costs.len()).map(arc).collect(), bound: f64::INFINITY };
    }
    let mut kept: Vec<(f64, u32)> = Vec::with_capacity(3 * k + BLOCK);
    let mut bar = f64::INFINITY;
    for (b, (costs, v)) in costs.chunks(BLOCK).zip(v.chunks(BLOCK)).enumerate() {
        if costs.iter().zip(v).fold(true, |none, (c, v)| none & (c - v >= bar)) {
            continue;
        }
        for (l, (c, v)) in costs.iter().zip(v).enumerate() {
            if c - v < bar {
                kept.push((c - v, (b * BLOCK + l) as u32));
            }
        }
        if kept.len() > 3 * k {
            bar = cut(&mut kept, k);
        }
    }
    let bound = cut(&mut kept, k);
    Row { arcs: kept.iter().map(|(_, j)| arc(*j as usize)).collect(), bound }
}

/// Keeps the `k` smallest and returns the largest of them.
fn cut(kept: &mut Vec<(f64, u32)>, k: usize) -> f64 {
    kept.select_nth_unstable_by(k - 1, |x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    kept.truncate(k);
    kept[k - 1].0
}
