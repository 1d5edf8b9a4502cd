//! The network simplex method: on the matrix of costs, or on a few arcs of each row.
//!
//! ```text
//! matrix: pivot on the most negative c − u − v of a row, row after row, until no row has one
//! lists:  pivot among the listed arcs until none has c − u − v < 0;
//!         look at all arcs; list those that have; again, until there are none
//! ```
//!
//! Masses are perturbed (each row by 1, the last column by n, in units that are coarser by
//! `2n + 2`), so that no pivot is empty and no basis returns; rounding the flows takes that back.
//!
//! # References
//! Charnes (1952), "Optimality and degeneracy in linear programming" (the perturbation); Schmitzer
//! (2016), "A sparse multiscale algorithm for dense optimal transport" (listed arcs).

use super::Optimum;
use super::arcs::{Arcs, Part};
use super::dense::LARGEST;
use super::scan::Vectors;
use super::tree::{Link, Tree};
use rayon::prelude::*;

/// Arcs of each row that are listed at first.
const LISTED: usize = 160;
/// Arcs of each row that the first basis looks at.
const NEAREST: usize = 8;
/// Arcs of a row that are added at a time when all are looked at.
const ADDED: usize = 32;
/// The reduced cost, relative to the largest cost in the basis, that counts as negative.
const NEGATIVE: f64 = -1e-13;

/// Solves the program; every mass is positive, `v` are potentials to start from.
pub(super) fn solve(part: Part<'_>, supply: &[i64], capacity: &[i64], v: &[f64]) -> Optimum {
    let (n, m) = (supply.len(), capacity.len());
    let grain = 2 * n as i64 + 2;
    let mut rows: Vec<i64> = supply.iter().map(|s| s * grain + 1).collect();
    let mut columns: Vec<i64> = capacity.iter().map(|c| c * grain).collect();
    columns[m - 1] += n as i64;
    let held = n.max(m) <= LARGEST;
    let arcs = Arcs::new(part, v, if held { NEAREST } else { LISTED });
    let mut tree = Tree::new(n, m, &greedy(part, &arcs, &mut rows, &mut columns, v));
    let pivots = if held { on_matrix(part, &mut tree) } else { on_lists(part, &mut tree, arcs) };
    let whole = |flow: i64| (flow + grain / 2).div_euclid(grain);
    let total = supply.iter().sum::<i64>() as f64;
    let links = tree.links().map(|(link, flow)| (link, whole(flow) as f64 / total));
    let links = links.filter(|(_, share)| *share > 0.0).collect();
    Optimum { links, u: tree.u().to_vec(), v: tree.v().to_vec(), iterations: pivots }
}

/// Pivots until no arc is negative.
fn on_matrix(part: Part<'_>, tree: &mut Tree) -> usize {
    let costs = part.matrix();
    let (mut pivots, mut before) = (0, usize::MAX);
    while before != pivots {
        before = pivots;
        pivots += pivot_rows(tree, &costs);
        tree.settle();
    }
    pivots
}

/// The most negative arc of a row goes in, then the next row's, until no row has one.
fn pivot_rows(tree: &mut Tree, costs: &[f64]) -> usize {
    let (n, m, bar) = (tree.u().len(), tree.v().len(), bar(tree));
    let vectors = Vectors::new();
    let (mut pivots, mut clean, mut i) = (0, 0, 0);
    while clean < n {
        let row = &costs[i * m..(i + 1) * m];
        clean += 1;
        if let Some(j) = vectors.least_below(row, tree.v(), tree.u()[i] + bar) {
            tree.pivot(&Link { row: i as u32, column: j as u32, cost: row[j] });
            (pivots, clean) = (pivots + 1, 0);
        }
        i = (i + 1) % n;
    }
    pivots
}

/// Pivots among the listed arcs, lists what is negative of all that there are, and again.
fn on_lists(part: Part<'_>, tree: &mut Tree, arcs: Arcs<'_>) -> usize {
    let mut listed: Vec<Link> = (0..tree.u().len()).flat_map(|i| links(&arcs, i)).collect();
    drop(arcs);
    let (mut pivots, mut rounds) = (0, 0);
    loop {
        let made = pivot_all(tree, &listed);
        (pivots, rounds) = (pivots + made, rounds + 1);
        tree.settle();
        let found = negative(part, tree);
        // What was found before and not pivoted on is negative by rounding alone.
        if found.is_empty() || (made == 0 && rounds > 1) {
            return pivots;
        }
        listed.extend(found);
    }
}

fn links<'a>(arcs: &'a Arcs<'_>, i: usize) -> impl Iterator<Item = Link> + 'a {
    arcs.of(i).iter().map(move |a| Link { row: i as u32, column: a.column, cost: a.cost })
}

/// A first basis: the nearest arcs carry what they can, the tightest first.
///
/// Each step empties a row or fills a column, never both before the last: a tree.
fn greedy(
    part: Part<'_>,
    arcs: &Arcs<'_>,
    rows: &mut [i64],
    columns: &mut [i64],
    v: &[f64],
) -> Vec<(Link, i64)> {
    let mut basis = Vec::with_capacity(rows.len() + columns.len());
    let mut send = |row: &mut i64, columns: &mut [i64], link: Link| {
        let room = &mut columns[link.column as usize];
        let amount = (*row).min(*room);
        if amount > 0 {
            (*row, *room) = (*row - amount, *room - amount);
            basis.push((link, amount));
        }
    };
    for link in by_tightness(arcs, rows.len(), v) {
        send(&mut rows[link.row as usize], columns, link);
    }
    // What found no room near looks at all columns that have some left.
    let mut open: Vec<usize> = (0..columns.len()).filter(|&j| columns[j] > 0).collect();
    let mut scratch = Default::default();
    for (i, row) in rows.iter_mut().enumerate().filter(|(_, row)| **row > 0) {
        let costs = part.row(i, &mut scratch);
        while *row > 0 {
            open.retain(|&j| columns[j] > 0);
            let least =
                open.iter().min_by(|&&x, &&y| (costs[x] - v[x]).total_cmp(&(costs[y] - v[y])));
            let Some(&j) = least else { return basis };
            send(row, columns, Link { row: i as u32, column: j as u32, cost: costs[j] });
        }
    }
    basis
}

/// The nearest listed arcs of each row by `c − v`, counted from the least of their row.
fn by_tightness(arcs: &Arcs<'_>, n: usize, v: &[f64]) -> Vec<Link> {
    type Near = (f64, Link);
    let order = |x: &Near, y: &Near| {
        let place = |link: &Link| (link.row, link.column);
        x.0.total_cmp(&y.0).then_with(|| place(&x.1).cmp(&place(&y.1)))
    };
    let (mut row, mut all) = (Vec::<Near>::new(), Vec::with_capacity(n * NEAREST));
    for i in 0..n {
        row.clear();
        row.extend(links(arcs, i).map(|link| (link.cost - v[link.column as usize], link)));
        if row.len() > NEAREST {
            row.select_nth_unstable_by(NEAREST - 1, order);
            row.truncate(NEAREST);
        }
        let least = row.iter().fold(f64::INFINITY, |least, near| least.min(near.0));
        all.extend(row.iter().map(|(reduced, link)| (reduced - least, *link)));
    }
    all.sort_unstable_by(order);
    all.into_iter().map(|(_, link)| link).collect()
}

/// Pivots until no listed arc is negative: the most negative of a block goes in, then the next
/// block.
fn pivot_all(tree: &mut Tree, listed: &[Link]) -> usize {
    let block = ((0.5 * (listed.len() as f64).sqrt()) as usize).max(16);
    let bar = bar(tree);
    let (mut pivots, mut clean, mut at) = (0, 0, 0);
    while clean < listed.len() {
        let end = (at + block).min(listed.len());
        let mut least = (bar, None);
        for link in &listed[at..end] {
            let reduced = tree.reduced(link);
            if reduced < least.0 {
                least = (reduced, Some(link));
            }
        }
        clean += end - at;
        at = if end == listed.len() { 0 } else { end };
        if let Some(link) = least.1 {
            tree.pivot(link);
            (pivots, clean) = (pivots + 1, 0);
        }
    }
    pivots
}

/// The reduced cost from which an arc counts as negative.
fn bar(tree: &Tree) -> f64 {
    let largest = tree.links().fold(0f64, |m, (link, _)| m.max(link.cost.abs()));
    let potential = tree.u().iter().chain(tree.v()).fold(0f64, |m, p| m.max(p.abs()));
    NEGATIVE * largest.max(potential)
}

/// The most negative arcs of each row, of all that there are.
fn negative(part: Part<'_>, tree: &Tree) -> Vec<Link> {
    let bar = bar(tree);
    let (u, v) = (tree.u(), tree.v());
    let row = |scratch: &mut [Vec<f64>; 2], i: usize| {
        let costs = part.row(i, scratch);
        let limit = u[i] + bar;
        let none = costs.iter().zip(v).fold(true, |none, (c, v)| none & (c - v >= limit));
        if none {
            return Vec::new();
        }
        let negative = (0..costs.len()).filter(|&j| costs[j] - v[j] < limit);
        let mut found: Vec<usize> = negative.collect();
        found.sort_unstable_by(|&x, &y| (costs[x] - v[x]).total_cmp(&(costs[y] - v[y])));
        found.truncate(ADDED);
        let link = |j: usize| Link { row: i as u32, column: j as u32, cost: costs[j] };
        found.into_iter().map(link).collect()
    };
    (0..u.len()).into_par_iter().map_init(Default::default, row).flatten().collect()
}
