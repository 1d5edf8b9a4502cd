//! The Metropolis–Hastings decision, chain by chain.

use super::{Move, State};
use burn::tensor::{Bool, Tensor, TensorData};

/// The energy error beyond which a proposal counts as divergent.
pub const DIVERGENCE: f64 = 1000.0;

/// Accepts each chain's proposal with probability `min(1, e^r)`, `r` the log of the acceptance
/// ratio; the others stay.
///
/// A ratio that is NaN, a proposal of zero density and one whose density or score is not finite are
/// rejected, and count as divergent like a ratio below `e^{−1000}`.
///
/// # Shapes
/// `log_ratio`, `uniforms`: one a chain.
///
/// # References
/// Hastings (1970); Betancourt (2016) on divergences.
#[must_use]
pub fn metropolis(
    current: State,
    proposed: State,
    log_ratio: &[f64],
    uniforms: &[f64],
    evals: usize,
) -> Move {
    let finite = finite_rows(&proposed.score);
    let sound = |i: usize| proposed.log_density[i].is_finite() && finite[i];
    let ratio: Vec<f64> = (0..log_ratio.len())
        .map(|i| if sound(i) && !log_ratio[i].is_nan() { log_ratio[i] } else { f64::NEG_INFINITY })
        .collect();
    let acceptance: Vec<f64> = ratio.iter().map(|r| r.min(0.0).exp()).collect();
    let divergent = ratio.iter().map(|r| *r < -DIVERGENCE).collect();
    let accept: Vec<bool> = acceptance.iter().zip(uniforms).map(|(a, u)| u < a).collect();
    Move { state: choose(current, proposed, &accept), acceptance, divergent, evals }
}

/// The proposal in the rows that are accepted, the current state in the others.
fn choose(current: State, proposed: State, accept: &[bool]) -> State {
    let [n, d] = current.x.dims();
    let data = TensorData::new(accept.to_vec(), [n, 1]);
    let mask = Tensor::<2, Bool>::from_bool(data, &current.x.device()).expand([n, d]);
    let log_density = current
        .log_density
        .iter()
        .zip(&proposed.log_density)
        .zip(accept)
        .map(|((old, new), accept)| if *accept { *new } else { *old })
        .collect();
    State {
        x: current.x.mask_where(mask.clone(), proposed.x),
        score: current.score.mask_where(mask, proposed.score),
        log_density,
        velocity: None,
    }
}

/// Which rows are finite.
fn finite_rows(x: &Tensor<2>) -> Vec<bool> {
    let sizes = transport_core::device::to_host(x.clone().abs().sum_dim(1));
    sizes.into_iter().map(f64::is_finite).collect()
}
