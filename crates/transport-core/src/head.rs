//! Heads: what a network's output means, what it is fed, and which clock it reads.
//!
//! A head is a direction in the (x₁, x₀) plane, so that every other prediction follows from it and
//! `x = α x₁ + σ x₀` by the one change of basis of [`crate::prediction`].

use crate::interpolant::Interpolant;
use crate::prediction::{Change, Prediction};
use crate::schedule::{Coefs, Schedule};
use crate::time::Times;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// EDM's preconditioning: a network `F` with inputs and targets of unit variance at every noise
/// level, for data of standard deviation σ_d.
///
/// ```text
/// E[x₁ | x] = c_skip x/α + c_out F(c_in x/α, c_noise),     ϱ = σ/α
/// c_skip = σ_d²/(ϱ² + σ_d²),   c_out = ϱ σ_d/√(ϱ² + σ_d²)
/// c_in = 1/√(ϱ² + σ_d²),       c_noise = ¼ ln ϱ
/// ```
///
/// In the (x₁, x₀) plane the network predicts
///
/// ```text
/// F = (σ x₁ − α σ_d² x₀) / (σ_d √(σ² + α² σ_d²))
/// ```
///
/// which for σ_d = 1 is `−v`. The paper has α = 1.
///
/// # References
/// Karras et al. (2022), "Elucidating the design space of diffusion-based generative models",
/// table 1.
/// # Checked by
/// the tests of this file: `preconditioning_is_the_published_one`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preconditioning {
    /// `σ_d`, positive: the standard deviation of a coordinate of the data.
    pub sigma_data: f64,
}

impl Preconditioning {
    /// `√(σ² + α² σ_d²)`, the standard deviation of a coordinate of `x`.
    fn spread(&self, c: &Coefs) -> f64 {
        c.sigma.hypot(c.alpha * self.sigma_data)
    }

    fn coordinates(&self, c: &Coefs) -> (f64, f64) {
        let norm = self.sigma_data * self.spread(c);
        (c.sigma / norm, -c.alpha * self.sigma_data.powi(2) / norm)
    }
}

/// What the output of a network means.
///
/// # Example
/// ```
/// use transport_core::{Coefs, Head, Prediction, Preconditioning};
/// let c = Coefs { alpha: 1.0, sigma: 2.0, d_alpha: 0.0, d_sigma: 1.0 };
/// let head = Head::Edm(Preconditioning { sigma_data: 0.5 });
/// let denoised = head.to(Prediction::Data, &c);
/// assert!((denoised.on_x - 0.25 / 4.25).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// One of the predictions, of a network fed `x/√(α² + σ²)` and `t`.
    Plain(Prediction),
    /// The network of EDM, fed `x/√(σ² + α² σ_d²)` and `¼ ln(σ/α)`.
    Edm(Preconditioning),
}

impl From<Prediction> for Head {
    fn from(prediction: Prediction) -> Self {
        Self::Plain(prediction)
    }
}

impl Head {
    /// The coefficients that turn the output into `target`; see [`Prediction::to`].
    #[must_use]
    pub fn to(self, target: Prediction, c: &Coefs) -> Change {
        let edm = match self {
            Self::Plain(prediction) => return prediction.to(target, c),
            Self::Edm(edm) => edm,
        };
        let mut change = Change::between(edm.coordinates(c), target.coordinates(c), c);
        if target == Prediction::Score {
            change.on_x /= -c.sigma;
            change.on_given /= -c.sigma;
        }
        change
    }

    /// Applies [`Head::to`] to a batch.
    ///
    /// # Shapes
    /// `given`, `x`: `[n, d]`.
    #[must_use]
    pub fn convert(
        self,
        target: Prediction,
        given: Tensor<2>,
        x: Tensor<2>,
        t: Times<'_>,
        schedule: &(impl Schedule + ?Sized),
    ) -> Tensor<2> {
        if self == Self::Plain(target) {
            return given;
        }
        t.scale(x, |t| self.to(target, &schedule.at(t)).on_x)
            + t.scale(given, |t| self.to(target, &schedule.at(t)).on_given)
    }

    /// `(q, p)` of the target `p x₁ + q x₀`.
    fn weights(self, c: &Coefs) -> (f64, f64) {
        let (p, q) = match self {
            Self::Plain(Prediction::Score) => (0.0, -1.0 / c.sigma),
            Self::Plain(prediction) => prediction.coordinates(c),
            Self::Edm(edm) => edm.coordinates(c),
        };
        (q, p)
    }

    /// What the output should be for one pair: `p x₁ + q x₀`, whose conditional expectation given
    /// `x` a network learns.
    ///
    /// # Shapes
    /// `x0`, `x1`: `[n, d]`.
    #[must_use]
    pub fn target(
        self,
        x0: Tensor<2>,
        x1: Tensor<2>,
        t: Times<'_>,
        schedule: impl Schedule,
    ) -> Tensor<2> {
        match self {
            Self::Plain(Prediction::Noise) => x0,
            Self::Plain(Prediction::Data) => x1,
            _ => Interpolant { schedule }.combine(x0, x1, t, |s, t| self.weights(&s.at(t))),
        }
    }

    /// What `x` is scaled by before the network sees it: unit variance at every time, for data of
    /// the variance that the head is told.
    #[must_use]
    pub fn input_scale(self, c: &Coefs) -> f64 {
        match self {
            Self::Plain(_) => 1.0 / c.alpha.hypot(c.sigma),
            Self::Edm(edm) => 1.0 / edm.spread(c),
        }
    }

    /// What the network reads as its time: `t`, or `c_noise = ¼ ln(σ/α)`.
    #[must_use]
    pub fn clock(self, t: f64, c: &Coefs) -> f64 {
        match self {
            Self::Plain(_) => t,
            Self::Edm(_) => 0.25 * (c.sigma / c.alpha).ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Edm, Vp};
    use crate::schedule::Noising;

    fn coefs() -> Vec<Coefs> {
        let (edm, vp) = (Noising::new(Edm::default()), Noising::new(Vp::default()));
        [0.1, 0.6, 0.99].iter().flat_map(|t| [edm.at(*t), vp.at(*t)]).collect()
    }

    /// Table 1 of Karras et al., with x/α in the place of x.
    #[test]
    fn preconditioning_is_the_published_one() {
        let edm = Preconditioning { sigma_data: 0.5 };
        for c in coefs() {
            let (rho, square) = (c.sigma / c.alpha, 0.25);
            let total: f64 = rho * rho + square;
            let change = Head::Edm(edm).to(Prediction::Data, &c);
            let expected = [square / total, rho * 0.5 / total.sqrt(), 1.0 / total.sqrt()];
            let got =
                [change.on_x * c.alpha, change.on_given, Head::Edm(edm).input_scale(&c) * c.alpha];
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-12 * (1.0 + expected), "{got} {expected}");
            }
            assert!((Head::Edm(edm).clock(0.0, &c) - 0.25 * rho.ln()).abs() < 1e-12);
        }
    }

    /// Each prediction made from F equals the definition, for a pair of numbers.
    #[test]
    fn every_prediction_follows_from_it() {
        let head = Head::Edm(Preconditioning { sigma_data: 0.7 });
        let (x1, x0) = (0.8, -1.3);
        for c in coefs() {
            let (q, p) = head.weights(&c);
            let (x, given) = (c.alpha * x1 + c.sigma * x0, p * x1 + q * x0);
            for target in Prediction::ALL {
                let (u, w) = target.coordinates(&c);
                let mut expected = u * x1 + w * x0;
                if target == Prediction::Score {
                    expected /= -c.sigma;
                }
                let change = head.to(target, &c);
                let (a, b) = (change.on_x * x, change.on_given * given);
                let scale = 1.0 + a.abs() + b.abs();
                assert!((a + b - expected).abs() < 1e-12 * scale, "{target:?} at {c:?}");
            }
        }
    }

    /// For unit variance F is −v.
    #[test]
    fn for_unit_variance_it_is_minus_v() {
        for c in coefs() {
            let (q, p) = Head::Edm(Preconditioning { sigma_data: 1.0 }).weights(&c);
            let (v_q, v_p) = Head::Plain(Prediction::V).weights(&c);
            assert!((q + v_q).abs() < 1e-14 && (p + v_p).abs() < 1e-14);
        }
    }
}
