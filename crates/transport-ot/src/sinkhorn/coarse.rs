//! A start from a part of the points, for problems with many.
//!
//! ```text
//! gⱼ = softmin_ε(f + ε log a)ⱼ  over the part,   f, a: potential and weights of a random part
//! ```
//!
//! A part of k points gives potentials to about 1/√k, at ε itself, for (k/n)² of the cost of an
//! iteration; it starts from a part of its own, and the smallest anneals.

use super::dual::{Dual, Pace, weighted};
use crate::cost::{Side, random_part};

/// Points of the smaller side from which a part is solved first.
const LARGE: usize = 8192;
/// The part: one point in so many.
const SHARE: usize = 4;
/// The error relative to the mass that a part need reach, and the iterations that it may take.
const ENOUGH: (f64, usize) = (1e-3, 300);

/// The target's potential from a part, and the iterations that it took; `None` where there are few
/// points or no part can be made. At least one iteration is left.
pub(super) fn start(dual: &Dual<'_>, pace: &Pace) -> Option<(Vec<f64>, usize)> {
    let [n, m] = dual.cost.shape();
    if n.min(m) < LARGE || pace.max_iterations < 2 {
        return None;
    }
    let chosen = [(n, 0), (m, 1)].map(|(size, side)| random_part(size, side, SHARE));
    let cost = dual.cost.part([&chosen[0], &chosen[1]])?;
    let (a, b) = (share(dual.a, &chosen[0])?, share(dual.b, &chosen[1])?);
    let part = Dual { cost: &*cost, a: &a, b: &b, rho: dual.rho };
    let mass = b.iter().sum::<f64>();
    let tolerance = pace.tolerance.max(ENOUGH.0 * mass);
    let max_iterations = ENOUGH.1.min(pace.max_iterations - 1);
    let state = part.solve(&Pace { tolerance, max_iterations, ..*pace }, None);
    let g = extended(dual, pace.epsilon, &chosen[0], &state.f, &a);
    Some((g, state.effort.iterations))
}

/// The weights of a part, with the mass of the whole; `None` where they are all 0.
fn share(weights: &[f64], chosen: &[usize]) -> Option<Vec<f64>> {
    let part: Vec<f64> = chosen.iter().map(|&i| weights[i]).collect();
    let factor = weights.iter().sum::<f64>() / part.iter().sum::<f64>();
    factor.is_finite().then(|| part.iter().map(|w| w * factor).collect())
}

/// The potential of all targets that answers to that of a part of the sources.
fn extended(dual: &Dual<'_>, epsilon: f64, chosen: &[usize], f: &[f64], a: &[f64]) -> Vec<f64> {
    let mut h = vec![f64::NEG_INFINITY; dual.a.len()];
    chosen.iter().zip(weighted(f, a, epsilon)).for_each(|(&i, value)| h[i] = value);
    let mut g = vec![0.0; dual.b.len()];
    dual.cost.soft_min(Side::Target, &h, epsilon, &mut g);
    let damp = dual.damping(Side::Target, epsilon);
    g.iter_mut().for_each(|g| *g *= damp);
    g
}
