//! The f-divergences, as games between a generator and a critic.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;
use transport_kernels::{Activation, ops};

/// A convex `f` with `f(1) = 0`, its conjugate, and the activation that keeps a critic's output in
/// the conjugate's domain.
///
/// ```text
/// D_f(P ‖ Q) = ∫ q f(p/q) = sup_v  E_P[g(v)] − E_Q[f*(g(v))],      attained where g(v) = f′(p/q)
///
/// divergence           f(u)                              g(v)               f*(g(v))
/// kl                   u ln u                            v                  exp(v − 1)
/// reverse-kl           −ln u                             −exp(−v)           v − 1
/// pearson              (u − 1)²                          v                  v²/4 + v
/// hellinger            (√u − 1)²                         1 − exp(−v)        exp(v) − 1
/// jensen-shannon       u ln u − (u + 1) ln((u + 1)/2)    ln 2 − ln(1 + e⁻ᵛ) ln(1 + eᵛ) − ln 2
/// total-variation      |u − 1|/2                         tanh(v)/2          tanh(v)/2
/// ```
///
/// Every `g` increases, so that a large output says "data". `jensen-shannon` is twice the
/// divergence of that name.
///
/// # References
/// Nowozin, Cseke & Tomioka (2016), "f-GAN", tables 1, 2 and 6; `g` of reverse KL and of Hellinger
/// with the sign that makes it increase.
/// # Checked by
/// `tests/it/gan_theory.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Divergence {
    /// `KL(P ‖ Q)`.
    Kl,
    /// `KL(Q ‖ P)`.
    ReverseKl,
    /// Pearson's χ².
    Pearson,
    /// The squared Hellinger distance, between 0 and 2.
    Hellinger,
    /// `2 JS`, between 0 and `2 ln 2`.
    JensenShannon,
    /// The total variation, between 0 and 1.
    TotalVariation,
}

/// `density · value`, 0 where there is no mass whatever the value.
pub(super) fn weighed(density: f64, value: f64) -> f64 {
    if density > 0.0 { density * value } else { 0.0 }
}

/// `ln(1 + eᵗ)`.
pub(super) fn softplus_of(t: f64) -> f64 {
    t.max(0.0) + (-t.abs()).exp().ln_1p()
}

fn softplus(v: Tensor<2>) -> Tensor<2> {
    ops::activate(Activation::Softplus, v)
}

impl Divergence {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Kl,
        Self::ReverseKl,
        Self::Pearson,
        Self::Hellinger,
        Self::JensenShannon,
        Self::TotalVariation,
    ];

    /// `f(u)`, `u > 0`.
    #[must_use]
    pub fn f(self, u: f64) -> f64 {
        match self {
            Self::Kl => u * u.ln(),
            Self::ReverseKl => -u.ln(),
            Self::Pearson => (u - 1.0).powi(2),
            Self::Hellinger => (u.sqrt() - 1.0).powi(2),
            Self::JensenShannon => u * u.ln() - (u + 1.0) * (0.5 * (u + 1.0)).ln(),
            Self::TotalVariation => 0.5 * (u - 1.0).abs(),
        }
    }

    /// `q f(p/q)` of two densities by their logarithms: finite where either vanishes, as far as the
    /// divergence is.
    #[must_use]
    pub fn integrand(self, log_p: f64, log_q: f64) -> f64 {
        let (p, q, r) = (log_p.exp(), log_q.exp(), log_p - log_q);
        match self {
            Self::Kl => weighed(p, r),
            Self::ReverseKl => weighed(q, -r),
            Self::Pearson if p > 0.0 => (log_p + r).exp() - 2.0 * p + q,
            Self::Pearson => q,
            Self::Hellinger => (p.sqrt() - q.sqrt()).powi(2),
            // ln(2p/(p + q)) and ln(2q/(p + q)).
            Self::JensenShannon => {
                weighed(p, LN_2 - softplus_of(-r)) + weighed(q, LN_2 - softplus_of(r))
            }
            Self::TotalVariation => 0.5 * (p - q).abs(),
        }
    }

    /// `g(v)`, what the critic says of data.
    #[must_use]
    pub fn activation(self, v: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Kl | Self::Pearson => v,
            Self::ReverseKl => v.neg().exp().neg(),
            Self::Hellinger => v.neg().exp().neg().add_scalar(1.0),
            Self::JensenShannon => softplus(v.neg()).neg().add_scalar(LN_2),
            Self::TotalVariation => v.tanh().mul_scalar(0.5),
        }
    }

    /// `f*(g(v))`, what the critic says of samples.
    #[must_use]
    pub fn conjugate(self, v: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Kl => v.sub_scalar(1.0).exp(),
            Self::ReverseKl => v.sub_scalar(1.0),
            Self::Pearson => v.clone().powi_scalar(2).mul_scalar(0.25) + v,
            Self::Hellinger => v.exp().sub_scalar(1.0),
            Self::JensenShannon => softplus(v).sub_scalar(LN_2),
            Self::TotalVariation => v.tanh().mul_scalar(0.5),
        }
    }

    /// The output that attains the divergence where the log-density ratio is `ln p/q = r`:
    /// `g(v) = f′(eʳ)`; the total variation's is infinite, with the sign of `r`, and free at 0.
    #[must_use]
    pub fn optimum(self, r: f64) -> f64 {
        match self {
            Self::Kl => 1.0 + r,
            Self::ReverseKl | Self::JensenShannon => r,
            Self::Pearson => 2.0 * r.exp_m1(),
            Self::Hellinger => 0.5 * r,
            Self::TotalVariation if r == 0.0 => 0.0,
            Self::TotalVariation => f64::INFINITY * r,
        }
    }
}
