//! What an evaluation finds.

use super::measure::{Good, Measure};
use super::warning::Warning;
use serde::{Deserialize, Serialize};

/// A number with its standard error and its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The metric.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<transport_ot::discrepancy::Estimate> for Estimate {
    fn from(e: transport_ot::discrepancy::Estimate) -> Self {
        Self { value: e.value, error: e.error, low: e.low, high: e.high }
    }
}

/// One metric: of the model's samples, of a fitted Gaussian's, and of real rows in the place of
/// samples, which is what a perfect model would score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Which.
    pub measure: Measure,
    /// Its name as it is printed.
    pub name: String,
    /// Of the model's samples.
    pub model: Estimate,
    /// Of a fitted Gaussian's samples.
    pub gaussian: Estimate,
    /// Of real rows: the floor, where real data has one.
    pub floor: Option<Estimate>,
    /// What a good value looks like.
    pub good: Good,
}

/// The metrics of a model on held-out data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Rows held out.
    pub held_out: usize,
    /// Samples of the model and of the Gaussian, and training rows for the floor.
    pub samples: usize,
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// Signs of collapse; empty when there is none.
    pub warnings: Vec<Warning>,
}

impl Report {
    /// The metric of that kind, where it was measured.
    #[must_use]
    pub fn get(&self, measure: Measure) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.measure == measure)
    }
}
