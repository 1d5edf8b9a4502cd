//! Who goes with whom inside a batch.

use transport_core::Noise;
use transport_ot::{Coupling, OtError, Sinkhorn, Unbalanced, cost::Euclidean, weights::uniform};

/// A coupling between the starts and the ends of a batch.
///
/// ```text
/// cost  |x₀ − x₁|² + w |c₀ − c₁|²
/// ```
///
/// With a weight `w` above 0 ends keep the law of their context (C²OT): starts are given the contexts
/// of the ends in another order, drawn anew for each batch, so that they are independent of the start
/// and have the right law.
///
/// # References
/// Cheng & Schwing (2025), "The curse of conditions: analyzing and improving optimal transport for
/// conditional flow-based generation".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pairing {
    /// How the points are paired.
    pub coupling: Coupling,
    /// The weight `w` of the contexts.
    pub context_weight: f64,
}

impl From<Coupling> for Pairing {
    fn from(coupling: Coupling) -> Self {
        Self { coupling, context_weight: 0.0 }
    }
}

impl Pairing {
    /// The row of `ends` that each row of `starts` goes with.
    ///
    /// # Shapes
    /// `starts`, `ends`: `[n, d]` row-major; `contexts`: `[n, c]`, of the ends.
    ///
    /// # Errors
    /// As [`Coupling::pairs`].
    ///
    /// # Panics
    /// When the weight of the contexts is negative or not a number.
    pub fn pairs(
        &self,
        starts: &[f64],
        ends: &[f64],
        contexts: Option<&[f64]>,
        d: usize,
        noise: &Noise,
    ) -> Result<Vec<usize>, OtError> {
        assert!(self.context_weight >= 0.0, "a weight of {}", self.context_weight);
        let weight = self.context_weight.sqrt();
        let Some(contexts) = contexts.filter(|_| weight > 0.0) else {
            return self.coupling.pairs(starts, ends, d, noise);
        };
        let n = ends.len().div_euclid(d);
        let c = contexts.len().div_euclid(n);
        let other = chosen(contexts, &noise.shared().permutation(n), c);
        let beside = |x: &[f64], contexts: &[f64]| -> Vec<f64> {
            let rows = x.chunks_exact(d).zip(contexts.chunks_exact(c));
            let scaled = |v: &f64| weight * v;
            rows.flat_map(|(x, c)| x.iter().copied().chain(c.iter().map(scaled))).collect()
        };
        self.coupling.pairs(&beside(starts, &other), &beside(ends, contexts), d + c, noise)
    }

    /// The ends in the order of their starts, and their rows. A coupling that cannot be made gives
    /// NaN, which training reports as it does any loss that is not a number.
    pub(super) fn paired(
        &self,
        starts: &[f64],
        ends: &[f64],
        contexts: Option<&[f64]>,
        d: usize,
        noise: &Noise,
    ) -> (Vec<f64>, Vec<usize>) {
        match self.pairs(starts, ends, contexts, d, noise) {
            Ok(rows) => (chosen(ends, &rows, d), rows),
            Err(_) => (vec![f64::NAN; ends.len()], (0..ends.len().div_euclid(d)).collect()),
        }
    }
}

/// Pairs drawn from the unbalanced entropic plan of two batches, `[n]` of them, where mass may grow
/// or vanish:
///
/// ```text
/// P = argmin ⟨|x₀ − x₁|², P⟩ + ε KL(P ‖ a ⊗ b) + ρ KL(P1 ‖ a) + ρ KL(Pᵀ1 ‖ b),    (i, j) ~ P/ΣP
/// ```
///
/// A point that is much farther than `√ρ` from all of the other side is left out rather than carried;
/// as `ρ → ∞` the pairs are those of [`Coupling::Sinkhorn`].
///
/// # Shapes
/// `starts`, `ends`: `[n, d]` row-major.
///
/// # Errors
/// [`OtError`] when a setting is out of range, a value is not finite, or the iteration does not end.
///
/// # References
/// Chizat et al. (2018); Eyring et al. (2024), "Unbalancedness in neural Monge maps improves unpaired
/// domain translation"; Schiebinger et al. (2019) for snapshots of cells.
/// # Checked by
/// `tests/it/unbalanced_pairs.rs`
pub fn unbalanced_pairs(
    starts: &[f64],
    ends: &[f64],
    d: usize,
    epsilon: f64,
    rho: f64,
    noise: &Noise,
) -> Result<Vec<(usize, usize)>, OtError> {
    let (n, m) = (starts.len().div_euclid(d), ends.len().div_euclid(d));
    let cost = Euclidean::squared(starts, ends, d)?;
    let solver =
        Unbalanced { sinkhorn: Sinkhorn::new(epsilon).tolerance(TOLERANCE), rho: [rho; 2] };
    let plan = solver.solve(&cost, &uniform(n), &uniform(m))?.converged()?.dense(&cost);
    let mut total = 0.0;
    let reached: Vec<f64> = plan
        .iter()
        .map(|mass| {
            total += mass;
            total
        })
        .collect();
    if total <= 0.0 {
        let allowed = "large enough for the plan to carry mass between points this far apart";
        return Err(OtError::Parameter { name: "rho", value: rho, allowed });
    }
    let noise = noise.purpose("unbalanced").resized(n);
    let drawn = |i: usize| {
        let at = noise.stream(i).uniform() * total;
        let k = reached.partition_point(|mass| *mass <= at).min(n * m - 1);
        (k / m, k % m)
    };
    Ok((0..n).map(drawn).collect())
}

/// The violation of the marginals up to which an unbalanced plan is sampled.
const TOLERANCE: f64 = 1e-3;

/// The rows at `index` of `[n, d]` values.
pub(super) fn chosen(values: &[f64], index: &[usize], d: usize) -> Vec<f64> {
    index.iter().flat_map(|r| values[r * d..(r + 1) * d].iter().copied()).collect()
}
