//! Partial transport: only so much mass is moved, the cheapest.
//!
//! ```text
//! min ⟨P, C⟩   over P ≥ 0, P1 ≤ a, Pᵀ1 ≤ b, Σ P = s
//! ```
//!
//! A point is added to each side, free to reach, that takes what is not transported; the linear
//! program of `exact` does the rest.
//!
//! # References
//! Chapel, Alaya & Gasso (2020), "Partial optimal transport with applications on positive-unlabeled
//! learning".

use crate::cost::{Cost, Side};
use crate::error::OtError;
use crate::exact::{Entry, exact};
use crate::solved::{Effort, Solution};
use crate::weights::mass;

/// An optimal partial plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialPlan {
    /// Where mass goes; all other entries are 0.
    pub entries: Vec<Entry>,
    /// `Σ Pᵢⱼ cᵢⱼ`.
    pub value: f64,
    /// Pivots, and the violation of the extended problem's marginals.
    pub effort: Effort,
}

impl Solution for PartialPlan {
    fn effort(&self) -> Effort {
        self.effort
    }
}

/// A cost with one more point on each side.
struct Extended<'a> {
    inner: &'a dyn Cost,
    /// What it costs to send from the added point to the added point: too much.
    corner: f64,
}

impl Cost for Extended<'_> {
    fn shape(&self) -> [usize; 2] {
        self.inner.shape().map(|size| size + 1)
    }

    fn row(&self, side: Side, index: usize, out: &mut [f64]) {
        let others = self.inner.size(side.other());
        if index == self.inner.size(side) {
            out.fill(0.0);
            out[others] = self.corner;
        } else {
            self.inner.row(side, index, &mut out[..others]);
            out[others] = 0.0;
        }
    }
}

/// The cheapest way to move mass `transported` between the two measures.
///
/// # Errors
/// Weights of the wrong number, negative or all zero; a mass that is not in [0, min(|a|, |b|)].
///
/// # Example
/// ```
/// use transport_ot::{cost::Euclidean, partial};
/// // One far point on each side is left where it is.
/// let cost = Euclidean::squared(&[0.0, 1.0, 50.0], &[0.1, 1.1, -50.0], 1).unwrap();
/// let plan = partial(&cost, &[1.0; 3], &[1.0; 3], 2.0).unwrap();
/// assert!((plan.value - 0.02).abs() < 1e-12);
/// ```
pub fn partial(
    cost: &dyn Cost,
    a: &[f64],
    b: &[f64],
    transported: f64,
) -> Result<PartialPlan, OtError> {
    let [n, m] = cost.shape();
    let (source, target) = (mass(a, n, "source")?, mass(b, m, "target")?);
    let most = source.min(target);
    if !(transported >= 0.0 && transported <= most * (1.0 + crate::weights::BALANCE)) {
        let allowed = "not negative, and at most the smaller of the two masses";
        return Err(OtError::Parameter {
            name: "the transported mass",
            value: transported,
            allowed,
        });
    }
    if transported == 0.0 {
        let effort = Effort { iterations: 0, error: 0.0, tolerance: 0.0 };
        return Ok(PartialPlan { entries: Vec::new(), value: 0.0, effort });
    }
    let extended = Extended { inner: cost, corner: dear(largest(cost)) };
    let with = |w: &[f64], rest: f64| [w, &[rest.max(0.0)]].concat();
    let plan = exact(&extended, &with(a, target - transported), &with(b, source - transported))?;
    let inside: Vec<Entry> =
        plan.entries.into_iter().filter(|e| e.source < n && e.target < m).collect();
    // The added points cost nothing, and nothing goes from one to the other.
    Ok(PartialPlan { entries: inside, value: plan.value, effort: plan.effort })
}

/// More than any two costs together, so that the added points do not send to each other: where
/// nothing costs anything too.
fn dear(largest: f64) -> f64 {
    if largest > 0.0 { 2.0 * largest } else { 1.0 }
}

fn largest(cost: &dyn Cost) -> f64 {
    use rayon::prelude::*;
    let [n, m] = cost.shape();
    (0..n)
        .into_par_iter()
        .map_init(
            || vec![0.0; m],
            |row, i| {
                cost.row(Side::Source, i, row);
                row.iter().fold(0f64, |most, c| most.max(c.abs()))
            },
        )
        .reduce(|| 0.0, f64::max)
}
