//! Thresholding: a data prediction that leaves the range of the data is pulled back into it.

use super::SettingError;
use burn::tensor::Tensor;
use transport_core::field::implied_noise;
use transport_core::{Denoiser, Schedule, Times};

/// How a data prediction is kept in range, row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// `D ← clamp(D, −bound, bound)`.
    Static {
        /// The largest magnitude that the data has.
        bound: f64,
    },
    /// `D ← clamp(D, −s, s)/s` with `s = min(max(percentile of the row's |D|, 1), most)`.
    ///
    /// The percentile is interpolated linearly between the sorted magnitudes.
    Dynamic {
        /// The fraction of a row's coordinates that stays as it is.
        percentile: f64,
        /// The largest `s`; `∞` where there is none.
        most: f64,
    },
}

/// A [`Denoiser`] whose data prediction is thresholded.
///
/// # References
/// Saharia et al. (2022), "Photorealistic text-to-image diffusion models", §2.3.
/// # Checked by
/// `tests/it/diffusion_published.rs`, `tests/it/thresholding.rs`
#[derive(Clone, Copy, Debug)]
pub struct Thresholded<D> {
    denoiser: D,
    threshold: Threshold,
    keeps_noise: bool,
}

impl<D: Denoiser> Thresholded<D> {
    /// Wraps `denoiser`; the noise prediction follows from the thresholded data.
    ///
    /// # Errors
    /// [`SettingError`] when a bound is not positive or the percentile is outside [0, 1].
    pub fn new(denoiser: D, threshold: Threshold) -> Result<Self, SettingError> {
        match threshold {
            Threshold::Static { bound } => {
                SettingError::unless(bound > 0.0, "the bound", bound, "above 0")?;
            }
            Threshold::Dynamic { percentile: p, most } => {
                let holds = (0.0..=1.0).contains(&p);
                SettingError::unless(holds, "the percentile", p, "between 0 and 1")?;
                SettingError::unless(most > 0.0, "the largest threshold", most, "above 0")?;
            }
        }
        Ok(Self { denoiser, threshold, keeps_noise: false })
    }

    /// Leaves the noise prediction as the model gives it, as some samplers do; `x` is then no
    /// longer `α D + σ ε`.
    #[must_use]
    pub fn keeping_noise(self) -> Self {
        Self { keeps_noise: true, ..self }
    }

    fn apply(&self, data: Tensor<2>) -> Tensor<2> {
        match self.threshold {
            Threshold::Static { bound } => data.clamp(-bound, bound),
            Threshold::Dynamic { percentile: p, most } => {
                let s = percentile(data.clone().abs(), p).clamp_min(1.0).clamp_max(most);
                data.max_pair(-s.clone()).min_pair(s.clone()) / s
            }
        }
    }
}

/// The percentile of each row, `[n, 1]`.
fn percentile(x: Tensor<2>, fraction: f64) -> Tensor<2> {
    let d = x.dims()[1];
    let place = fraction * (d - 1) as f64;
    let below = place.floor() as usize;
    let sorted = x.sort(1);
    let low = sorted.clone().narrow(1, below, 1);
    let high = sorted.narrow(1, (below + 1).min(d - 1), 1);
    low.clone() + (high - low).mul_scalar(place - below as f64)
}

impl<D: Denoiser> Denoiser for Thresholded<D> {
    fn schedule(&self) -> &dyn Schedule {
        self.denoiser.schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.apply(self.denoiser.data(x, t))
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        if self.keeps_noise {
            let (data, noise) = self.denoiser.posterior(x, t);
            return (self.apply(data), noise);
        }
        let data = self.data(x.clone(), t);
        (data.clone(), implied_noise(self.schedule(), x, data, t))
    }
}
