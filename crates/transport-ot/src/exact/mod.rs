//! Exact transport between discrete measures: a linear program.
//!
//! ```text
//! min Σ Pᵢⱼ cᵢⱼ    over P ≥ 0, P1 = a, Pᵀ1 = b
//! max Σ aᵢ fᵢ + Σ bⱼ gⱼ    over fᵢ + gⱼ ≤ cᵢⱼ
//! ```
//!
//! Both are returned, and their gap is the certificate. One point to one is solved by auctions and
//! shortest paths (`dense.rs` and, for many points, `paths.rs`), other weights by the network
//! simplex method (`simplex.rs`). For many points the cost is read row by row: of `n m` costs the
//! cheapest few of each row are kept, and the search is exact all the same (`arcs.rs`). A problem
//! starts from the potentials of a random quarter of its points,
//! which is solved first.

mod arcs;
mod dense;
mod paths;
mod scan;
mod simplex;
mod tree;

use crate::cost::{ALONE, Cost, Side, random_part};
use crate::error::OtError;
use crate::solved::{Effort, Solution};
use crate::weights::{balanced, uniform};
use arcs::Part;
use paths::Network;
use rayon::prelude::*;
use scan::Vectors;
use tree::Link;

/// Bids of an auction, per row.
const BIDS: usize = 8;
/// The increments of the auctions, of how far apart the near arcs of a row are.
const INCREMENTS: [f64; 4] = [1.0, 0.2, 0.04, 0.008];
/// What the units of all masses, each divided once more by the simplex method, add up to at most.
const UNITS: f64 = (1u64 << 61) as f64;
/// Points of the smaller side from which a problem starts from a part of itself.
const LARGE: usize = 40;
/// The part that it starts from.
const SHARE: usize = 4;

/// Mass from one point to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The source point.
    pub source: usize,
    /// The target point.
    pub target: usize,
    /// How much goes there.
    pub mass: f64,
}

/// An optimal plan, sparse, with optimal potentials.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactPlan {
    /// Where mass goes, by source and then by target; all other entries are 0.
    pub entries: Vec<Entry>,
    /// The source's potential, `f`.
    pub f: Vec<f64>,
    /// The target's potential, `g`: `fᵢ + gⱼ ≤ cᵢⱼ`, with equality where mass goes.
    pub g: Vec<f64>,
    /// `Σ Pᵢⱼ cᵢⱼ`.
    pub value: f64,
    /// `Σ aᵢ fᵢ + Σ bⱼ gⱼ`, a lower bound on every plan's cost; equal to the value but for rounding.
    pub dual: f64,
    /// Shortest paths or pivots, and the violation of the marginals: masses are whole numbers of
    /// units, `n/2⁶⁰` of their sum. There is no limit to stop at.
    pub effort: Effort,
}

impl Solution for ExactPlan {
    fn effort(&self) -> Effort {
        self.effort
    }
}

impl ExactPlan {
    /// All of the plan, row by row: `[n, m]`.
    #[must_use]
    pub fn dense(&self) -> Vec<f64> {
        let m = self.g.len();
        let mut out = vec![0.0; self.f.len() * m];
        self.entries.iter().for_each(|e| out[e.source * m + e.target] += e.mass);
        out
    }

    /// The conditional means of the target's `points`, `[m, d]`: where each source point goes on
    /// average; NaN for a source point without mass.
    ///
    /// # Panics
    /// When there are not as many points as targets.
    #[must_use]
    pub fn barycentric(&self, points: &[f64], d: usize) -> Vec<f64> {
        assert_eq!(points.len(), self.g.len() * d, "points of the target");
        let (mut sums, mut mass) = (vec![0.0; self.f.len() * d], vec![0.0; self.f.len()]);
        for e in &self.entries {
            mass[e.source] += e.mass;
            let sum = &mut sums[e.source * d..(e.source + 1) * d];
            let point = &points[e.target * d..(e.target + 1) * d];
            sum.iter_mut().zip(point).for_each(|(s, y)| *s += e.mass * y);
        }
        sums.iter().enumerate().map(|(k, s)| s / mass[k / d]).collect()
    }
}

/// An optimal assignment of `n` points to `n` points.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The target of each source point.
    pub targets: Vec<usize>,
    /// The source's potential.
    pub f: Vec<f64>,
    /// The target's potential.
    pub g: Vec<f64>,
    /// The mean cost, `(1/n) Σᵢ c(xᵢ, y_{σ(i)})`: the transport value of two uniform measures.
    pub value: f64,
    /// Shortest paths searched; the marginals hold exactly.
    pub effort: Effort,
}

impl Solution for Assignment {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// The optimal assignment, `min_σ (1/n) Σᵢ c(xᵢ, y_{σ(i)})` over permutations.
///
/// # Errors
/// [`OtError::Size`] when the sides differ in size.
///
/// # Example
/// ```
/// use transport_ot::{assignment, cost::Euclidean};
/// let cost = Euclidean::squared(&[0.0, 1.0, 2.0], &[2.1, 0.1, 1.1], 1).unwrap();
/// assert_eq!(assignment(&cost).unwrap().targets, [1, 2, 0]);
/// ```
///
/// # Checked by
/// `tests/it/exact.rs`: every permutation of small problems, duality on all.
pub fn assignment(cost: &dyn Cost) -> Result<Assignment, OtError> {
    let [n, m] = cost.shape();
    if n != m {
        return Err(OtError::Size { what: "points of an assignment", expected: n, found: m });
    }
    let plan = exact(cost, &uniform(n), &uniform(m))?;
    let targets = plan.entries.iter().map(|e| e.target).collect();
    Ok(Assignment { targets, f: plan.f, g: plan.g, value: plan.value, effort: plan.effort })
}

/// The optimal plan between weighted points.
///
/// # Errors
/// Weights of the wrong number, negative, all zero or of unequal mass.
///
/// # Example
/// ```
/// use transport_ot::{exact, cost::Euclidean};
/// let cost = Euclidean::squared(&[0.0, 1.0], &[0.0, 1.0], 1).unwrap();
/// let plan = exact(&cost, &[0.7, 0.3], &[0.5, 0.5]).unwrap();
/// assert!((plan.value - 0.2).abs() < 1e-15);
/// ```
///
/// # Checked by
/// `tests/it/exact.rs`
pub fn exact(cost: &dyn Cost, a: &[f64], b: &[f64]) -> Result<ExactPlan, OtError> {
    let mass = balanced(a, b, cost.shape())?;
    let (supply, capacity) = (whole(a, a.len()), whole(b, a.len()));
    let held =
        |units: &[i64]| -> Vec<usize> { (0..units.len()).filter(|&i| units[i] > 0).collect() };
    let (rows, columns) = (held(&supply), held(&capacity));
    let all = rows.len() == a.len() && columns.len() == b.len();
    let part = Part { cost, chosen: (!all).then_some([&rows, &columns]) };
    let pick = |w: &[f64], at: &[usize]| -> Vec<f64> { at.iter().map(|&i| w[i]).collect() };
    let optimum = solve(part, &pick(a, &rows), &pick(b, &columns));
    Ok(plan(cost, optimum, [&rows, &columns], mass, [a, b]))
}

/// Where mass goes, as shares of all of it, with potentials; or the work that it took.
struct Optimum {
    links: Vec<(Link, f64)>,
    u: Vec<f64>,
    v: Vec<f64>,
    iterations: usize,
}

/// Solves a problem whose weights are all positive: by shortest paths where one point goes to one,
/// else by the simplex method.
fn solve(part: Part<'_>, a: &[f64], b: &[f64]) -> Optimum {
    let start = start(part, a, b);
    let equal = |w: &[f64]| w.iter().all(|v| *v == w[0]);
    if a.len() == b.len() && equal(a) && equal(b) {
        if a.len() <= dense::LARGEST {
            return dense::solve(part, &start);
        }
        let mut network = Network::new(part, start);
        network.solve();
        return network.optimum();
    }
    let (supply, mut capacity) = (whole(a, a.len()), whole(b, a.len()));
    let gap = supply.iter().sum::<i64>() - capacity.iter().sum::<i64>();
    // What rounding left over is far below the largest share.
    if let Some(largest) = capacity.iter_mut().max() {
        *largest += gap;
    }
    simplex::solve(part, &supply, &capacity, &start)
}

/// Weights as whole numbers, small enough for the simplex method to divide each unit again.
fn whole(weights: &[f64], n: usize) -> Vec<i64> {
    let (mass, units) = (weights.iter().sum::<f64>(), UNITS / (2.0 * n as f64 + 2.0));
    weights.iter().map(|w| (w / mass * units).round() as i64).collect()
}

/// Potentials of the columns: those of a random quarter of the points, extended to all columns by
/// the c-transform `vⱼ = minᵢ cᵢⱼ − uᵢ`; zero for small problems.
fn start(part: Part<'_>, a: &[f64], b: &[f64]) -> Vec<f64> {
    let [n, m] = part.shape();
    if n.min(m) < LARGE {
        return vec![0.0; m];
    }
    let chosen = [(n, 0), (m, 1)].map(|(size, side)| random_part(size, side, SHARE));
    let whole = |side: usize| -> Vec<usize> {
        let pick = |&i: &usize| part.chosen.map_or(i, |outer| outer[side][i]);
        chosen[side].iter().map(pick).collect()
    };
    let (rows, columns) = (whole(0), whole(1));
    let quarter = Part { cost: part.cost, chosen: Some([&rows, &columns]) };
    let pick = |w: &[f64], at: &[usize]| -> Vec<f64> { at.iter().map(|&i| w[i]).collect() };
    let solved = solve(quarter, &pick(a, &chosen[0]), &pick(b, &chosen[1]));
    transformed(part, &rows, &solved.u)
}

/// `minᵢ cᵢⱼ − uᵢ` over some rows, for the part's columns.
fn transformed(part: Part<'_>, rows: &[usize], u: &[f64]) -> Vec<f64> {
    let (width, vectors) = (part.cost.shape()[1], Vectors::new());
    let none = || (vec![f64::INFINITY; width], vec![0.0; width]);
    let lower = |(mut lowest, mut costs): (Vec<f64>, Vec<f64>), (&i, u): (&usize, &f64)| {
        part.cost.row(Side::Source, i, &mut costs);
        vectors.lower_to(&mut lowest, &costs, *u);
        (lowest, costs)
    };
    let least = |mut x: Vec<f64>, y: Vec<f64>| {
        vectors.lower_to(&mut x, &y, 0.0);
        x
    };
    let lowest = if rows.len() * width <= ALONE {
        rows.iter().zip(u).fold(none(), lower).0
    } else {
        let parts = rows.par_iter().zip(u).fold(none, lower).map(|(lowest, _)| lowest);
        parts.reduce(|| none().0, least)
    };
    match part.chosen {
        Some([_, columns]) => columns.iter().map(|&j| lowest[j]).collect(),
        None => lowest,
    }
}

/// What was found, for the points that were given: those without mass get the potentials that the
/// others leave them.
fn plan(
    cost: &dyn Cost,
    optimum: Optimum,
    [rows, columns]: [&[usize]; 2],
    mass: f64,
    [a, b]: [&[f64]; 2],
) -> ExactPlan {
    let (mut entries, mut value) = (Vec::with_capacity(optimum.links.len()), 0.0);
    let (mut left, mut room) = (a.to_vec(), b.to_vec());
    for (link, share) in &optimum.links {
        let (source, target) = (rows[link.row as usize], columns[link.column as usize]);
        let mass = share * mass;
        value += mass * link.cost;
        left[source] -= mass;
        room[target] -= mass;
        entries.push(Entry { source, target, mass });
    }
    entries.sort_unstable_by_key(|e| (e.source, e.target));
    let error = left.iter().chain(&room).map(|gap| gap.abs()).sum::<f64>() / mass;
    let (f, g) = (spread(rows, &optimum.u, a.len()), spread(columns, &optimum.v, b.len()));
    let (f, g) = completed(cost, f, g);
    let dot = |p: &[f64], w: &[f64]| p.iter().zip(w).map(|(p, w)| p * w).sum::<f64>();
    let dual = dot(&f, a) + dot(&g, b);
    // A mass difference that still counts as balanced is part of the error, and a unit at each point.
    let points = (a.len() + b.len()) as f64;
    let tolerance = 2.0 * crate::weights::BALANCE + points * points * 0.5f64.powi(60);
    let effort = Effort { iterations: optimum.iterations, error, tolerance };
    ExactPlan { entries, f, g, value, dual, effort }
}

/// Values at some places of many, minus infinity at the others.
fn spread(places: &[usize], values: &[f64], size: usize) -> Vec<f64> {
    let mut all = vec![f64::NEG_INFINITY; size];
    places.iter().zip(values).for_each(|(&i, v)| all[i] = *v);
    all
}

/// Fills in potentials that are minus infinity by c-transforms.
fn completed(cost: &dyn Cost, mut f: Vec<f64>, mut g: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let fill = |side: Side, own: &mut [f64], other: &[f64]| {
        let missing: Vec<usize> = (0..own.len()).filter(|&i| own[i].is_infinite()).collect();
        let mut row = vec![0.0; other.len()];
        for i in missing {
            cost.row(side, i, &mut row);
            own[i] = row.iter().zip(other).fold(f64::INFINITY, |least, (c, p)| least.min(c - p));
        }
    };
    fill(Side::Source, &mut f, &g);
    fill(Side::Target, &mut g, &f);
    (f, g)
}
