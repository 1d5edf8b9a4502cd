//! How errors at different noise levels are weighed against each other.

use super::{ObjectiveError, TimeLaw};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::schedule::{Named, Schedule};
use transport_core::{Head, Prediction, Space, Times};

/// The weight of the squared error at time `t`, stated on the error of the data and of the noise,
/// and carried to whatever the network predicts by the change of basis.
///
/// ```text
/// L = E_t [ a(t) E‖x̂₁ − E[x₁|x]‖² + b(t) E‖x̂₀ − E[x₀|x]‖² ] / d + const,   x̂₁ − x₁ = −(σ/α)(x̂₀ − x₀)
/// on the output of a head h:   w = a k₁² + b k₀²,    x̂₁ − x₁ = k₁ (ĥ − h),  x̂₀ − x₀ = k₀ (ĥ − h)
/// ```
///
/// | weighting | a, on the data | b, on the noise | |
/// |---|---|---|---|
/// | uniform | | | `w = 1` on the network's own output; a score counts as the noise `−σ s` |
/// | likelihood | 0 | `∝ 2 λ′ = g²/σ²` | a bound on KL; Song, Durkan et al. (2021) |
/// | SNR | `α²/σ²`, that is 0 | 1 | Ho et al. (2020) |
/// | min-SNR-γ | `min(α²/σ², γ)` | 0 | Hang et al. (2023) |
/// | EDM | `1/σ_d²` | 1 | `(σ² + σ_d²)/(σ σ_d)²` on the data; Karras et al. (2022) |
/// | learned | | | `e^{−u(t)} w` and `+ u(t)`, on top of uniform; Karras et al. (2024) |
///
/// # References
/// Song, Durkan, Murray & Ermon (2021), "Maximum likelihood training of score-based diffusion
/// models"; Kingma & Gao (2023), who write every one of them as a weight over λ.
/// # Checked by
/// `tests/it/weightings.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// 1 on the network's own output.
    #[default]
    Uniform,
    /// `g²` on the score, up to a constant, divided by the density of the times drawn.
    Likelihood,
    /// The signal-to-noise ratio on the data, which is 1 on the noise.
    Snr,
    /// The signal-to-noise ratio on the data, at most γ.
    MinSnr {
        /// γ, 5 in the paper.
        gamma: f64,
    },
    /// EDM's.
    Edm {
        /// σ_d, the standard deviation of a coordinate of the data.
        sigma_data: f64,
    },
    /// Learned beside the model, as an uncertainty.
    Learned,
}

impl Weighting {
    /// `(a, b)`, or `None` where the weight is stated on the output itself.
    fn on_data_and_noise(&self, schedule: Named, times: TimeLaw, t: f64) -> Option<(f64, f64)> {
        match *self {
            Self::Uniform | Self::Learned => None,
            Self::Likelihood => times.log_snr_ratio(schedule, t).map(|ratio| (0.0, ratio)),
            Self::Snr => Some((0.0, 1.0)),
            Self::MinSnr { gamma } => Some(((2.0 * schedule.log_snr(t)).exp().min(gamma), 0.0)),
            Self::Edm { sigma_data } => Some((sigma_data.powi(-2), 1.0)),
        }
    }

    /// `w(t)`, the weight of a squared error of `head`.
    #[must_use]
    pub fn at(&self, head: Head, schedule: Named, times: TimeLaw, t: f64) -> f64 {
        let c = schedule.at(t);
        let square = |weight: f64, of: Prediction| match weight {
            0.0 => 0.0,
            weight => weight * head.to(of, &c).on_given.powi(2),
        };
        match self.on_data_and_noise(schedule, times, t) {
            Some((a, b)) => square(a, Prediction::Data) + square(b, Prediction::Noise),
            None if head == Prediction::Score.into() => c.sigma.powi(2),
            None => 1.0,
        }
    }

    /// Whether the weight is finite on the whole domain.
    ///
    /// # Errors
    /// [`ObjectiveError`] that names the end of the clock at which it is not, or the setting that
    /// is out of range.
    pub fn check(&self, head: Head, schedule: Named, times: TimeLaw) -> Result<(), ObjectiveError> {
        times.check(schedule)?;
        let positive = |what, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => {
                Err(ObjectiveError::Setting { what, value, expected: "a finite number above 0" })
            }
        };
        match *self {
            Self::MinSnr { gamma } => positive("gamma", gamma)?,
            Self::Edm { sigma_data } => positive("sigma_data", sigma_data)?,
            _ => {}
        }
        let domain = schedule.domain();
        if *self == Self::Likelihood && times.log_snr_ratio(schedule, domain.start).is_none() {
            return Err(ObjectiveError::LikelihoodTimes { times });
        }
        for t in [domain.start, domain.end] {
            let value = self.at(head, schedule, times, t);
            if !value.is_finite() {
                let weighting = *self;
                return Err(ObjectiveError::Infinite { weighting, head, schedule, t, value });
            }
        }
        Ok(())
    }

    /// [`Weighting::at`] as a column, `None` where it is 1 throughout.
    pub(super) fn column(
        &self,
        head: Head,
        schedule: Named,
        times: TimeLaw,
        t: Times<'_>,
        space: &Space,
    ) -> Option<Tensor<2>> {
        let plain = matches!(self, Self::Uniform | Self::Learned);
        let one = plain && head != Prediction::Score.into();
        (!one).then(|| t.column(space, |t| self.at(head, schedule, times, t)))
    }
}
