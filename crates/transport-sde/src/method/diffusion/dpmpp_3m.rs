//! DPM-Solver++(3M): three evaluations make a parabola.

use super::exponential::{History, adams, correct, euler, rising_moments};
use super::singlestep::advance;
use super::{DiffusionMethod, Leap, SecondOrder, Start};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// Which weights the parabola gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coefficients {
    /// The parabola's integral.
    #[default]
    Exact,
    /// As DPM-Solver's code and its descendants have them: the second difference with half its
    /// weight, which leaves order 2. Kept to reproduce their numbers.
    Published,
}

/// DPM-Solver++(3M).
///
/// ```text
/// x' = (σ'/σ) x + α' Σᵢ wᵢ Dᵢ,     wᵢ = ∫₀ʰ e^{−(h − u)} Lᵢ(u) du,     i = 0, 1, 2
/// ```
///
/// One evaluation a step. Order 3 with [`Coefficients::Exact`] and [`Start::Singlestep`], which
/// takes one evaluation more in the first step; otherwise 2.
///
/// # References
/// Lu et al. (2022), "DPM-Solver++", app. B; the weights are those of exponential Adams–Bashforth
/// (Hochbruck & Ostermann 2010, §2.5).
/// # Checked by
/// `tests/it/diffusion_order.rs`, which also sees the published weights at order 2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dpmpp3M {
    /// The weights.
    pub coefficients: Coefficients,
    /// The first step.
    pub start: Start,
    /// End in orders 2 and 1 when there are fewer than 15 steps.
    pub lower_order_final: bool,
}

impl Default for Dpmpp3M {
    fn default() -> Self {
        let (coefficients, start) = (Coefficients::default(), Start::default());
        Self { coefficients, start, lower_order_final: true }
    }
}

impl Dpmpp3M {
    fn weights(&self, nodes: &[f64], h: f64) -> Vec<f64> {
        let exact = adams(nodes, h, 0.0);
        match (self.coefficients, nodes) {
            (Coefficients::Exact, _) => exact,
            (Coefficients::Published, [_, u]) => SecondOrder::Midpoint.weights(-u, h, 0.0),
            (Coefficients::Published, [_, u, w]) => {
                // The second divided difference is Σᵢ Dᵢ / Πⱼ(uᵢ − uⱼ); half its weight I₂ is gone.
                let missing = 0.5 * rising_moments(h, 3)[2];
                let difference = [1.0 / (u * w), 1.0 / (u * (u - w)), 1.0 / (w * (w - u))];
                exact.iter().zip(difference).map(|(e, d)| e - missing * d).collect()
            }
            (Coefficients::Published, _) => exact,
        }
    }
}

impl DiffusionMethod for Dpmpp3M {
    type Memory = History;

    fn order(&self) -> usize {
        match (self.coefficients, self.start) {
            (Coefficients::Exact, Start::Singlestep) => 3,
            _ => 2,
        }
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
        let origin = leap.ends.from.log_snr();
        memory.push(origin, data.clone(), 3);
        let order = leap.allowed_order(3, self.lower_order_final);
        let (nodes, values) = memory.latest(order, origin);
        if nodes.len() == 1 && order > 1 && self.start == Start::Singlestep {
            return advance(2, denoiser, x, data, leap);
        }
        let x = euler(x, data, leap.ends, 0.0);
        correct(x, leap.ends.to.alpha, &self.weights(&nodes, leap.ends.log_snr_gap()), &values)
    }
}
