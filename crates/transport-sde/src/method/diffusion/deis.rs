//! DEIS: exponential Adams–Bashforth in the noise prediction.

use super::exponential::{History, correct, falling_moments, weights};
use super::singlestep::advance;
use super::{DiffusionMethod, Leap, SettingError, Start};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// DEIS (tAB) of order 1, 2 or 3, the noise interpolated in λ.
///
/// ```text
/// x'/α' = x/α − ϱ Σᵢ wᵢ εᵢ,     ϱ = σ/α = e^{−λ},     wᵢ = ∫₀ʰ e^{−u} Lᵢ(u) du
/// ```
///
/// The integrals are in closed form (Zhang & Chen take them by quadrature in t; in λ, which is
/// their "log ϱ", they are elementary). One evaluation a step. Order 3 needs
/// [`Start::Singlestep`], one evaluation more in the first step, and is 2 without.
///
/// # References
/// Zhang & Chen (2023), "Fast sampling of diffusion models with exponential integrator", eqs. (14)
/// and (15).
/// # Checked by
/// `tests/it/diffusion_order.rs`, `tests/it/diffusion_published.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deis {
    /// From 1 to 3.
    pub order: usize,
    /// The first step, where the order is 3.
    pub start: Start,
    /// End in lower orders when there are fewer than 15 steps.
    pub lower_order_final: bool,
}

impl Default for Deis {
    fn default() -> Self {
        Self { order: 3, start: Start::default(), lower_order_final: true }
    }
}

impl DiffusionMethod for Deis {
    type Memory = History;

    fn order(&self) -> usize {
        match self.start {
            Start::Singlestep => self.order,
            Start::Lower => self.order.min(2),
        }
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), SettingError> {
        let holds = (1..=3).contains(&self.order);
        SettingError::unless(holds, "the order of DEIS", self.order as f64, "1, 2 or 3")
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        memory: &mut History,
    ) -> Tensor<2> {
        let (data, noise) = denoiser.posterior(x.clone(), Times::Same(leap.t));
        let (origin, ends) = (leap.ends.from.log_snr(), leap.ends);
        memory.push(origin, noise.clone(), self.order);
        let allowed = leap.allowed_order(self.order, self.lower_order_final);
        let (nodes, values) = memory.latest(allowed, origin);
        if nodes.len() == 1 && allowed == 3 && self.start == Start::Singlestep {
            return advance(2, denoiser, x, data, leap);
        }
        let first = data.mul_scalar(ends.to.alpha) + noise.mul_scalar(ends.to.sigma);
        if nodes.len() == 1 {
            return first;
        }
        let weights = weights(&nodes, &falling_moments(ends.log_snr_gap(), nodes.len()));
        correct(first, -ends.to.alpha * ends.from.ratio(), &weights, &values)
    }
}
