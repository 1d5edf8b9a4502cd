//! The only loop: carries a batch through a grid, one step of a method at a time.

use crate::grid::Grid;
use burn::tensor::Tensor;
use transport_core::device::{is_host, to_host};
use transport_kernels::norms::is_finite;

/// A method bound to its dynamics, ready to step.
pub trait Stepper {
    /// The state at `t + h` from the state at `t`; `k` counts the steps of the grid.
    ///
    /// # Errors
    /// [`SolveError`] when the step cannot be completed. A state that is not finite is left to
    /// [`drive`].
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError>;

    /// Evaluations of the dynamics so far.
    fn evals(&self) -> usize;

    /// The work so far. A stepper that counts nothing but evaluations leaves the rest at 0.
    fn statistics(&self) -> Statistics {
        Statistics { evals: self.evals(), ..Statistics::default() }
    }
}

/// The work of an integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Steps kept, each row counted.
    pub accepted: usize,
    /// Steps refused, each row counted.
    pub rejected: usize,
    /// Evaluations of the dynamics, each on a batch.
    pub evals: usize,
    /// The rows in those batches.
    pub rows: usize,
}

/// Integration that failed numerically.
///
/// Rows are counted from 0 in the fields and from 1 in the words.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolveError {
    /// A tolerance that asks for steps below the resolution of the Brownian path.
    #[error(
        "row {} needs a step of {h} at t = {t}, below the Brownian path's resolution {leaf} \
         (step {step} of the grid, after {evals} evaluations)",
        .row + 1
    )]
    BelowResolution {
        /// The time that the row reached.
        t: f64,
        /// The step that it needs.
        h: f64,
        /// The smallest step that the path allows.
        leaf: f64,
        /// The row of the batch.
        row: usize,
        /// The step of the grid, counted from 1.
        step: usize,
        /// Evaluations of the dynamics until then.
        evals: usize,
    },
    /// A state that is not finite.
    #[error("row {} is not finite at t = {t} (step {step}, after {evals} evaluations)", .row + 1)]
    NotFinite {
        /// The time reached.
        t: f64,
        /// The first such row of the batch.
        row: usize,
        /// The step that reached it, counted from 1.
        step: usize,
        /// Evaluations of the dynamics until then.
        evals: usize,
    },
    /// It was told to stop.
    #[error("stopped at t = {t} (before step {step}, after {evals} evaluations)")]
    Halted {
        /// The time reached.
        t: f64,
        /// The step that was not taken, counted from 1.
        step: usize,
        /// Evaluations of the dynamics until then.
        evals: usize,
    },
    /// A row that has used up its steps.
    #[error(
        "row {} has used its {steps} steps at t = {t} (step {step} of the grid, after {evals} \
         evaluations)",
        .row + 1
    )]
    Budget {
        /// The time that the row reached.
        t: f64,
        /// The row of the batch.
        row: usize,
        /// Steps tried for it.
        steps: usize,
        /// The step of the grid, counted from 1.
        step: usize,
        /// Evaluations of the dynamics until then.
        evals: usize,
    },
    /// A tolerance that asks for steps which are lost in the rounding of the time.
    #[error(
        "row {} needs a step of {h} at t = {t}, where it is lost in rounding (step {step} of \
         the grid, after {evals} evaluations)",
        .row + 1
    )]
    StepTooSmall {
        /// The time that the row reached.
        t: f64,
        /// The step that it needs.
        h: f64,
        /// The row of the batch.
        row: usize,
        /// The step of the grid, counted from 1.
        step: usize,
        /// Evaluations of the dynamics until then.
        evals: usize,
    },
}

/// Integrates from the grid's first time to its last; `observe(k, t, x)` sees each state,
/// the initial one as `k = 0`.
///
/// Finiteness is checked at each step on host devices, where looking is free of transfers, and at
/// the last step on others.
///
/// # Errors
/// [`SolveError`]: a step's own, or [`SolveError::NotFinite`] with the first time at which it was
/// noticed.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, d]`.
pub fn drive(
    stepper: &mut dyn Stepper,
    x: Tensor<2>,
    grid: &Grid,
    mut observe: impl FnMut(usize, f64, &Tensor<2>),
) -> Result<Tensor<2>, SolveError> {
    let times = grid.times();
    let (last, look) = (times.len() - 1, looks(&x));
    let mut x = x;
    observe(0, times[0], &x);
    for (k, ends) in times.windows(2).enumerate() {
        x = stepper.step(k, x, ends[0], ends[1] - ends[0])?;
        if look || k + 1 == last {
            check_finite(&x, ends[1], k + 1, stepper.evals())?;
        }
        observe(k + 1, ends[1], &x);
    }
    Ok(x)
}

/// Whether each step is looked at: where that is free of transfers.
pub(crate) fn looks(x: &Tensor<2>) -> bool {
    is_host(&x.device())
}

/// That a state is finite.
pub(crate) fn check_finite(
    x: &Tensor<2>,
    t: f64,
    step: usize,
    evals: usize,
) -> Result<(), SolveError> {
    if is_finite(x) {
        return Ok(());
    }
    let d = x.dims()[1].max(1);
    let place = to_host(x.clone()).into_iter().position(|v| !v.is_finite()).unwrap_or(0);
    Err(SolveError::NotFinite { t, row: place.div_euclid(d), step, evals })
}

impl SolveError {
    /// The same failure, of rows that begin at row `first` of a larger batch.
    #[must_use]
    pub fn in_batch(mut self, first: usize) -> Self {
        match &mut self {
            Self::BelowResolution { row, .. }
            | Self::NotFinite { row, .. }
            | Self::Budget { row, .. }
            | Self::StepTooSmall { row, .. } => *row += first,
            Self::Halted { .. } => {}
        }
        self
    }
}
