//! What can go wrong with a run.

use crate::config::ConfigError;
use crate::context::ContextError;
use crate::evaluate::CompareError;
use crate::problem::ProblemError;
use crate::registry::OpenError;
use crate::store::StoreError;
use transport_core::device::DeviceError;
use transport_data::DataError;
use transport_sde::SolveError;
use transport_sde::guide::GuideError;
use transport_sde::inverse::InverseError;

/// What can go wrong with a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its data.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// A table.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Its weights.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The integration.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// The context asked for.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The comparison with data.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A row outside the support of a bounded law.
    #[error(transparent)]
    Support(#[from] crate::support::SupportError),
    /// A width that no average has.
    #[error("a relative width of {width}: above 0 and at most {widest:.4}")]
    Width {
        /// What was asked for.
        width: f64,
        /// The widest.
        widest: f64,
    },
    /// Nothing was asked for.
    #[error("0 samples were asked for: n is at least 1")]
    NoSamples,
    /// More than can be held.
    #[error("{n} samples were asked for: at most {most} of this model fit into memory")]
    TooMany {
        /// What was asked for.
        n: usize,
        /// The most.
        most: usize,
    },
    /// Data that are not what the model was trained on.
    #[error(
        "`{name}` is not what it was when the model was trained: rows that it has seen could count as held out"
    )]
    Changed {
        /// The source.
        name: String,
    },
    /// Guidance that is none.
    #[error(transparent)]
    Guide(#[from] GuideError),
    /// An inverse problem that cannot be posed or solved.
    #[error(transparent)]
    Inverse(#[from] InverseError),
    /// Guidance towards a context that the model does not have.
    #[error(
        "guidance needs a context: model `{model}` of this run has none (train with --context)"
    )]
    NothingToGuide {
        /// The model.
        model: String,
    },
    /// Guidance away from a field that the model does not know.
    #[error(
        "guidance needs a model that was trained without its context too: `{model}` of this run was \
         not (train flow-matching or a score model with --context-dropout 0.1)"
    )]
    NoNullContext {
        /// The model.
        model: String,
    },
    /// The model has no denoiser, or no flow.
    #[error("model `{model}` has no {what}: flow-matching and the score models have")]
    NoDynamics {
        /// The model.
        model: String,
        /// What it would need.
        what: &'static str,
    },
    /// The model has no density.
    #[error("model `{model}` has no log-density")]
    NoDensity {
        /// The model.
        model: String,
    },
    /// The table is not one of this model's.
    #[error(
        "the table has {found} columns where the model has {expected}, and they are not named like the model's"
    )]
    Columns {
        /// The model's number of feature columns.
        expected: usize,
        /// The table's.
        found: usize,
    },
}
