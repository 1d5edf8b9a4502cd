//! What starting a reversal from the prior, instead of from `q_S`, costs.
//!
//! A process followed to its horizon `S` ends in `q_S`, not in the prior that a sampler draws
//! from. The difference has nothing to do with the solver, and is a number of its own:
//!
//! ```text
//! KL(q_S ‖ prior)
//! ```
//!
//! A flow is a bijection, so that with the exact score the probability flow started at the prior
//! has exactly `KL(q₀ ‖ p̂₀) = KL(q_S ‖ prior)`; a reverse SDE is a kernel and has at most that.

use transport_core::device::to_host;
use transport_core::law::{Gaussian, PointLaw};
use transport_core::linalg::invert_lower;
use transport_core::{Density, Law, Noise, Space};

/// An estimate of `KL(q_S ‖ prior)` from samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// The divergence, in nats.
    pub nats: f64,
    /// The standard error of the estimate.
    pub standard_error: f64,
}

/// `KL(terminal ‖ prior)` by samples of the terminal law.
///
/// ```text
/// KL = E_q[ρ − 1 − log ρ],    ρ = prior/q
/// ```
///
/// Each term is ≥ 0 and of second order in `ρ − 1`, so that a small divergence is found with a
/// small relative error, where the mean of `−log ρ` drowns in its first-order noise.
///
/// # Checked by
/// `tests/it/explicit_reverse.rs`
#[must_use]
pub fn prior_mismatch(
    terminal: &(impl Law + Density),
    prior: &impl Density,
    noise: &Noise,
    space: &Space,
) -> Mismatch {
    let x = terminal.sample(noise, space);
    let log_ratio = to_host(prior.log_prob(x.clone()) - terminal.log_prob(x));
    let terms: Vec<f64> = log_ratio.iter().map(|r| r.exp_m1() - r).collect();
    let n = terms.len() as f64;
    let nats = terms.iter().sum::<f64>() / n;
    let variance = terms.iter().map(|v| (v - nats).powi(2)).sum::<f64>() / (n - 1.0);
    Mismatch { nats, standard_error: (variance / n).sqrt() }
}

/// `KL(p ‖ q)` of two Gaussians, exactly.
///
/// ```text
/// ½ (‖L_q⁻¹ L_p‖²_F + |L_q⁻¹(m_p − m_q)|² − d) + log det L_q − log det L_p
/// ```
///
/// # Panics
/// When the dimensions differ.
///
/// # Example
/// ```
/// use transport_core::law::Gaussian;
/// use transport_sde::dynamics::gaussian_divergence;
/// let kl = gaussian_divergence(&Gaussian::isotropic(vec![1.0], 1.0), &Gaussian::standard(1));
/// assert!((kl - 0.5).abs() < 1e-15);
/// ```
#[must_use]
pub fn gaussian_divergence(p: &Gaussian, q: &Gaussian) -> f64 {
    let d = PointLaw::dim(p);
    assert_eq!(d, PointLaw::dim(q), "laws of different dimensions");
    let whiten = invert_lower(q.cholesky(), d);
    let row = |i: usize, v: &dyn Fn(usize) -> f64| (0..d).map(|k| whiten[i * d + k] * v(k)).sum();
    let (mut spread, mut shift) = (0.0, 0.0);
    for i in 0..d {
        let moved: f64 = row(i, &|k| p.mean()[k] - q.mean()[k]);
        shift += moved * moved;
        for j in 0..d {
            let entry: f64 = row(i, &|k| p.cholesky()[k * d + j]);
            spread += entry * entry;
        }
    }
    0.5 * (spread + shift - d as f64) + q.half_log_det() - p.half_log_det()
}
