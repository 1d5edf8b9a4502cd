//! Collapse: signs that samples leave out what the data has.

use super::clouds::{Cloud, Ground};
use super::measure::Measure;
use super::report::Metric;
use serde::{Deserialize, Serialize};
use std::fmt;
use transport_core::linalg::mean_and_covariance;
use transport_ot::discrepancy::nearest_others;

/// A sign of collapse, with what was seen and what real data shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Warning {
    /// The samples have less than a quarter of the held-out rows' total variance.
    LittleSpread {
        /// The samples' total variance over the data's.
        share: f64,
    },
    /// At least 5 % more of the samples than of real rows have another within a hundredth of the
    /// median distance from a real row to its nearest other.
    Duplicates {
        /// The share of such samples.
        share: f64,
        /// Of real rows.
        floor: f64,
    },
    /// Recall is under a tenth of the floor's.
    LittleRecall {
        /// The recall.
        share: f64,
        /// Of real rows.
        floor: f64,
    },
    /// Coverage is under a quarter of the floor's.
    LittleCoverage {
        /// The coverage.
        share: f64,
        /// Of real rows.
        floor: f64,
    },
    /// A class has under a tenth of the samples that the smallest class of the data has.
    ClassMissing {
        /// The share of the smallest class.
        share: f64,
        /// In the data.
        floor: f64,
    },
    /// The share of memorised samples is over the floor's by more than a fifth.
    Memorised {
        /// The share.
        share: f64,
        /// Of held-out rows.
        floor: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |v: f64| format!("{:.1} %", 100.0 * v);
        match *self {
            Self::LittleSpread { share } => {
                write!(
                    f,
                    "the samples have {} of the data's variance: the model has collapsed",
                    percent(share)
                )
            }
            Self::Duplicates { share, floor } => write!(
                f,
                "{} of the samples are near-duplicates of another (of real rows {}): the model has collapsed",
                percent(share),
                percent(floor)
            ),
            Self::LittleRecall { share, floor } => write!(
                f,
                "recall is {} where real rows reach {}: the samples leave out most of the data",
                percent(share),
                percent(floor)
            ),
            Self::LittleCoverage { share, floor } => write!(
                f,
                "coverage is {} where real rows reach {}: most of the data has no sample near it",
                percent(share),
                percent(floor)
            ),
            Self::ClassMissing { share, floor } => write!(
                f,
                "the smallest class has {} of the samples where it has {} of the data",
                percent(share),
                percent(floor)
            ),
            Self::Memorised { share, floor } => write!(
                f,
                "{} of the samples are near-copies of training rows (of held-out rows {})",
                percent(share),
                percent(floor)
            ),
        }
    }
}

/// Variance below which samples have collapsed, in units of the data's.
const SPREAD: f64 = 0.25;
/// A near-duplicate's distance, in units of the median distance from a real row to its nearest.
const NEAR: f64 = 1e-2;

/// The signs that samples and metrics show.
pub(super) fn signs(
    model: &Cloud,
    floor: &Cloud,
    ground: &Ground,
    metrics: &[Metric],
) -> Vec<Warning> {
    let share = variance(&model.states, ground.d) / variance(&ground.held_out, ground.d);
    let spread = (share < SPREAD).then_some(Warning::LittleSpread { share });
    let [others, real] = [model, floor].map(|cloud| nearest_others(&cloud.states, ground.d));
    let near = NEAR * median(real.clone());
    // Repeated rows are duplicates also where most real rows are repeated.
    let share = |distances: Vec<f64>| {
        distances.iter().filter(|v| **v <= near).count() as f64 / distances.len() as f64
    };
    let (share, real) = (share(others), share(real));
    let duplicates = (share > real + 0.05).then_some(Warning::Duplicates { share, floor: real });
    spread.into_iter().chain(duplicates).chain(metrics.iter().filter_map(sign)).collect()
}

/// The sign in one metric.
fn sign(metric: &Metric) -> Option<Warning> {
    let (share, floor) = (metric.model.value, metric.floor?.value);
    let (bad, warning) = match metric.measure {
        Measure::Recall => (share < 0.1 * floor, Warning::LittleRecall { share, floor }),
        Measure::Coverage => (share < 0.25 * floor, Warning::LittleCoverage { share, floor }),
        Measure::ClassShare => (share < 0.1 * floor, Warning::ClassMissing { share, floor }),
        Measure::Memorised => (share > floor + 0.2, Warning::Memorised { share, floor }),
        _ => return None,
    };
    bad.then_some(warning)
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The trace of the covariance.
fn variance(states: &[f64], d: usize) -> f64 {
    let (_, covariance) = mean_and_covariance(states, d);
    (0..d).map(|j| covariance[j * d + j]).sum()
}
