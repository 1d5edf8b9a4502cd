//! Flows fitted to unnormalised densities: variational inference without data.
//!
//! ```text
//! min_q KL(q ‖ p),   p = p̃/Z,   q = T_# μ₀;      log Z ≈ log mean p̃(x)/q(x),  x ~ q
//! ```
//!
//! | item | is |
//! |---|---|
//! | [`fit`] | the one trainer on [`crate::objective::ReverseKl`] |
//! | [`log_weights`] | `log p̃ − log q` at points of the flow |
//! | [`Importance`] | `log Z` with its standard error, ESS, ELBO, `k̂` |
//! | [`psis()`] | Pareto-smoothed weights |

mod importance;
mod psis;

pub use importance::{Importance, ImportanceError};
pub use psis::{GeneralisedPareto, Psis, khat_threshold, psis};

use crate::batch::Rows;
use crate::objective::ReverseKl;
use crate::optim::OptimConfig;
use crate::trainer::{LoopConfig, StepReport, Trainer, Training};
use crate::weights::WeightsError;
use std::ops::ControlFlow;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::{Density, Noise, Space};
pub use transport_models::FlowConfig;
use transport_models::flow::Reading;
use transport_models::{Flow, FlowError};

/// How a flow is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The flow.
    pub flow: FlowConfig,
    /// Steps, points of a step, seed.
    pub train: LoopConfig,
    /// The optimiser.
    pub optim: OptimConfig,
    /// Data and the weight λ of the forward divergence to them; `None` for the reverse one alone.
    pub data: Option<(Arc<Rows>, f64)>,
}

/// A fit that did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The flow.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// A weight of the forward divergence outside `[0, 1]`.
    #[error("the weight of the forward divergence is {value}: at least 0 and at most 1")]
    Weight {
        /// Its value.
        value: f64,
    },
    /// Data of another width than the target.
    #[error("the data have {found} columns and the target {expected}")]
    Columns {
        /// The target's.
        expected: usize,
        /// The data's.
        found: usize,
    },
    /// No steps, or steps of no points.
    #[error("{what} is 0: at least 1")]
    Nothing {
        /// What there is none of.
        what: &'static str,
    },
    /// The loss is not a number any more.
    #[error(
        "the loss is {loss} at step {step}: the flow has left the target, or the target is not finite (a lower learning rate usually helps)"
    )]
    Diverged {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// Told to stop.
    #[error("stopped after step {step}")]
    Stopped {
        /// The steps taken.
        step: u64,
    },
    /// Never, for weights of the flow's own.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Fits a flow on `dim` coordinates to `target`; `watch` sees each step and may stop it.
///
/// The flow returned has the moving average of the weights.
///
/// # Errors
/// [`FitError`] when the plan is no plan or the loss is not finite.
pub fn fit(
    target: &dyn Density,
    dim: usize,
    plan: &Plan,
    space: &Space,
    watch: &mut dyn FnMut(&StepReport) -> ControlFlow<()>,
) -> Result<Flow, FitError> {
    let (rows, forward) = rows(dim, plan)?;
    let init = Noise::new(plan.train.seed, 1);
    let flow = Flow::new(&plan.flow, dim, 0, &init, space)?;
    // The way back of an inverse autoregressive flow is d passes: dearer than the noise it saves.
    let path = plan.flow.reading != Reading::Inverse;
    let objective = ReverseKl { target, forward, path };
    let mut training = Trainer::new(flow.clone(), objective, rows, plan.train, plan.optim, space);
    while training.steps_done() < training.steps_total() {
        let report = training.step();
        let StepReport { step, loss, gradient_norm, .. } = report;
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Err(FitError::Diverged { step, loss });
        }
        if watch(&report).is_break() {
            return Err(FitError::Stopped { step });
        }
    }
    Ok(training.weights().fill(flow)?)
}

/// What the trainer walks through: the data, or as many blank rows as a step has points.
fn rows(dim: usize, plan: &Plan) -> Result<(Arc<Rows>, f64), FitError> {
    let LoopConfig { steps, batch_size, .. } = plan.train;
    if steps == 0 || batch_size == 0 {
        let what = if steps == 0 { "the number of steps" } else { "the batch size" };
        return Err(FitError::Nothing { what });
    }
    let Some((rows, forward)) = &plan.data else {
        let blank = Rows::plain(vec![0.0; batch_size * dim], dim);
        return Ok((Arc::new(blank), 0.0));
    };
    if !(0.0..=1.0).contains(forward) {
        return Err(FitError::Weight { value: *forward });
    }
    if rows.dim != dim || rows.context_dim > 0 {
        return Err(FitError::Columns { expected: dim, found: rows.dim + rows.context_dim });
    }
    if rows.is_empty() {
        return Err(FitError::Nothing { what: "the number of data rows" });
    }
    Ok((Arc::clone(rows), *forward))
}

/// Points of the flow, row-major, and their `log p̃(x) − log q(x)`.
///
/// Computed in the space of the flow's weights, in chunks that change no bit.
///
/// # Panics
/// When the flow takes a context.
#[must_use]
pub fn log_weights(
    flow: &Flow,
    target: &dyn Density,
    noise: &Noise,
    space: &Space,
) -> (Vec<f64>, Vec<f64>) {
    const CHUNK: usize = 1024;
    let (mut points, mut weights) = (Vec::new(), Vec::new());
    for first in (0..noise.len()).step_by(CHUNK) {
        let rows = first..(first + CHUNK).min(noise.len());
        let drawn = flow.draw(&noise.rows(rows), None, space);
        let log_weight = target.log_prob(drawn.x.clone()) - drawn.log_prob;
        points.extend(to_host(drawn.x));
        weights.extend(to_host(log_weight));
    }
    (points, weights)
}
