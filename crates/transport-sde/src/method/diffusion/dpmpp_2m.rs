//! DPM-Solver++(2M): two evaluations make a line.

use super::exponential::{History, adams, correct, euler, rising_moments};
use super::{DiffusionMethod, Leap};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// How the slope between two evaluations enters a step; both are of order 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondOrder {
    /// The line's value in the middle of the step: `½ I₀(h) h`.
    #[default]
    Midpoint,
    /// The line's integral: `I₁(h)`. (The peers call it "heun".)
    Heun,
}

impl SecondOrder {
    /// The weights of `D₀` and of the evaluation at `−before` in a step of `h`.
    pub(super) fn weights(self, before: f64, h: f64, tau_squared: f64) -> Vec<f64> {
        match self {
            Self::Heun => adams(&[0.0, -before], h, tau_squared),
            Self::Midpoint => {
                let total = rising_moments((1.0 + tau_squared) * h, 1)[0];
                let older = -0.5 * total * h / before;
                vec![total - older, older]
            }
        }
    }
}

/// DPM-Solver++(2M).
///
/// ```text
/// x' = (σ'/σ) x + α' I₀(h) [ D + (h / 2h₋) (D − D₋) ]
/// ```
///
/// with `h₋` the step before. One evaluation a step, order 2: the first step, of order 1, costs
/// no order.
///
/// # References
/// Lu et al. (2022), "DPM-Solver++", alg. 2.
/// # Checked by
/// `tests/it/diffusion_order.rs`, `tests/it/diffusion_published.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dpmpp2M {
    /// How the slope enters.
    pub variant: SecondOrder,
    /// End in order 1 when there are fewer than 15 steps.
    pub lower_order_final: bool,
}

impl Default for Dpmpp2M {
    fn default() -> Self {
        Self { variant: SecondOrder::default(), lower_order_final: true }
    }
}

impl DiffusionMethod for Dpmpp2M {
    type Memory = History;

    fn order(&self) -> usize {
        2
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        false
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
        let x = euler(x, data, leap.ends, 0.0);
        match nodes.get(1) {
            None => x,
            Some(node) => {
                correct(x, leap.ends.to.alpha, &self.variant.weights(-node, h, 0.0), &values)
            }
        }
    }
}
