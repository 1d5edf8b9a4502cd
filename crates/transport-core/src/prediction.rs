//! One change of basis among the things a network may predict.
//!
//! Given `x = α x₁ + σ x₀`, each of these is linear in (x₁, x₀), so knowing `x` and one of them
//! gives all the others. The relations are linear, hence they hold for conditional expectations,
//! which is what a network learns.
//!
//! ```text
//! data      x₁                    noise     x₀
//! velocity  α′ x₁ + σ′ x₀         score     −x₀ / σ
//! v         (α x₀ − σ x₁) / √(α² + σ²)
//! ```

use crate::schedule::{Coefs, Schedule};
use crate::time::Times;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What a network predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prediction {
    /// The data point, `x₁`.
    Data,
    /// The reference point, `x₀` (the noise, where the reference is Gaussian).
    Noise,
    /// Salimans & Ho's `v = (α x₀ − σ x₁)/√(α² + σ²)`, which is perpendicular to `x` in the
    /// (x₁, x₀) plane.
    V,
    /// The score `∇ log q_t(x) = −E[x₀|x]/σ`, for a standard normal reference.
    Score,
    /// The velocity `α′ x₁ + σ′ x₀` of the probability flow on the transport clock.
    Velocity,
}

/// `target = x · on_x + given · on_given`, scalars at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The coefficient of `x`.
    pub on_x: f64,
    /// The coefficient of the given prediction.
    pub on_given: f64,
}

impl Change {
    /// From what has coordinates `(p, q)` in (x₁, x₀) to what has `(u, w)`.
    pub(crate) fn between((p, q): (f64, f64), (u, w): (f64, f64), c: &Coefs) -> Self {
        let determinant = c.alpha * q - c.sigma * p;
        let on_x = (u * q - w * p) / determinant;
        Self { on_x, on_given: (c.alpha * w - c.sigma * u) / determinant }
    }
}

impl Prediction {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Data, Self::Noise, Self::V, Self::Score, Self::Velocity];

    /// The coordinates in (x₁, x₀). The score is handled through the noise, whose coordinates
    /// stay finite at σ = 0.
    pub(crate) fn coordinates(self, c: &Coefs) -> (f64, f64) {
        match self {
            Self::Data => (1.0, 0.0),
            Self::Noise | Self::Score => (0.0, 1.0),
            Self::V => {
                let norm = c.alpha.hypot(c.sigma);
                (-c.sigma / norm, c.alpha / norm)
            }
            Self::Velocity => (c.d_alpha, c.d_sigma),
        }
    }

    /// The coefficients that turn this prediction into `target`.
    ///
    /// With `x = (α, σ)`, `given = (p, q)`, `target = (u, w)` in (x₁, x₀) coordinates,
    ///
    /// ```text
    /// D = α q − σ p,   on_given = (α w − σ u)/D,   on_x = (u q − w p)/D
    /// ```
    ///
    /// Where `D = 0` the two are parallel, nothing follows, and the result is not finite: data
    /// at σ = 0, noise at α = 0.
    ///
    /// # Example
    /// ```
    /// use transport_core::{Prediction, Schedule, schedule::Rectified};
    /// // On straight lines v = x₁ − x₀, hence x₁ = x + (1 − t) v.
    /// let c = Prediction::Velocity.to(Prediction::Data, &Rectified.at(0.25));
    /// assert!((c.on_x - 1.0).abs() < 1e-12 && (c.on_given - 0.75).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn to(self, target: Self, c: &Coefs) -> Change {
        if self == target {
            return Change { on_x: 0.0, on_given: 1.0 };
        }
        let mut change = Change::between(self.coordinates(c), target.coordinates(c), c);
        if self == Self::Score {
            change.on_given *= -c.sigma;
        }
        if target == Self::Score {
            change.on_x /= -c.sigma;
            change.on_given /= -c.sigma;
        }
        change
    }

    /// Applies [`Prediction::to`] to a batch.
    ///
    /// # Shapes
    /// `given`, `x`: `[n, d]`.
    #[must_use]
    pub fn convert(
        self,
        target: Self,
        given: Tensor<2>,
        x: Tensor<2>,
        t: Times<'_>,
        schedule: &(impl Schedule + ?Sized),
    ) -> Tensor<2> {
        if self == target {
            return given;
        }
        t.scale(x, |t| self.to(target, &schedule.at(t)).on_x)
            + t.scale(given, |t| self.to(target, &schedule.at(t)).on_given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Cosine, Edm, SubVp, Ve, Vp};
    use crate::schedule::{Noising, Rectified, Trigonometric};
    use proptest::prelude::*;

    fn schedules() -> Vec<Box<dyn Schedule>> {
        vec![
            Box::new(Rectified),
            Box::new(Trigonometric),
            Box::new(Noising::new(Vp::default())),
            Box::new(Noising::new(SubVp::default())),
            Box::new(Noising::new(Ve::default())),
            Box::new(Noising::new(Cosine::default())),
            Box::new(Noising::new(Edm::default())),
        ]
    }

    /// The definition, spelled out against x₁ and x₀ themselves.
    fn value(kind: Prediction, c: &Coefs, x1: f64, x0: f64) -> f64 {
        match kind {
            Prediction::Data => x1,
            Prediction::Noise => x0,
            Prediction::Score => -x0 / c.sigma,
            Prediction::Velocity => c.d_alpha * x1 + c.d_sigma * x0,
            Prediction::V => {
                (c.alpha * x0 - c.sigma * x1) / (c.alpha.powi(2) + c.sigma.powi(2)).sqrt()
            }
        }
    }

    proptest! {
        #[test]
        fn every_pair_agrees_with_the_definitions(
            x1 in -3.0..3.0f64, x0 in -3.0..3.0f64, u in 0.02..0.98f64, which in 0usize..7,
        ) {
            let schedule = &schedules()[which];
            let domain = schedule.domain();
            let c = schedule.at(domain.start + u * domain.length());
            let x = c.alpha * x1 + c.sigma * x0;
            for from in Prediction::ALL {
                for to in Prediction::ALL {
                    let change = from.to(to, &c);
                    let given = value(from, &c, x1, x0);
                    let expected = value(to, &c, x1, x0);
                    let got = change.on_x * x + change.on_given * given;
                    let scale = (change.on_x * x).abs() + (change.on_given * given).abs();
                    prop_assert!(
                        (got - expected).abs() <= 1e-12 * (1.0 + scale),
                        "{from:?} -> {to:?} on {schedule:?}: {got} against {expected}"
                    );
                }
            }
        }
    }
}
