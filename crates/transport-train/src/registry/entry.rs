//! A registered model: its name, its settings and what it can do.

use super::Generator;
use crate::config::{Config, ConfigError, SampleConfig};
use crate::problem::{Problem, Shape};
use crate::trainer::{Keep, Training};
use crate::weights::{Weights, WeightsError};
use transport_core::schedule::Named;
use transport_core::{Head, Space};
use transport_models::FlowConfig;
use transport_sde::Solver;

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It has a log-density.
    pub log_prob: bool,
    /// It takes a context.
    pub context: bool,
    /// It passes through intermediate times.
    pub path: bool,
    /// The solvers that can sample it; a model without dynamics ignores the choice.
    pub solvers: &'static [Solver],
}

/// A model of the registry.
pub trait Entry: Sync {
    /// Its name; names do not change.
    fn name(&self) -> &'static str;

    /// One line about it.
    fn summary(&self) -> &'static str;

    /// What it minimises.
    fn objective(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether it has a lower bound of its log-density in the place of the density itself.
    fn bounds_density(&self) -> bool {
        false
    }

    /// Whether it models images and nothing else.
    fn images_only(&self) -> bool {
        false
    }

    /// Its settings with their defaults.
    fn defaults(&self) -> toml::Table;

    /// How it is sampled by default: in one pass, with nothing to integrate.
    fn sampling(&self) -> SampleConfig {
        SampleConfig { solver: Solver::Euler, steps: 1 }
    }

    /// The weights that it keeps unless asked otherwise: the best ones where the loss is a
    /// likelihood, which overfits; the last ones where the loss is a regression on fresh noise or a
    /// game, whose value says little about the samples.
    fn keep(&self) -> Keep {
        let can = self.capabilities();
        if can.log_prob && !can.path { Keep::Best } else { Keep::Last }
    }

    /// Whether a loss on validation rows says how good its weights are.
    fn validates(&self) -> bool {
        true
    }

    /// Checks its settings.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when one is unknown, of the wrong kind or out of range.
    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError>;

    /// The normalizing flow that its settings describe, when it is one.
    ///
    /// # Errors
    /// As [`Entry::check`].
    fn flow(&self, settings: &toml::Table) -> Result<Option<FlowConfig>, ConfigError> {
        let _ = settings;
        Ok(None)
    }

    /// The schedule that its network is trained on and what that predicts, when it is one.
    ///
    /// # Errors
    /// As [`Entry::check`].
    fn reading(&self, settings: &toml::Table) -> Result<Option<(Named, Head)>, ConfigError> {
        let _ = settings;
        Ok(None)
    }

    /// Makes it ready to train.
    ///
    /// # Errors
    /// [`ConfigError`] from its settings.
    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError>;

    /// Makes it ready to sample.
    ///
    /// # Errors
    /// [`OpenError`] when the settings or the weights do not fit.
    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError>;
}

/// A saved model that does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A Gaussian's covariance.
    #[error(transparent)]
    Law(#[from] transport_core::law::LawError),
}
