//! SA-Solver: stochastic Adams, predictor and corrector.

use super::exponential::{History, adams, correct, euler, noise_scale};
use super::{DiffusionMethod, Ends, Leap, SettingError};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// SA-Solver: exponential Adams on the SDE of noise level τ.
///
/// ```text
/// predict   x̃' = (σ'/σ) e^{−τ²h} x + α' Σᵢ wᵢ Dᵢ + σ' √(1 − e^{−2τ²h}) z
/// correct   x'  = the same with D(x̃', t') among the nodes, and the same z
/// wᵢ = ∫₀ʰ (1 + τ²) e^{−(1 + τ²)(h − u)} Lᵢ(u) du
/// ```
///
/// As in [`UniPc`](super::UniPc) the corrector waits for the next step's evaluation, so a step
/// costs one. With τ = 0 it is deterministic, of order `min(predictor, corrector) + 1` as far as
/// its first, second-order step allows, which is 3; with τ > 0 of weak order 1, with an error
/// whose leading part shrinks with τ².
///
/// # References
/// Xue et al. (2023), "SA-Solver: stochastic Adams solver for fast sampling of diffusion models",
/// alg. 1, thms 5.1 and 5.2.
/// # Checked by
/// `tests/it/diffusion_law.rs`, `tests/it/diffusion_order.rs` at τ = 0
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SaSolver {
    /// Evaluations that the predictor interpolates: 1 to 3.
    pub predictor: usize,
    /// Evaluations that the corrector interpolates beside the new one: 1 to 3, or 0 for none.
    pub corrector: usize,
    /// τ: 0 is the probability flow, 1 Anderson's reversal.
    pub tau: f64,
    /// The levels `σ/α` between which τ holds; it is 0 elsewhere.
    pub window: (f64, f64),
    /// End in lower orders when there are fewer than 15 steps.
    pub lower_order_final: bool,
}

impl Default for SaSolver {
    fn default() -> Self {
        let window = (0.0, f64::INFINITY);
        Self { predictor: 2, corrector: 2, tau: 1.0, window, lower_order_final: true }
    }
}

/// What an [`SaSolver`] carries: the evaluations, and the step that is to be corrected.
#[derive(Debug, Default)]
pub struct Prediction {
    history: History,
    last: Option<Predicted>,
}

#[derive(Debug)]
struct Predicted {
    x: Tensor<2>,
    ends: Ends,
    tau_squared: f64,
    nodes: usize,
    /// The noise that was added.
    noise: Option<Tensor<2>>,
}

impl SaSolver {
    fn tau_squared(&self, ends: Ends) -> f64 {
        let (low, high) = self.window;
        let inside = (low..=high).contains(&ends.from.ratio());
        if inside { self.tau * self.tau } else { 0.0 }
    }

    /// The last step again, with the evaluation at its end and the noise it had.
    fn corrected(last: Predicted, history: &History, data: &Tensor<2>) -> Tensor<2> {
        let (ends, tau_squared) = (last.ends, last.tau_squared);
        let (mut nodes, mut values) = history.latest(last.nodes, ends.from.log_snr());
        let x = euler(last.x, values[0].clone(), ends, tau_squared);
        nodes.push(ends.log_snr_gap());
        values.push(data);
        let weights = adams(&nodes, ends.log_snr_gap(), tau_squared);
        let x = correct(x, ends.to.alpha, &weights, &values);
        match last.noise {
            Some(noise) => x + noise,
            None => x,
        }
    }
}

impl DiffusionMethod for SaSolver {
    type Memory = Prediction;

    fn order(&self) -> usize {
        match (self.tau > 0.0, self.corrector) {
            (true, _) => 1,
            (false, 0) => self.predictor.min(2),
            (false, corrector) => (self.predictor.min(corrector) + 1).min(3),
        }
    }

    fn stages(&self) -> usize {
        1
    }

    fn is_stochastic(&self) -> bool {
        self.tau > 0.0
    }

    fn check(&self) -> Result<(), SettingError> {
        let (p, c) = (self.predictor, self.corrector);
        SettingError::unless((1..=3).contains(&p), "the predictor", p as f64, "1, 2 or 3")?;
        SettingError::unless(c <= 3, "the corrector", c as f64, "0, 1, 2 or 3")?;
        let holds = self.tau >= 0.0 && self.tau.is_finite();
        SettingError::unless(holds, "tau", self.tau, "finite and at least 0")?;
        let (low, high) = self.window;
        SettingError::unless(low <= high, "the window's end", high, "at least its start")
    }

    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        memory: &mut Prediction,
    ) -> Tensor<2> {
        let data = denoiser.data(x.clone(), Times::Same(leap.t));
        let x = match memory.last.take() {
            Some(last) => Self::corrected(last, &memory.history, &data),
            None => x,
        };
        let (origin, ends) = (leap.ends.from.log_snr(), leap.ends);
        let tau_squared = self.tau_squared(ends);
        memory.history.push(origin, data.clone(), self.predictor.max(self.corrector));
        let allowed = leap.allowed_order(self.predictor, self.lower_order_final);
        let (nodes, values) = memory.history.latest(allowed, origin);
        let mut predicted = euler(x.clone(), data, ends, tau_squared);
        if nodes.len() > 1 {
            let weights = adams(&nodes, ends.log_snr_gap(), tau_squared);
            predicted = correct(predicted, ends.to.alpha, &weights, &values);
        }
        let scale = noise_scale(ends, tau_squared);
        let noise = (scale > 0.0).then(|| leap.normal(&x).mul_scalar(scale));
        if self.corrector > 0 && ends.log_snr_gap().is_finite() {
            let (noise, nodes) = (noise.clone(), self.corrector);
            memory.last = Some(Predicted { x, ends, tau_squared, nodes, noise });
        }
        match noise {
            Some(noise) => predicted + noise,
            None => predicted,
        }
    }
}
