//! What the binary can fail with: a library's error, or a flag that does not fit.

use transport_data::DataError;
use transport_ot::OtError;
use transport_sde::inverse::InverseError;
use transport_sde::langevin::SampleError;
use transport_sde::simulate::SimulateError;
use transport_sde::simulate::named::ProcessError;
use transport_train::bridge::JoinError;
use transport_train::config::ConfigError;
use transport_train::evaluate::ClassifierError;
use transport_train::evaluate::UnknownMeasure;
use transport_train::export::ExportError;
use transport_train::import::ImportError;
use transport_train::problem::ProblemError;
use transport_train::store::StoreError;
use transport_train::variational::{FitError, ImportanceError};
use transport_train::{RunError, TrainError};
use transport_viz::VizError;

/// A command's failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A flag or a combination of flags.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Problem(#[from] ProblemError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error(transparent)]
    Langevin(#[from] SampleError),
    #[error(transparent)]
    Bridge(#[from] JoinError),
    #[error(transparent)]
    Measure(#[from] UnknownMeasure),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Importance(#[from] ImportanceError),
    #[error(transparent)]
    Classifier(#[from] ClassifierError),
    #[error(transparent)]
    Ot(#[from] OtError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Viz(#[from] VizError),
}

impl CliError {
    /// 2 for what was typed, 1 for what failed.
    pub(crate) fn code(&self) -> u8 {
        let usage = matches!(
            self,
            Self::Usage(_)
                | Self::Config(_)
                | Self::Process(_)
                | Self::Bridge(
                    JoinError::Setting { .. }
                        | JoinError::Many { .. }
                        | JoinError::Foreign { .. }
                        | JoinError::LeftOut { .. }
                        | JoinError::Time { .. }
                        | JoinError::Backwards { .. },
                )
                | Self::Measure(_)
                | Self::Ot(OtError::Parameter { .. })
                | Self::Langevin(SampleError::Plan(_))
                | Self::Fit(FitError::Flow(_) | FitError::Nothing { .. })
                | Self::Train(TrainError::Config(_) | TrainError::Device(_))
                | Self::Train(TrainError::Problem(ProblemError::UnknownSource { .. }))
                | Self::Problem(ProblemError::UnknownSource { .. })
                | Self::Run(
                    RunError::NoSamples
                        | RunError::Config(_)
                        | RunError::Context(_)
                        | RunError::Device(_)
                        | RunError::Width { .. }
                        | RunError::Guide(_)
                        | RunError::NothingToGuide { .. }
                        | RunError::NoNullContext { .. }
                        | RunError::NoDynamics { .. }
                        | RunError::Inverse(
                            InverseError::Setting { .. } | InverseError::Solver { .. },
                        ),
                )
        ) || matches!(self, Self::Simulate(e) if !matches!(e, SimulateError::Solve(_)));
        if usage { 2 } else { 1 }
    }
}

/// A name that is not known, with the most similar one that is.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> CliError {
    let near = known.iter().max_by(|a, b| {
        let score = |k: &str| strsim::normalized_damerau_levenshtein(k, name);
        score(a).total_cmp(&score(b))
    });
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    CliError::Usage(format!("unknown {what} `{name}`{hint} Known: {}", known.join(", ")))
}

/// Refuses a flag that was given beside a choice that does not read it.
pub(crate) fn unread<T: std::fmt::Display>(
    flag: &str,
    given: Option<T>,
    choice: &str,
) -> Result<(), CliError> {
    let said = |value| format!("{flag} is {value}, but with {choice} nothing reads it");
    given.map_or(Ok(()), |value| Err(CliError::Usage(said(value))))
}

/// Refuses a name that stands twice.
pub(crate) fn once<'a>(
    what: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), CliError> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(CliError::Usage(format!("{what} `{name}` is given twice")));
        }
        seen.push(name);
    }
    Ok(())
}

/// The name in `name=value`.
pub(crate) fn before(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name).trim()
}
