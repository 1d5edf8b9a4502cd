//! The fitted Gaussian: the baseline that every model must beat, and the simplest transport.

use super::{Capabilities, Entry, Generator, OpenError};
use crate::config::{Config, ConfigError, SampleConfig};
use crate::problem::{Problem, Shape};
use crate::trainer::{Keep, StepReport, Training};
use crate::weights::{Array, Weights, WeightsError};
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, PointLaw};
use transport_core::map::Affine;
use transport_core::{Density, Law, Noise, Space, Transport};
use transport_sde::{SolveError, Solver};

/// Added to each variance, in units of the scaled data: what makes the covariance of images,
/// whose pixels can be linearly dependent, a covariance of full rank.
pub(crate) const RIDGE: f64 = 1e-4;

/// The maximum-likelihood Gaussian as a registered model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family;

impl Entry for Family {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn summary(&self) -> &'static str {
        "maximum-likelihood Gaussian, the affine transport (a baseline)"
    }

    fn objective(&self) -> &'static str {
        "log-likelihood, in closed form"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: true, context: false, path: false, solvers: Solver::ALL }
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::new()
    }

    /// One step is the whole fit: there is nothing to choose from.
    fn keep(&self) -> Keep {
        Keep::Last
    }

    fn validates(&self) -> bool {
        false
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        settings.keys().next().map_or(Ok(()), |name| {
            let reason = format!("unknown setting `{name}`: it has none");
            Err(ConfigError::Settings { model: self.name().to_owned(), reason })
        })
    }

    fn begin(
        &self,
        _config: &Config,
        problem: &Problem,
        _space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        Ok(Box::new(Fit { rows: Arc::clone(&problem.rows), fitted: None }))
    }

    fn open(
        &self,
        _config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let dim = shape.dim;
        let read = |name: &str, shape: &[usize]| -> Result<Vec<f64>, WeightsError> {
            Ok(weights.get(name, shape)?.values.iter().map(|v| f64::from(*v)).collect())
        };
        let (mean, lower) = (read("mean", &[dim])?, read("cholesky", &[dim, dim])?);
        let map = Affine::new(lower, mean).map_err(|_| WeightsError::Missing {
            name: "cholesky (with a positive diagonal)".to_owned(),
        })?;
        let law = Transport { reference: Gaussian::standard(dim), map };
        // The densities of a closed form are computed in f64 wherever the device has it.
        Ok(Box::new(Affinely { law, space: space.clone() }))
    }
}

/// The closed-form fit as a training of one step.
struct Fit {
    rows: Arc<crate::batch::Rows>,
    fitted: Option<Gaussian>,
}

impl Training for Fit {
    fn step(&mut self) -> StepReport {
        let (d, n) = (self.rows.dim, self.rows.len() as f64);
        let points: Vec<f64> = self.rows.states.iter().map(|v| f64::from(*v)).collect();
        // The ridge makes any finite covariance positive definite.
        let law = Gaussian::fit(&points, d, RIDGE).unwrap_or_else(|_| Gaussian::standard(d));
        // −E log p at the fit: ½ d (1 + log 2π) + ½ log det, less what the ridge adds to it.
        let loss = 0.5 * d as f64 * (1.0 + std::f64::consts::TAU.ln()) + law.half_log_det();
        debug_assert!(n > 0.0 && PointLaw::dim(&law) == d);
        self.fitted = Some(law);
        StepReport { step: 1, loss, gradient_norm: 0.0, lr: 0.0 }
    }

    fn steps_done(&self) -> u64 {
        u64::from(self.fitted.is_some())
    }

    fn steps_total(&self) -> u64 {
        1
    }

    fn state(&self) -> Weights {
        let Some(law) = &self.fitted else { return Weights::default() };
        let d = self.rows.dim;
        let array = |shape: Vec<usize>, values: &[f64]| Array {
            shape,
            values: values.iter().map(|v| *v as f32).collect(),
        };
        Weights(
            [
                ("mean".to_owned(), array(vec![d], law.mean())),
                ("cholesky".to_owned(), array(vec![d, d], law.cholesky())),
            ]
            .into(),
        )
    }

    fn restore(&mut self, _state: &Weights, _step: u64) -> Result<(), WeightsError> {
        // One step is the whole fit: it is done again.
        self.fitted = None;
        Ok(())
    }

    fn weights(&self) -> Weights {
        self.state()
    }
}

struct Affinely {
    law: Transport<Gaussian, Affine>,
    space: Space,
}

impl Generator for Affinely {
    fn sample(
        &self,
        noise: &Noise,
        _context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        Ok(to_host(self.law.sample(noise, &self.space)))
    }

    fn log_prob(
        &self,
        x: &[f64],
        _context: Option<&[f32]>,
        _plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let d = self.law.dim();
        let x = self.space.tensor(x.to_vec(), [x.len() / d, d]);
        Ok(Some(to_host(self.law.log_prob(x))))
    }
}
