//! `log det(I + J)` for a contraction's Jacobian `J`, exactly and by an unbiased estimate.

use super::coupling::index;
use crate::net::Derivative;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// Terms of the series that every estimate has.
const ALWAYS: usize = 4;
/// Entries of the Jacobians that are held at once.
const MOST_ENTRIES: usize = 1 << 22;

/// `log det(I + J)` by elimination on the whole Jacobian, `d` directions in one pass.
///
/// No pivot is looked for: the symmetric part of `I + J` is positive definite when `‖J‖ < 1`, and
/// elimination without pivoting then meets positive pivots only.
///
/// # Shapes
/// `shape`: `[n, d]`, the points'; returns `[n]`.
#[must_use]
pub fn exact(derivative: &Derivative<'_>, shape: [usize; 2]) -> Tensor<1> {
    let [n, d] = shape;
    let rows = MOST_ENTRIES.div_euclid(d * d).clamp(1, n.max(1));
    let parts = (0..n).step_by(rows).map(|first| {
        let part = derivative.rows(first, rows.min(n - first));
        log_det_beside_identity(part.jacobian())
    });
    Tensor::cat(parts.collect(), 0)
}

/// `log det(I + J)` of each matrix, `[n, d, d]` to `[n]`.
fn log_det_beside_identity(jacobian: Tensor<3>) -> Tensor<1> {
    let [n, d, _] = jacobian.dims();
    let identity = Tensor::<2>::eye(d, &Space::of(&jacobian).device).cast(jacobian.dtype());
    let mut rest = jacobian + identity.unsqueeze_dim(0);
    let mut total: Option<Tensor<3>> = None;
    for left in (0..d).rev() {
        let pivot = rest.clone().narrow(1, 0, 1).narrow(2, 0, 1);
        let log_pivot = pivot.clone().log();
        total = Some(total.map_or(log_pivot.clone(), |total| total + log_pivot));
        if left > 0 {
            let below = rest.clone().narrow(1, 1, left);
            let right = rest.narrow(1, 0, 1).narrow(2, 1, left) / pivot;
            let column = below.clone().narrow(2, 0, 1);
            rest = below.narrow(2, 1, left) - column * right;
        }
    }
    total.map_or_else(|| panic!("a map of no coordinates"), |total| total.reshape([n]))
}

/// An unbiased estimate of `log det(I + J)`: Hutchinson's for the traces, Russian roulette for the
/// number of terms, each row with its own.
///
/// ```text
/// Σ_{k=1}^{N} (−1)^{k+1}/k · vᵀ Jᵏ v / P(N ≥ k),    v uniform on {±1}ᵈ
/// P(N ≥ k) = 1 for k ≤ 4,  q^{k−4} beyond,          q = (1 + 3κ²)/4
/// ```
///
/// `q > κ²` keeps the variance finite whatever the network. `Jᵏ v` is a chain of directional
/// derivatives, made of operations that one reverse pass differentiates: the gradient is unbiased
/// too.
///
/// # Shapes
/// `noise` names the rows; returns `[n]`.
///
/// # References
/// Chen, Behrmann, Duvenaud & Jacobsen (2019), Theorem 1; Kahn (1955) for the roulette; Hutchinson
/// (1990).
/// # Checked by
/// `tests/it/residual.rs`
#[must_use]
pub fn estimate(derivative: &Derivative<'_>, d: usize, lipschitz: f64, noise: &Noise) -> Tensor<1> {
    let survival = 0.25 * (1.0 + 3.0 * lipschitz * lipschitz);
    let terms = terms(survival, noise);
    let (order, back) = longest_first(&terms);
    let n = terms.len();
    let space = derivative.space();
    let signs: Vec<f64> =
        noise.purpose("probe").uniform_values(d).iter().map(|u| (u - 0.5).signum()).collect();
    let probes = space.tensor::<2>(signs, [n, d]);
    let rows = index(&order, &probes);
    let (probes, derivative) = (probes.select(0, rows.clone()), derivative.select(&rows));
    let mut along = probes.clone();
    let mut total = space.tensor::<2>(vec![0.0; n], [n, 1]);
    for k in 1..=terms[order[0]] {
        // The rows that go on stand first.
        let m = order.partition_point(|row| terms[*row] >= k);
        along = derivative.along(along.narrow(0, 0, m));
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        let weight = sign / (k as f64 * survival.powi(k.saturating_sub(ALWAYS) as i32));
        let trace = (along.clone() * probes.clone().narrow(0, 0, m)).sum_dim(1);
        let added = total.clone().narrow(0, 0, m) + trace.mul_scalar(weight);
        total = if m == n { added } else { Tensor::cat(vec![added, total.narrow(0, m, n - m)], 0) };
    }
    total.select(0, index(&back, &probes)).squeeze_dim(1)
}

/// The number of terms of each row: 4 and a geometric number more.
fn terms(survival: f64, noise: &Noise) -> Vec<usize> {
    let uniform = noise.purpose("terms").uniform_values(1);
    let more = |u: f64| ((1.0 - u).ln() / survival.ln()).floor() as usize;
    uniform.into_iter().map(|u| ALWAYS + more(u)).collect()
}

/// The rows by falling number of terms, and the places that bring them back.
fn longest_first(terms: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..terms.len()).collect();
    order.sort_by_key(|row| std::cmp::Reverse(terms[*row]));
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, row)| back[*row] = place);
    (order, back)
}
