//! Log-densities of rows: exact, by probes, and bounds.

use super::{Encoded, Run, RunError};
use crate::config::SampleConfig;
use crate::registry::{Bound, Estimated};
use transport_core::Noise;
use transport_data::Table;
use transport_sde::likelihood::{Hutchinson, Variational};

impl Run {
    /// The log-density of rows, in nats and per unit of the data's own volume.
    ///
    /// Columns are taken by name where the names are the model's, else in order. Columns that
    /// were constant in training carry no density: a row that leaves them gets `−∞`.
    ///
    /// # Errors
    /// [`RunError`] when the model has no density, the columns do not fit, a context is missing, or
    /// a row lies outside the support of a bounded law.
    pub fn log_prob(&self, x: &Table) -> Result<Vec<f64>, RunError> {
        self.log_prob_by(x, self.card.config.sample)
    }

    /// [`Run::log_prob`] with the steps of another plan, where the model integrates a flow.
    ///
    /// # Errors
    /// As [`Run::log_prob`].
    pub fn log_prob_by(&self, x: &Table, plan: SampleConfig) -> Result<Vec<f64>, RunError> {
        let Encoded { features, states, contexts } = self.encoded(x)?;
        let log_prob = self.generator.log_prob(&states, contexts.as_deref(), &plan)?;
        let log_prob = log_prob.ok_or_else(|| self.no_density())?;
        let log_det = self.card.schema.scaler.log_abs_dets(&features);
        let values = log_prob.iter().zip(log_det).map(|(v, log_det)| v + log_det).collect();
        Ok(self.on_support(&features, values))
    }

    /// An unbiased estimate of the log-density of rows by random probes along the flow, with the
    /// standard error of each: for many columns, where [`Run::log_prob`] takes a derivative for
    /// each of them. `None` when the model follows no flow.
    ///
    /// # Errors
    /// As [`Run::log_prob`].
    pub fn log_prob_estimate(
        &self,
        x: &Table,
        trace: Hutchinson,
        plan: SampleConfig,
        seed: u64,
    ) -> Result<Option<Estimated>, RunError> {
        let Encoded { features, states, contexts } = self.encoded(x)?;
        let noise = Noise::new(seed, features.rows()).purpose("estimate");
        let found = self.generator.estimate(&states, contexts.as_deref(), &plan, trace, &noise)?;
        Ok(found.map(|found| self.in_data_units(&features, found)))
    }

    /// The variational bound of the log-density of rows, from below, with the standard error of
    /// each; `None` when the model is no diffusion. It bounds the law of the stochastic reversal.
    ///
    /// # Errors
    /// As [`Run::log_prob`].
    pub fn variational_bound(
        &self,
        x: &Table,
        levels: Variational,
        seed: u64,
    ) -> Result<Option<Estimated>, RunError> {
        let Encoded { features, states, contexts } = self.encoded(x)?;
        let noise = Noise::new(seed, features.rows()).purpose("variational");
        let found = self.generator.variational(&states, contexts.as_deref(), levels, &noise)?;
        Ok(found.map(|found| self.in_data_units(&features, found)))
    }

    fn in_data_units(&self, features: &Table, found: Estimated) -> Estimated {
        let log_det = self.card.schema.scaler.log_abs_dets(features);
        let values = found.values.iter().zip(log_det).map(|(v, log_det)| v + log_det).collect();
        Estimated { values: self.on_support(features, values), ..found }
    }

    /// A lower bound of the log-density of rows for a model that has no density but bounds it: the
    /// importance-weighted bound of `draws` draws a row, which rises towards the log-density with
    /// them. In nats and per unit of the data's volume; of discrete data the log of a probability.
    ///
    /// Columns and contexts are found as by [`Run::log_prob`].
    ///
    /// # Errors
    /// [`RunError`] when the model bounds no density, `draws` is 0, or as [`Run::log_prob`].
    pub fn log_prob_bound(&self, x: &Table, draws: usize, seed: u64) -> Result<Bound, RunError> {
        if draws == 0 {
            return Err(RunError::NoSamples);
        }
        let Encoded { features, states, contexts } = self.encoded(x)?;
        let noise = Noise::new(seed, features.rows()).purpose("bound");
        let mut bound = self.bound_of_states(&states, contexts.as_deref(), draws, &noise)?;
        let values = match bound.discrete {
            true => bound.values,
            false => {
                let log_det = self.card.schema.scaler.log_abs_dets(&features);
                bound.values.iter().zip(log_det).map(|(v, log_det)| v + log_det).collect()
            }
        };
        bound.values = self.on_support(&features, values);
        Ok(bound)
    }

    /// The bound in the model's space of encoded rows.
    pub(crate) fn bound_of_states(
        &self,
        states: &[f64],
        contexts: Option<&[f32]>,
        draws: usize,
        noise: &Noise,
    ) -> Result<Bound, RunError> {
        let bound = self.generator.bound(states, contexts, draws, noise)?;
        bound.ok_or_else(|| self.no_density())
    }

    /// The log-density in the model's space of encoded rows.
    pub(crate) fn log_prob_of_states(
        &self,
        states: &[f64],
        contexts: Option<&[f32]>,
    ) -> Result<Vec<f64>, RunError> {
        let log_prob = self.generator.log_prob(states, contexts, &self.card.config.sample)?;
        log_prob.ok_or_else(|| self.no_density())
    }

    fn no_density(&self) -> RunError {
        RunError::NoDensity { model: self.card.config.model.name.clone() }
    }

    /// The values of rows that leave a constant column are −∞.
    fn on_support(&self, features: &Table, values: Vec<f64>) -> Vec<f64> {
        let scaler = &self.card.schema.scaler;
        let holds = |i: usize| scaler.off_support(features.row(i)).is_none();
        let value = |(i, v): (usize, f64)| if holds(i) { v } else { f64::NEG_INFINITY };
        values.into_iter().enumerate().map(value).collect()
    }
}
