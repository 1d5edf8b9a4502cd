//! DDPM's ancestral step: the posterior of the chain, with the data replaced by its mean.

use super::{DiffusionMethod, Leap};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// Which variance the ancestral step takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PosteriorVariance {
    /// `β̃ = β σ'²/σ²`, right when the data is one point: "fixed small".
    #[default]
    Small,
    /// `β = σ² − (α/α')² σ'²`, right when the data is standard normal: "fixed large".
    Large,
}

/// The ancestral sampler: a draw of `q(x' | x, x₁)` at `x₁ = D(x, t)`.
///
/// ```text
/// β = σ² − (α/α')² σ'² = σ² (1 − e^{−2h})
/// x' = (α/α') (σ'²/σ²) x + α' (β/σ²) D + √v z,     v = β̃ or β
/// ```
///
/// A last step to σ' = 0 is the mean, without noise. Weak order 1.
///
/// # References
/// Ho, Jain & Abbeel (2020), eqs. (6) and (7); the form here holds for every schedule.
/// # Checked by
/// `tests/it/diffusion_law.rs`, `tests/it/diffusion_published.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ddpm {
    /// The variance.
    pub variance: PosteriorVariance,
}

impl Ddpm {
    /// `v`, the variance that a step draws with.
    #[must_use]
    pub fn step_variance(&self, leap: &Leap<'_>) -> f64 {
        let share = -(-2.0 * leap.ends.log_snr_gap()).exp_m1();
        match self.variance {
            PosteriorVariance::Small => share * leap.ends.to.sigma.powi(2),
            PosteriorVariance::Large if leap.ends.to.sigma > 0.0 => {
                share * leap.ends.from.sigma.powi(2)
            }
            PosteriorVariance::Large => 0.0,
        }
    }
}

impl DiffusionMethod for Ddpm {
    type Memory = ();

    fn order(&self) -> usize {
        1
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        true
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        (): &mut (),
    ) -> Tensor<2> {
        let data = denoiser.data(x.clone(), Times::Same(leap.t));
        let share = -(-2.0 * leap.ends.log_snr_gap()).exp_m1();
        let keep = leap.ends.from.alpha / leap.ends.to.alpha
            * (leap.ends.to.sigma / leap.ends.from.sigma).powi(2);
        let mean = x.mul_scalar(keep) + data.mul_scalar(leap.ends.to.alpha * share);
        leap.add_noise(mean, self.step_variance(leap).sqrt())
    }
}
