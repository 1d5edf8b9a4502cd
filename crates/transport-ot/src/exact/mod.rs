//! Exact transport between discrete measures: a linear program, solved by shortest paths.
//!
//! ```text
//! min Σ Pᵢⱼ cᵢⱼ    over P ≥ 0, P1 = a, Pᵀ1 = b
//! max Σ aᵢ fᵢ + Σ bⱼ gⱼ    over fᵢ + gⱼ ≤ cᵢⱼ
//! ```
//!
//! Both are returned, and their gap is the certificate. The cost is read row by row: of `n m` costs
//! the cheapest few of each row are kept, and the search is exact all the same (`arcs.rs`). A problem
//! starts from the potentials of a random quarter of its points, which is solved first.

mod arcs;
mod paths;

use crate::cost::{Cost, Side};
use crate::error::OtError;
use crate::solved::{Effort, Solution};
use crate::weights::{balanced, uniform};
use arcs::Part;
use paths::Network;
use rayon::prelude::*;
use transport_core::Noise;

/// The number of units that a mass is divided into.
const UNITS: f64 = (1u64 << 52) as f64;
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
    /// Shortest paths searched, and the violation of the marginals: masses are rounded to 2⁻⁵² of
    /// their sum. There is no limit to stop at.
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
    let units = Units::of(a, b);
    let mut network = network(Part { cost, chosen: None }, &units);
    network.solve();
    Ok(plan(network, &units, mass, a, b))
}

/// Masses in whole units.
struct Units {
    supply: Vec<i64>,
    capacity: Vec<i64>,
    total: i64,
}

impl Units {
    /// Equal weights on each side become the smallest whole numbers, others 2⁻⁵² of the mass.
    fn of(a: &[f64], b: &[f64]) -> Self {
        let equal = |w: &[f64]| w.iter().all(|v| *v == w[0]);
        let (n, m) = (a.len() as i64, b.len() as i64);
        if equal(a) && equal(b) {
            let common = gcd(n, m);
            let (supply, capacity) = (vec![m / common; a.len()], vec![n / common; b.len()]);
            return Self { supply, capacity, total: n / common * m };
        }
        let (supply, mut capacity) = (whole(a), whole(b));
        let gap = supply.iter().sum::<i64>() - capacity.iter().sum::<i64>();
        // What rounding left over is far below the largest share.
        if let Some(largest) = capacity.iter_mut().max() {
            *largest += gap;
        }
        let total = supply.iter().sum();
        Self { supply, capacity, total }
    }

    fn chosen(&self, rows: &[usize], columns: &[usize]) -> Self {
        let pick = |from: &[i64], at: &[usize]| -> Vec<f64> {
            at.iter().map(|&i| from[i] as f64).collect()
        };
        let (a, b) = (pick(&self.supply, rows), pick(&self.capacity, columns));
        let some = |w: &[f64]| w.iter().any(|v| *v > 0.0);
        if some(&a) && some(&b) {
            Self::of(&a, &b)
        } else {
            Self::of(&uniform(a.len()), &uniform(b.len()))
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn whole(weights: &[f64]) -> Vec<i64> {
    let mass = weights.iter().sum::<f64>();
    weights.iter().map(|w| (w / mass * UNITS).round() as i64).collect()
}

/// The problem without flow, with potentials to start from.
fn network<'a>(part: Part<'a>, units: &Units) -> Network<'a> {
    let v = start(part, units);
    Network::new(part, units.supply.clone(), units.capacity.clone(), v)
}

/// Potentials of the columns: those of a random quarter of the points, extended to all columns by
/// the c-transform `vⱼ = minᵢ cᵢⱼ − uᵢ`; zero for small problems.
fn start(part: Part<'_>, units: &Units) -> Vec<f64> {
    let [n, m] = part.shape();
    if n.min(m) < LARGE {
        return vec![0.0; m];
    }
    let chosen = [(n, 0), (m, 1)].map(|(size, side)| {
        let order = Noise::new(size as u64, 1).purpose("a quarter").at_step(side).permutation(size);
        order[..size.div_ceil(SHARE)].to_vec()
    });
    let units = units.chosen(&chosen[0], &chosen[1]);
    let whole = |side: usize| -> Vec<usize> {
        let pick = |&i: &usize| part.chosen.map_or(i, |outer| outer[side][i]);
        chosen[side].iter().map(pick).collect()
    };
    let (rows, columns) = (whole(0), whole(1));
    let quarter = Part { cost: part.cost, chosen: Some([&rows, &columns]) };
    let mut network = network(quarter, &units);
    network.solve();
    transformed(part, &rows, &network.u)
}

/// `minᵢ cᵢⱼ − uᵢ` over some rows, for the part's columns.
fn transformed(part: Part<'_>, rows: &[usize], u: &[f64]) -> Vec<f64> {
    let width = part.cost.shape()[1];
    let lowest = rows
        .par_iter()
        .zip(u)
        .fold(
            || (vec![f64::INFINITY; width], vec![0.0; width]),
            |(mut lowest, mut costs), (&i, u)| {
                part.cost.row(Side::Source, i, &mut costs);
                lowest.iter_mut().zip(&costs).for_each(|(l, c)| *l = l.min(c - u));
                (lowest, costs)
            },
        )
        .map(|(lowest, _)| lowest)
        .reduce(
            || vec![f64::INFINITY; width],
            |mut x, y| {
                x.iter_mut().zip(y).for_each(|(x, y)| *x = x.min(y));
                x
            },
        );
    match part.chosen {
        Some([_, columns]) => columns.iter().map(|&j| lowest[j]).collect(),
        None => lowest,
    }
}

/// What was found, in the units that were given.
fn plan(network: Network<'_>, units: &Units, mass: f64, a: &[f64], b: &[f64]) -> ExactPlan {
    let unit = mass / units.total as f64;
    let Network { u: f, v: g, flows, paths, .. } = network;
    let (mut entries, mut value) = (Vec::new(), 0.0);
    let (mut rows, mut columns) = (a.to_vec(), b.to_vec());
    for (target, flows) in flows.iter().enumerate() {
        for flow in flows {
            let (source, mass) = (flow.row as usize, flow.amount as f64 * unit);
            value += mass * flow.cost;
            rows[source] -= mass;
            columns[target] -= mass;
            entries.push(Entry { source, target, mass });
        }
    }
    entries.sort_unstable_by_key(|e| (e.source, e.target));
    let error = rows.iter().chain(&columns).map(|gap| gap.abs()).sum::<f64>() / mass;
    let dot = |p: &[f64], w: &[f64]| p.iter().zip(w).map(|(p, w)| p * w).sum::<f64>();
    let dual = dot(&f, a) + dot(&g, b);
    // A mass difference that still counts as balanced is part of the error.
    let tolerance = 2.0 * crate::weights::BALANCE;
    ExactPlan { entries, f, g, value, dual, effort: Effort { iterations: paths, error, tolerance } }
}
