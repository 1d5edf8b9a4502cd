//! Straight lines as a noising SDE.

use super::{Domain, GaussianKernel, LinearSde};
use crate::schedule::Coefs;

/// The SDE whose marginals are those of rectified flow (conditional optimal transport).
///
/// ```text
/// α(s) = 1 − s,   σ(s) = s
/// λ(s) = 1/(1 − s),   g²(s) = 2s/(1 − s),   s ∈ [0, 1)
/// ```
///
/// λ = −α′/α and g² = (σ²)′ + 2λσ². The reference N(0, I) is met exactly at s = 1, where λ and g
/// are infinite: the domain is open at its end. On the transport clock its schedule is
/// [`crate::schedule::Rectified`].
///
/// # References
/// Lipman et al. (2023), "Flow matching for generative modeling", ex. II.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CondOt;

impl LinearSde for CondOt {
    fn lambda(&self, s: f64) -> f64 {
        1.0 / (1.0 - s)
    }

    fn g(&self, s: f64) -> f64 {
        (2.0 * s / (1.0 - s)).sqrt()
    }

    fn marginal(&self, s: f64) -> (f64, f64) {
        (1.0 - s, s)
    }

    fn domain(&self) -> Domain {
        Domain::open(1.0)
    }

    fn coefs(&self, s: f64) -> Coefs {
        Coefs { alpha: 1.0 - s, sigma: s, d_alpha: -1.0, d_sigma: 1.0 }
    }

    fn transition(&self, from: f64, to: f64) -> GaussianKernel {
        let scale = (1.0 - to) / (1.0 - from);
        // to² − scale² from², with to − scale from = (to − from)/(1 − from).
        let variance = (to - from) / (1.0 - from) * (to + scale * from);
        GaussianKernel { scale, std: variance.sqrt() }
    }
}
