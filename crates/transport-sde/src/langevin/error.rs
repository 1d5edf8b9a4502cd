//! What can go wrong with a sampler.

use super::Chains;

/// A plan that cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A step that is not a positive finite number.
    #[error("the step is {value}: a positive finite number")]
    Step {
        /// What was asked for.
        value: f64,
    },
    /// Nothing to draw.
    #[error("0 {what}: at least 1")]
    None {
        /// Draws, chains, or the distance between kept draws.
        what: &'static str,
    },
    /// An acceptance rate outside (0, 1).
    #[error("the target acceptance is {value}: a number between 0 and 1")]
    Acceptance {
        /// What was asked for.
        value: f64,
    },
}

/// A sampler that stopped.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A chain that starts where the density is zero.
    #[error("chain {chain} starts where the density is zero (log-density {value}, t = 0, step 0)")]
    ZeroDensity {
        /// Which chain, counted from 0.
        chain: usize,
        /// Its log-density: −∞ or NaN.
        value: f64,
    },
    /// A score or a position that is not finite.
    #[error("the {what} of chain {chain} is not finite at t = {t} (step {step})")]
    NotFinite {
        /// Score or position.
        what: &'static str,
        /// Which chain, counted from 0.
        chain: usize,
        /// The sum of the steps until then.
        t: f64,
        /// The step that reached it, counted from 1 over warm-up and draws; 0 is the start.
        step: usize,
    },
    /// The observer asked to stop.
    #[error("stopped after step {step}")]
    Stopped {
        /// Steps done.
        step: usize,
    },
}

/// A sampler that stopped, with what it had drawn until then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct Halted {
    /// Why.
    pub error: SampleError,
    /// The draws until then; none when it stopped in warm-up.
    pub chains: Chains,
}

/// Parameters that do not make a transform.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// Bounds that are not finite or not in order.
    #[error("the bounds [{low}, {high}] are not finite and increasing")]
    Bounds {
        /// The lower one.
        low: f64,
        /// The upper one.
        high: f64,
    },
    /// A block of no parameters.
    #[error("transform {index} has {width} parameters: at least {least}")]
    Width {
        /// Which transform of the list, counted from 0.
        index: usize,
        /// Its number of parameters.
        width: usize,
        /// The least it can have.
        least: usize,
    },
}
