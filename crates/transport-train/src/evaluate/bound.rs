//! The log-density bound of held-out rows, for models that have one in the place of a density.

use crate::run::{Run, RunError};
use serde::Serialize;
use std::f64::consts::LN_2;
use transport_core::Noise;

/// A mean over held-out rows, in nats, with its standard error over rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeldOutBound {
    /// The mean lower bound of a row.
    pub nats: f64,
    /// Its standard error.
    pub std_err: f64,
    /// Rows that it is over.
    pub rows: usize,
    /// Rows left out: they leave a column that was constant in training, and have no chance.
    pub off_support: usize,
    /// Whether the log of a probability is bounded rather than of a density.
    pub discrete: bool,
    /// Values of a row, by which bits per dimension are counted.
    pub dim: usize,
}

impl HeldOutBound {
    /// `−nats/(D log 2)`, an upper bound of the bits per dimension, with its standard error; of
    /// discrete data.
    #[must_use]
    pub fn bits_per_dim(&self) -> Option<(f64, f64)> {
        let scale = self.dim as f64 * LN_2;
        self.discrete.then_some((-self.nats / scale, self.std_err / scale))
    }
}

/// The importance-weighted bound of a run's held-out rows, `draws` draws a row; `None` when the
/// model has no bound or nothing was held out.
///
/// # Errors
/// [`RunError`] when the data cannot be loaded again or a value is not finite.
pub fn held_out_bound(
    run: &Run,
    draws: usize,
    seed: u64,
) -> Result<Option<HeldOutBound>, RunError> {
    if !run.bounds_density()? {
        return Ok(None);
    }
    let problem = run.problem()?;
    let (test, scaler) = (&problem.test, &problem.schema.scaler);
    if test.rows() == 0 {
        return Ok(None);
    }
    let noise = Noise::new(seed, test.rows()).purpose("bound");
    let contexts = (problem.rows.context_dim > 0).then_some(&problem.test_contexts[..]);
    let bound = run.bound_of_states(&scaler.transform(test)?, contexts, draws, &noise)?;
    let log_det = scaler.log_abs_dets(test);
    let on = |i: &usize| scaler.off_support(test.row(*i)).is_none();
    let value = |i: usize| bound.values[i] + if bound.discrete { 0.0 } else { log_det[i] };
    let values: Vec<f64> = (0..test.rows()).filter(on).map(value).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let n = values.len() as f64;
    let nats = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - nats).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Ok(Some(HeldOutBound {
        nats,
        std_err: (variance / n).sqrt(),
        rows: values.len(),
        off_support: test.rows() - values.len(),
        discrete: bound.discrete,
        dim: problem.schema.names.len(),
    }))
}
