//! The validation rows' say: the lowest loss so far, its weights, and when to stop.

use crate::problem::Problem;
use crate::trainer::{Keep, LoopConfig, Training};
use crate::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A look at the validation rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// After which step.
    pub step: u64,
    /// The loss of the averaged weights on the validation rows.
    pub loss: f64,
}

/// What the looks so far have found.
///
/// ```text
/// best = argmin_k L_val(θ̄_k),    k = every, 2 every, …, the last step
/// stop when `patience` looks in a row have found nothing lower
/// ```
///
/// A loss that is not a number is never the lowest.
///
/// # References
/// Prechelt (1998), "Early stopping – but when?".
/// # Checked by
/// `tests/it/validation.rs`
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Watch {
    best: Option<Validation>,
    /// The best weights, where they are kept.
    weights: Option<Weights>,
    /// Looks since the best one.
    stale: u64,
}

/// Where the best weights stand in a checkpoint.
const BEST: &str = "best";

impl Watch {
    /// Looks, if it is time to: after every `validate_every` steps and after the last.
    pub(crate) fn look(
        &mut self,
        training: &dyn Training,
        problem: &Problem,
        config: &LoopConfig,
    ) -> Result<Option<Validation>, WeightsError> {
        let step = training.steps_done();
        let due = step.is_multiple_of(config.validate_every) || step == training.steps_total();
        if !due || problem.validation.is_empty() {
            return Ok(None);
        }
        let Some(loss) = training.validation_loss(&problem.validation)? else { return Ok(None) };
        let seen = Validation { step, loss };
        self.stale += 1;
        if loss.is_finite() && self.best.is_none_or(|best| loss < best.loss) {
            (self.best, self.stale) = (Some(seen), 0);
            self.weights = (config.keep == Keep::Best).then(|| training.weights());
        }
        Ok(Some(seen))
    }

    /// Whether patience has run out.
    pub(crate) fn tired(&self, patience: u64) -> bool {
        patience > 0 && self.stale >= patience
    }

    /// The lowest loss.
    pub(crate) fn best(&self) -> Option<Validation> {
        self.best
    }

    /// The weights that the finished model keeps.
    pub(crate) fn kept(&self, training: &dyn Training) -> Weights {
        self.weights.clone().unwrap_or_else(|| training.weights())
    }

    /// Writes itself into a checkpoint.
    pub(crate) fn save(&self, card: &mut Map<String, Value>, state: &mut Weights) {
        card.insert("stale".into(), self.stale.into());
        if let Some(best) = self.best {
            card.insert("best_step".into(), best.step.into());
            card.insert("best_loss".into(), best.loss.into());
        }
        if let Some(weights) = &self.weights {
            state.put(BEST, weights.clone());
        }
    }

    /// Reads itself back.
    pub(crate) fn load(card: &Map<String, Value>, state: &Weights) -> Self {
        let step = card.get("best_step").and_then(Value::as_u64);
        let loss = card.get("best_loss").and_then(Value::as_f64);
        let best = step.zip(loss).map(|(step, loss)| Validation { step, loss });
        let weights = Some(state.part(BEST)).filter(|weights| !weights.0.is_empty());
        let stale = card.get("stale").and_then(Value::as_u64).unwrap_or(0);
        Self { best, weights, stale }
    }
}
