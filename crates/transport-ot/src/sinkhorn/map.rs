//! The entropic map: the barycentric projection of an entropic plan, at any point.

use super::EntropicPlan;
use super::dual::weighted;
use crate::cost::{Cost, Euclidean, Side, exponentials};
use crate::error::OtError;

/// The entropic map of squared-distance transport, defined on all of space.
///
/// ```text
/// T(x) = Σⱼ yⱼ wⱼ(x) / Σⱼ wⱼ(x),    wⱼ(x) = bⱼ exp((gⱼ − |x − yⱼ|²)/ε)
/// f(x) = −ε log Σⱼ wⱼ(x),            T(x) = x − ½ ∇f(x)
/// ```
///
/// At the source's own points it is the plan's conditional mean; elsewhere it is the out-of-sample
/// extension. Approximates the Monge map as ε → 0 and n → ∞.
///
/// # Example
/// ```
/// use transport_ot::{EntropicMap, Sinkhorn, cost::Euclidean, weights::uniform};
/// let (x, y) = ([0.0, 1.0, 2.0], [5.0, 6.0, 7.0]);
/// let (cost, w) = (Euclidean::squared(&x, &y, 1).unwrap(), uniform(3));
/// let plan = Sinkhorn::new(0.05).solve(&cost, &w, &w).unwrap().converged().unwrap();
/// let map = EntropicMap::new(&plan, &y, 1).unwrap();
/// assert!((map.push(&[1.0]).unwrap()[0] - 6.0).abs() < 1e-6);
/// ```
///
/// # References
/// Pooladian & Niles-Weed (2021), "Entropic estimation of optimal transport maps".
#[derive(Debug, Clone)]
pub struct EntropicMap {
    targets: Vec<f64>,
    d: usize,
    /// `g + ε log b`.
    h: Vec<f64>,
    epsilon: f64,
}

impl EntropicMap {
    /// The map of a plan onto `targets`, `[m, d]`, the points it was solved with.
    ///
    /// # Errors
    /// [`OtError::Size`] when there are not as many targets as the plan has.
    pub fn new(plan: &EntropicPlan, targets: &[f64], d: usize) -> Result<Self, OtError> {
        let (expected, found) = (plan.g.len() * d, targets.len());
        if expected != found {
            return Err(OtError::Size { what: "coordinates of the targets", expected, found });
        }
        let h = weighted(&plan.g, &plan.b, plan.epsilon);
        Ok(Self { targets: targets.to_vec(), d, h, epsilon: plan.epsilon })
    }

    /// `T(x)` for the rows of `x`: `[n, d]`, any points.
    ///
    /// # Errors
    /// As [`Euclidean::squared`].
    pub fn push(&self, x: &[f64]) -> Result<Vec<f64>, OtError> {
        use rayon::prelude::*;
        let (cost, f) = self.at(x)?;
        let rows: Vec<Vec<f64>> = f
            .par_iter()
            .enumerate()
            .map_init(
                || vec![0.0; self.h.len()],
                |row, (i, f)| {
                    cost.row(Side::Source, i, row);
                    exponentials(*f, &self.h, self.epsilon, row);
                    self.mean(row)
                },
            )
            .collect();
        Ok(rows.concat())
    }

    /// `f(x)`, the source's potential extended to any points.
    ///
    /// # Errors
    /// As [`Euclidean::squared`].
    pub fn potential(&self, x: &[f64]) -> Result<Vec<f64>, OtError> {
        self.at(x).map(|(_, f)| f)
    }

    fn at(&self, x: &[f64]) -> Result<(Euclidean, Vec<f64>), OtError> {
        let cost = Euclidean::squared(x, &self.targets, self.d)?;
        let mut f = vec![0.0; x.len() / self.d];
        cost.soft_min(Side::Source, &self.h, self.epsilon, &mut f);
        Ok((cost, f))
    }

    /// The mean of the targets under weights that sum to one but for rounding.
    fn mean(&self, weights: &[f64]) -> Vec<f64> {
        let mut mean = vec![0.0; self.d];
        for (w, y) in weights.iter().zip(self.targets.chunks_exact(self.d)) {
            mean.iter_mut().zip(y).for_each(|(m, y)| *m += w * y);
        }
        let total = weights.iter().sum::<f64>();
        mean.iter_mut().for_each(|m| *m /= total);
        mean
    }
}
