//! EDM's sampler: Heun's method in the noise level, with churn.

use super::{DiffusionMethod, Leap, Scales, SettingError};
use burn::tensor::Tensor;
use std::f64::consts::SQRT_2;
use transport_core::{Denoiser, Times};

/// How much noise is put back before a step, and where; `ϱ = σ/α` is the noise level.
///
/// ```text
/// ϱ̂ = ϱ (1 + γ),   x̂/α̂ = x/α + S_noise √(ϱ̂² − ϱ²) z
/// γ = min(S_churn / steps, √2 − 1) for ϱ ∈ [S_tmin, S_tmax], else 0
/// ```
///
/// ϱ̂ stops at the level where the schedule's domain begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn {
    /// S_churn, shared among the steps.
    pub amount: f64,
    /// S_tmin.
    pub from: f64,
    /// S_tmax.
    pub to: f64,
    /// S_noise.
    pub noise: f64,
}

impl Default for Churn {
    /// None: the probability flow.
    fn default() -> Self {
        Self { amount: 0.0, from: 0.0, to: f64::INFINITY, noise: 1.0 }
    }
}

/// EDM's sampler.
///
/// ```text
/// d(x/α)/dϱ = ε(x, t):    x'/α' = x̂/α̂ + ½ (ϱ' − ϱ̂) (ε(x̂, t̂) + ε(x̃', t'))
/// ```
///
/// with `x̃'` Euler's step; a step to `ϱ' = 0` is Euler's, which is `x' = α' D`. Two evaluations,
/// order 2 without churn, weak order 1 with it.
///
/// # References
/// Karras et al. (2022), "Elucidating the design space of diffusion-based generative models",
/// alg. 2, there with `α = 1`.
/// # Checked by
/// `tests/it/diffusion_order.rs`, `tests/it/diffusion_law.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EdmHeun {
    /// The noise that is put back.
    pub churn: Churn,
}

impl EdmHeun {
    fn gamma(&self, leap: &Leap<'_>) -> f64 {
        let Churn { amount, from, to, .. } = self.churn;
        let inside = (from..=to).contains(&leap.ends.from.ratio());
        if inside { (amount / leap.steps as f64).min(SQRT_2 - 1.0) } else { 0.0 }
    }

    /// The state, the time and the scales after noise has been put back.
    fn churned(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
    ) -> (Tensor<2>, f64, Scales) {
        let (schedule, now) = (denoiser.schedule(), leap.ends.from);
        let gamma = self.gamma(leap);
        if gamma == 0.0 {
            return (x, leap.t, now);
        }
        let t = schedule.time_of_log_snr(now.log_snr() - gamma.ln_1p());
        let hat = Scales::at(schedule, t);
        let added = (hat.ratio().powi(2) - now.ratio().powi(2)).max(0.0).sqrt();
        let x = x.mul_scalar(hat.alpha / now.alpha);
        (leap.add_noise(x, hat.alpha * added * self.churn.noise), t, hat)
    }
}

impl DiffusionMethod for EdmHeun {
    type Memory = ();

    fn order(&self) -> usize {
        if self.is_stochastic() { 1 } else { 2 }
    }

    fn stages(&self) -> usize {
        2
    }

    fn is_stochastic(&self) -> bool {
        self.churn.amount > 0.0
    }

    fn check(&self) -> Result<(), SettingError> {
        let Churn { amount, from, to, noise } = self.churn;
        let finite = |v: f64| v >= 0.0 && v.is_finite();
        let least = "finite and at least 0";
        SettingError::unless(finite(amount), "S_churn", amount, least)?;
        SettingError::unless(finite(from), "S_tmin", from, least)?;
        SettingError::unless(finite(noise), "S_noise", noise, least)?;
        SettingError::unless(to >= from, "S_tmax", to, "at least S_tmin")
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        (): &mut (),
    ) -> Tensor<2> {
        let to = leap.ends.to;
        if !leap.ends.from.ratio().is_finite() {
            let (data, noise) = denoiser.posterior(x, Times::Same(leap.t));
            return data.mul_scalar(to.alpha) + noise.mul_scalar(to.sigma);
        }
        let (x, t, from) = self.churned(denoiser, x, leap);
        let (data, slope) = denoiser.posterior(x.clone(), Times::Same(t));
        if to.sigma == 0.0 {
            return data.mul_scalar(to.alpha);
        }
        let base = x.mul_scalar(to.alpha / from.alpha);
        let width = to.alpha * (to.ratio() - from.ratio());
        let ahead = base.clone() + slope.clone().mul_scalar(width);
        let (_, next) = denoiser.posterior(ahead, Times::Same(leap.next));
        base + (slope + next).mul_scalar(0.5 * width)
    }
}
