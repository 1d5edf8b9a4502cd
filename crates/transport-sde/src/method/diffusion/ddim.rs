//! DDIM: the first-order step with as much noise as one likes.

use super::{DiffusionMethod, Leap, SettingError};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// DDIM(η).
///
/// ```text
/// x' = α' D + √(σ'² − s²) ε + s z,     s = η σ' √(1 − e^{−2h})
/// ```
///
/// η = 0 is the exponential Euler step of the probability flow (Euler's method for `x/α` in
/// `σ/α`), η = 1 the ancestral step of [`Ddpm`](super::Ddpm) with the posterior's variance.
/// Order 1.
///
/// # References
/// Song, Meng & Ermon (2021), "Denoising diffusion implicit models", eqs. (12) and (16), for
/// `α² + σ² = 1`; the form here holds for every schedule.
/// # Checked by
/// `tests/it/diffusion_order.rs`, `tests/it/diffusion_law.rs`, `tests/it/diffusion_published.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ddim {
    /// The noise, from 0 to 1.
    pub eta: f64,
}

impl DiffusionMethod for Ddim {
    type Memory = ();

    fn order(&self) -> usize {
        1
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        self.eta > 0.0
    }

    fn check(&self) -> Result<(), SettingError> {
        SettingError::unless((0.0..=1.0).contains(&self.eta), "eta", self.eta, "between 0 and 1")
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        (): &mut (),
    ) -> Tensor<2> {
        let (data, noise) = denoiser.posterior(x, Times::Same(leap.t));
        // −expm1(−2h) = (s/(ησ'))², at most 1.
        let part = -self.eta * self.eta * (-2.0 * leap.ends.log_snr_gap()).exp_m1();
        let mean = data.mul_scalar(leap.ends.to.alpha)
            + noise.mul_scalar(leap.ends.to.sigma * (1.0 - part).sqrt());
        leap.add_noise(mean, leap.ends.to.sigma * part.sqrt())
    }
}
