//! The continuous normalizing flow, trained by maximum likelihood.

use super::along::{Along, Estimated, density_solver};
use super::chunks::{by_time, chunked, contexts};
use super::unread::unread;
use super::{Capabilities, Entry, Generator, OpenError};
use crate::config::{Config, ConfigError, SampleConfig, wrong_settings};
use crate::objective::ContinuousLikelihood;
use crate::problem::{Problem, Shape};
use crate::trainer::{Keep, Trainer, Training};
use crate::weights::Weights;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::law::Gaussian;
use transport_core::{Interval, Noise, Space};
use transport_models::flow::{ContinuousFlow, Penalties, Velocity};
use transport_models::net::MlpConfig;
use transport_sde::adjoint::{Backward, Integration, NotRungeKutta};
use transport_sde::likelihood::{Hutchinson, Probe};
use transport_sde::method::Integrator;
use transport_sde::{Grid, OdeFlow, SolveError, Solver, Tolerance};

/// The registered model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family;

/// How the divergence is found while training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TraceName {
    Exact,
    Rademacher,
    Gaussian,
}

/// How the gradient is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BackwardName {
    Plain,
    Checkpointed,
    Adjoint,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    width: usize,
    depth: usize,
    /// Of the time embedding. One, a quarter of a turn, is slow enough for the steps of training;
    /// more reach 16 turns, by which a network learns to look well at the nodes of the steps alone.
    frequencies: usize,
    /// The method while training.
    method: Solver,
    /// Its steps.
    integration_steps: usize,
    backward: BackwardName,
    /// Segments of `checkpointed`, at most a step each.
    segments: usize,
    /// The divergence while training; exact up to [`FEW`] columns, else `rademacher`, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceName>,
    /// The weight of `∫‖v‖² dt`.
    kinetic: f64,
    /// The weight of `∫‖∂ₓv‖² dt`.
    jacobian: f64,
    /// The error of a step, relative and absolute, by which samples and densities choose their
    /// steps; a plan's fixed steps when absent, or where the method has no error estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerance: Option<f64>,
}

/// Columns up to which the divergence is exact unless a setting says otherwise.
const FEW: usize = 8;
/// Activations of a layer on a chunk, as for the other dynamics.
const CHUNK: usize = 1 << 16;

impl Default for Settings {
    fn default() -> Self {
        Self {
            width: 64,
            depth: 3,
            frequencies: 1,
            method: Solver::Rk4,
            integration_steps: 8,
            backward: BackwardName::Checkpointed,
            segments: 8,
            trace: None,
            kinetic: 0.01,
            jacobian: 0.01,
            tolerance: None,
        }
    }
}

impl Settings {
    /// The defaults where the table is silent, checked.
    fn read(table: &toml::Table) -> Result<Self, String> {
        let defaults = toml::Table::try_from(Self::default()).map_err(|e| e.to_string())?;
        let mut all = defaults.clone();
        all.extend(table.clone());
        let settings: Self = all.try_into().map_err(|e| wrong_settings(&e))?;
        settings.check()?;
        let whole = settings.backward != BackwardName::Checkpointed;
        unread(table, &defaults, &[("this backward", whole, &["segments"])])?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [
            ("width", self.width, 1 << 16),
            ("depth", self.depth, 1024),
            ("frequencies", self.frequencies, 1 << 16),
            ("integration_steps", self.integration_steps, 1 << 20),
            ("segments", self.segments, 1 << 20),
        ];
        if let Some((name, value, most)) =
            sizes.into_iter().find(|(_, v, most)| *v == 0 || v > most)
        {
            return Err(format!("{name} is {value}: at least 1 and at most {most}"));
        }
        for (name, weight) in [("kinetic", self.kinetic), ("jacobian", self.jacobian)] {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(format!("{name} is {weight}: a finite number, at least 0"));
            }
        }
        if !Integration::takes(self.method) {
            let refused = NotRungeKutta { name: self.method.name() };
            return Err(format!("method: {refused}"));
        }
        self.tolerance().map(|_| ())
    }

    fn tolerance(&self) -> Result<Option<Tolerance>, String> {
        let Some(value) = self.tolerance else { return Ok(None) };
        let tolerance = Tolerance::new(value, value);
        tolerance.map(Some).map_err(|_| format!("tolerance is {value}: a finite number above 0"))
    }

    fn net(&self) -> MlpConfig {
        let Self { width, depth, frequencies, .. } = *self;
        MlpConfig { width, depth, frequencies }
    }

    fn objective(&self, dim: usize, spacing: f64) -> Result<ContinuousLikelihood, String> {
        let own = if dim <= FEW { TraceName::Exact } else { TraceName::Rademacher };
        let probe = match self.trace.unwrap_or(own) {
            TraceName::Exact => None,
            TraceName::Rademacher => Some(Probe::Rademacher),
            TraceName::Gaussian => Some(Probe::Gaussian),
        };
        let backward = match self.backward {
            BackwardName::Plain => Backward::Plain,
            BackwardName::Checkpointed => Backward::Checkpointed { segments: self.segments },
            BackwardName::Adjoint => Backward::Adjoint,
        };
        let grid = Grid::uniform(Interval::UNIT, self.integration_steps);
        let grid = grid.map_err(|e| e.to_string())?.reversed();
        let integration = Integration::new(self.method, grid).map_err(|e| e.to_string())?;
        let penalties = Penalties { kinetic: self.kinetic, jacobian: self.jacobian };
        Ok(ContinuousLikelihood { spacing, probe, penalties, integration, backward })
    }
}

impl Family {
    fn wrong(&self, reason: String) -> ConfigError {
        ConfigError::Settings { model: self.name().to_owned(), reason }
    }

    fn settings(&self, table: &toml::Table) -> Result<Settings, ConfigError> {
        Settings::read(table).map_err(|reason| self.wrong(reason))
    }
}

impl Entry for Family {
    fn name(&self) -> &'static str {
        "ffjord"
    }

    fn summary(&self) -> &'static str {
        "continuous normalizing flow, gradients through its integration"
    }

    fn objective(&self) -> &'static str {
        "maximum likelihood"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: true, context: true, path: true, solvers: Solver::ODE }
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Settings::default()).unwrap_or_default()
    }

    fn sampling(&self) -> SampleConfig {
        SampleConfig { solver: Solver::Dopri5, steps: 20 }
    }

    /// Its loss is a likelihood, which overfits.
    fn keep(&self) -> Keep {
        Keep::Best
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        self.settings(settings).map(|_| ())
    }

    fn begin(
        &self,
        config: &Config,
        problem: &Problem,
        space: &Space,
    ) -> Result<Box<dyn Training>, ConfigError> {
        let settings = self.settings(&config.model.settings)?;
        let rows = Arc::clone(&problem.rows);
        let noise = Noise::new(config.train.seed, 1);
        let (dim, context) = (rows.dim, rows.context_dim);
        let model = ContinuousFlow::new(&settings.net(), dim, context, &noise, space);
        let objective = settings.objective(dim, problem.spacing()).map_err(|e| self.wrong(e))?;
        Ok(Box::new(Trainer::new(model, objective, rows, config.train, config.optim, space)))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let settings = self.settings(&config.model.settings)?;
        let Shape { dim, context, .. } = *shape;
        let blank = ContinuousFlow::new(&settings.net(), dim, context, &Noise::new(0, 1), space);
        let tolerance = settings.tolerance().map_err(|e| self.wrong(e))?;
        let chunk = (CHUNK / settings.width).clamp(64, 1024);
        let (model, space) = (weights.fill(blank)?, space.clone());
        Ok(Box::new(Continuous { model, dim, context, chunk, tolerance, space }))
    }
}

struct Continuous {
    model: ContinuousFlow,
    dim: usize,
    context: usize,
    /// Rows of a chunk.
    chunk: usize,
    tolerance: Option<Tolerance>,
    space: Space,
}

impl Continuous {
    fn given(&self, context: Option<&[f32]>, rows: &Range<usize>) -> Velocity<'_> {
        self.model.given(contexts(context, self.context, rows, &self.space))
    }

    /// Equal steps from the reference to the data.
    fn grid(&self, plan: &SampleConfig) -> Grid {
        // A plan's steps are checked where the plan is made.
        #[allow(clippy::expect_used)]
        Grid::uniform(Interval::UNIT, plan.steps.max(1)).expect("steps over a domain")
    }

    fn along(&self, plan: &SampleConfig) -> Along<'_> {
        Along {
            space: &self.space,
            dim: self.dim,
            chunk: self.chunk,
            reference: Gaussian::standard(self.dim),
            grid: self.grid(plan),
            solver: density_solver(plan.solver),
            tolerance: self.tolerance,
        }
    }

    /// The states at `knots`, or at the end alone.
    fn paths(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
    ) -> Result<Vec<Vec<f64>>, SolveError> {
        let solver = plan.solver;
        match self.tolerance.and_then(|tolerance| solver.controlled(tolerance).ok()) {
            Some(integrator) => self.paths_by(noise, context, plan, knots, integrator),
            None => self.paths_by(noise, context, plan, knots, solver),
        }
    }

    fn paths_by(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
        solver: impl Integrator,
    ) -> Result<Vec<Vec<f64>>, SolveError> {
        let parts = chunked(&self.space, noise.len(), self.chunk, |rows| {
            let start = noise.rows(rows.clone()).purpose("reference").normal(self.dim, &self.space);
            let field = self.given(context, &rows);
            let flow = OdeFlow { field, grid: self.grid(plan), solver: solver.clone() };
            let found = flow.solve_trace(start, knots).map_err(|e| e.in_batch(rows.start))?;
            Ok::<_, SolveError>(found.states.into_iter().map(to_host).collect::<Vec<_>>())
        })?;
        Ok(by_time(parts, knots.len()))
    }
}

impl Generator for Continuous {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        Ok(self.paths(noise, context, plan, &[1.0])?.pop().unwrap_or_default())
    }

    fn trace(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
    ) -> Result<Option<Vec<Vec<f64>>>, SolveError> {
        self.paths(noise, context, plan, knots).map(Some)
    }

    fn log_prob(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        self.along(plan).log_prob(x, |rows| self.given(context, rows)).map(Some)
    }

    fn estimate(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        trace: Hutchinson,
        noise: &Noise,
    ) -> Result<Option<Estimated>, SolveError> {
        self.along(plan).estimate(x, trace, noise, |rows| self.given(context, rows)).map(Some)
    }
}
