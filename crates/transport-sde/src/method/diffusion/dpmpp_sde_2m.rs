//! DPM-Solver++(SDE-2M): the second-order step of the reversed SDE.

use super::exponential::{History, correct, euler, noise_scale};
use super::{DiffusionMethod, Leap, SecondOrder, SettingError};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// DPM-Solver++(SDE-2M).
///
/// ```text
/// x' = (σ'/σ) e^{−ηh} x + α' I₀((1 + η)h) [ D + (h / 2h₋) (D − D₋) ] + σ' √(1 − e^{−2ηh}) z
/// ```
///
/// η = 1 is Anderson's reversal, η = 0 is [`Dpmpp2M`](super::Dpmpp2M). The noise is exact, the
/// line is not: weak order 1, order 2 as η → 0.
///
/// # References
/// Lu et al. (2022), "DPM-Solver++", app. C, for η = 1.
/// # Checked by
/// `tests/it/diffusion_law.rs`, `tests/it/diffusion_order.rs` at η = 0
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DpmppSde2M {
    /// The noise, τ² of the family: at least 0.
    pub eta: f64,
    /// How the slope enters.
    pub variant: SecondOrder,
    /// End in order 1 when there are fewer than 15 steps.
    pub lower_order_final: bool,
}

impl Default for DpmppSde2M {
    fn default() -> Self {
        Self { eta: 1.0, variant: SecondOrder::default(), lower_order_final: true }
    }
}

impl DiffusionMethod for DpmppSde2M {
    type Memory = History;

    fn order(&self) -> usize {
        if self.eta > 0.0 { 1 } else { 2 }
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        self.eta > 0.0
    }

    fn check(&self) -> Result<(), SettingError> {
        let holds = self.eta >= 0.0 && self.eta.is_finite();
        SettingError::unless(holds, "eta", self.eta, "finite and at least 0")
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        memory: &mut History,
    ) -> Tensor<2> {
        let data = denoiser.data(x.clone(), Times::Same(leap.t));
        let (origin, h) = (leap.ends.from.log_snr(), leap.ends.log_snr_gap());
        memory.push(origin, data.clone(), 2);
        let order = leap.allowed_order(2, self.lower_order_final);
        let (nodes, values) = memory.latest(order, origin);
        let mut x = euler(x, data, leap.ends, self.eta);
        if let Some(node) = nodes.get(1) {
            let weights = self.variant.weights(-node, h, self.eta);
            x = correct(x, leap.ends.to.alpha, &weights, &values);
        }
        leap.add_noise(x, noise_scale(leap.ends, self.eta))
    }
}
