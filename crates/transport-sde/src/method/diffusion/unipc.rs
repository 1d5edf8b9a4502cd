//! UniPC: a predictor whose next evaluation also corrects it.

use super::exponential::{History, adams, correct, euler, rising_moments};
use super::singlestep::advance;
use super::{DiffusionMethod, Ends, Leap, SettingError, Start};
use burn::tensor::Tensor;
use transport_core::{Denoiser, Times};

/// `B(h)`, which weighs a single difference; with two or more it cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bh {
    /// `B₁ = h`.
    One,
    /// `B₂ = 1 − e^{−h}`, the usual one.
    #[default]
    Two,
}

/// UniPC of order p on the data prediction.
///
/// ```text
/// UniP-p   x̃' = (σ'/σ) x + α' I₀ D + α' Σᵢ wᵢ (Dᵢ − D),            p evaluations, the last p
/// UniC-p   x' = (σ'/σ) x + α' I₀ D + α' Σᵢ cᵢ (Dᵢ − D),            and D(x̃', t') as one more
/// ```
///
/// `w` and `c` integrate the interpolating polynomial against `e^{−(h − u)}`; a single difference
/// gets `½ B(h) h/uᵢ` instead. The corrector waits for the evaluation that the next step makes
/// anyway, so a step costs one. The states that are seen from outside are predictions; the last
/// one stays a prediction.
///
/// The order is p + 1, since the corrector has it and a prediction from corrected states has it
/// too; for p = 3 that needs [`Start::Singlestep`] (two evaluations more in the first step), and
/// is 3 without.
///
/// # References
/// Zhao et al. (2023), "UniPC: a unified predictor-corrector framework", alg. 1 and 2, thm 3.1.
/// # Checked by
/// `tests/it/diffusion_order.rs`, `tests/it/diffusion_published.rs`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniPc {
    /// p, from 1 to 3.
    pub order: usize,
    /// `B(h)`.
    pub bh: Bh,
    /// The first step, where p = 3.
    pub start: Start,
    /// End in lower orders when there are fewer than 15 steps.
    pub lower_order_final: bool,
}

impl Default for UniPc {
    fn default() -> Self {
        let (bh, start) = (Bh::default(), Start::default());
        Self { order: 2, bh, start, lower_order_final: true }
    }
}

/// What a [`UniPc`] carries: the evaluations, and the step that is to be corrected.
#[derive(Debug, Default)]
pub struct Prediction {
    history: History,
    last: Option<Predicted>,
}

#[derive(Debug)]
struct Predicted {
    x: Tensor<2>,
    ends: Ends,
    order: usize,
}

impl UniPc {
    fn weights(&self, nodes: &[f64], h: f64) -> Vec<f64> {
        match (nodes, self.bh) {
            ([_, u], Bh::One) => vec![0.0, 0.5 * h * h / u],
            ([_, u], Bh::Two) => vec![0.0, 0.5 * rising_moments(h, 1)[0] * h / u],
            _ => adams(nodes, h, 0.0),
        }
    }

    /// The last step again, with the evaluation at its end.
    fn corrected(&self, last: &Predicted, history: &History, data: &Tensor<2>) -> Tensor<2> {
        let h = last.ends.log_snr_gap();
        let (mut nodes, mut values) = history.latest(last.order, last.ends.from.log_snr());
        let x = euler(last.x.clone(), values[0].clone(), last.ends, 0.0);
        nodes.push(h);
        values.push(data);
        correct(x, last.ends.to.alpha, &self.weights(&nodes, h), &values)
    }
}

impl DiffusionMethod for UniPc {
    type Memory = Prediction;

    fn order(&self) -> usize {
        match self.start {
            Start::Singlestep => self.order + 1,
            Start::Lower => (self.order + 1).min(3),
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
        SettingError::unless(holds, "the order of UniPC", self.order as f64, "1, 2 or 3")
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
            Some(last) => self.corrected(&last, &memory.history, &data),
            None => x,
        };
        let (origin, ends) = (leap.ends.from.log_snr(), leap.ends);
        memory.history.push(origin, data.clone(), self.order);
        let allowed = leap.allowed_order(self.order, self.lower_order_final);
        let (nodes, values) = memory.history.latest(allowed, origin);
        if nodes.len() == 1 && allowed == 3 && self.start == Start::Singlestep {
            // Of the order that a corrector would give it; there is nothing left to correct.
            return advance(3, denoiser, x, data, leap);
        }
        let predicted = euler(x.clone(), data, ends, 0.0);
        let weights = self.weights(&nodes, ends.log_snr_gap());
        let predicted = correct(predicted, ends.to.alpha, &weights, &values);
        if ends.log_snr_gap().is_finite() {
            memory.last = Some(Predicted { x, ends, order: nodes.len() });
        }
        predicted
    }
}
