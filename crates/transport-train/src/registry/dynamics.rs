//! The models that are a learned velocity or score: flow matching and diffusion.

use super::along::{Along, Estimated, density_solver};
use super::annealing::Annealing;
use super::chunks::{by_time, chunked, contexts, states};
use super::dynamics_net::{Missing, Net, NetName};
use super::dynamics_settings::{HeadName, Loss, Settings, TimesName, WeightingName};
use super::integrated::Integrated;
use super::{Capabilities, Conditions, Entry, Generator, OpenError, Seen, Way};
use crate::canvas;
use crate::config::{Config, ConfigError, SampleConfig};
use crate::objective::with_null;
use crate::problem::{Problem, Shape};
use crate::trainer::Training;
use crate::weights::Weights;
use burn::tensor::Tensor;
use std::ops::Range;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::law::Gaussian;
use transport_core::schedule::Named;
use transport_core::{Denoiser, Head, Noise, Schedule, ScoredField, Space};
use transport_models::{Dynamics, Given};
use transport_sde::dynamics::Epsilon;
use transport_sde::guide::{self, ClassifierFree, Strength};
use transport_sde::inverse::{InverseError, Mask, Observation, Operator, Posterior};
use transport_sde::likelihood::{Hutchinson, Variational};
use transport_sde::{Finish, Grid, SolveError, Solver, SolverKind, Spacing};

/// A registered model made of a [`Dynamics`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) schedule: Named,
    pub(super) head: HeadName,
    pub(super) loss: Loss,
    pub(super) weighting: WeightingName,
    pub(super) times: TimesName,
    pub(super) sample: SampleConfig,
}

impl Family {
    fn settings(&self, table: &toml::Table) -> Result<Settings, ConfigError> {
        Settings::read(self, table)
            .map_err(|reason| ConfigError::Settings { model: self.name.to_owned(), reason })
    }

    fn without(&self, missing: Missing) -> ConfigError {
        let model = self.name.to_owned();
        match missing {
            Missing::Images => ConfigError::NotImages { model },
            Missing::Sizes(reason) => ConfigError::Settings { model, reason },
        }
    }
}

impl Entry for Family {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn objective(&self) -> &'static str {
        self.loss.title()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { log_prob: true, context: true, path: true, solvers: Solver::ALL }
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Settings::of(self)).unwrap_or_default()
    }

    fn sampling(&self) -> SampleConfig {
        self.sample
    }

    fn check(&self, settings: &toml::Table) -> Result<(), ConfigError> {
        self.settings(settings).map(|_| ())
    }

    fn reading(&self, settings: &toml::Table) -> Result<Option<(Named, Head)>, ConfigError> {
        Ok(Some((self.schedule, self.settings(settings)?.head())))
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
        if settings.nullable() && rows.context_dim == 0 {
            let reason = "context_dropout needs a context to drop (--context)".to_owned();
            return Err(ConfigError::Settings { model: self.name.to_owned(), reason });
        }
        let canvas = match settings.net {
            NetName::Mlp => None,
            _ => canvas::of(&problem.schema),
        };
        let kept = canvas.as_ref().map(canvas::keep).unwrap_or_default();
        let context = settings.context_columns(rows.context_dim);
        let net = Net { dim: rows.dim, context, canvas };
        let model = settings.model(self.schedule, &net, &noise, space);
        let model = model.map_err(|missing| self.without(missing))?;
        Ok(settings.training((model, kept), rows, config.train, config.optim, space))
    }

    fn open(
        &self,
        config: &Config,
        shape: &Shape,
        weights: &Weights,
        space: &Space,
    ) -> Result<Box<dyn Generator>, OpenError> {
        let settings = self.settings(&config.model.settings)?;
        let kept = Net::kept(shape, weights)?;
        let net = Net { context: settings.context_columns(kept.context), ..kept };
        let blank = settings.model(self.schedule, &net, &Noise::new(0, 1), space);
        let model = weights.fill(blank.map_err(|missing| self.without(missing))?)?;
        let Shape { dim, context, .. } = *shape;
        let fewest = if settings.net == NetName::Mlp { 64 } else { 16 };
        let chunk = (CHUNK / settings.activations(&net)).clamp(fewest, 1024);
        let levels = settings.ladder(self.schedule);
        let nullable = settings.nullable();
        Ok(Box::new(Flowing { model, dim, context, nullable, chunk, levels, space: space.clone() }))
    }
}

/// Activations of a layer on a chunk: few enough to stay in a core's cache, enough to be worth the
/// calls.
const CHUNK: usize = 1 << 16;

/// The inverse problem of one chunk.
struct Task<'a> {
    given: Given<'a>,
    conditions: &'a Conditions<'a>,
    plan: &'a SampleConfig,
    grid: &'a Grid,
    noise: Noise,
}

impl Task<'_> {
    fn draw(
        &self,
        operator: impl Operator,
        values: Tensor<2>,
        start: Tensor<2>,
    ) -> Result<Vec<f64>, InverseError> {
        let observation = Observation::new(operator, values, self.conditions.noise)?;
        let (model, method) = (&self.given, self.conditions.method);
        let posterior = Posterior { model, observation: &observation, method };
        let path = self.noise.purpose("path");
        Ok(to_host(posterior.draw(self.plan.solver, self.grid, start, &path)?))
    }
}

struct Flowing {
    model: Dynamics,
    dim: usize,
    context: usize,
    /// Whether the network has been trained without its context too.
    nullable: bool,
    /// Rows of a chunk.
    chunk: usize,
    /// The times of a noise-conditional model's levels, for which Euler–Maruyama is annealed
    /// Langevin dynamics; empty for others.
    levels: Vec<f64>,
    space: Space,
}

impl Flowing {
    fn given(&self, context: Option<&[f32]>, rows: &Range<usize>) -> Given<'_> {
        let Some(part) = contexts(context, self.context, rows, &self.space) else {
            return self.unconditional(rows.len());
        };
        let null = vec![false; rows.len()];
        self.model.given(Some(if self.nullable { with_null(part, &null) } else { part }))
    }

    /// The model at the null context, where it knows one.
    fn unconditional(&self, n: usize) -> Given<'_> {
        let blank = || self.space.tensor_f32(vec![0.0; n * self.context], [n, self.context]);
        self.model.given(self.nullable.then(|| with_null(blank(), &vec![true; n])))
    }

    /// Equal steps over the domain for what integrates a velocity, Karras's where the clock is the
    /// noise level itself; for a diffusion sampler the grid that suits the schedule, with the clean
    /// state at its end.
    fn grid(&self, plan: &SampleConfig) -> Grid {
        let (schedule, steps) = (self.model.schedule(), plan.steps.max(1));
        let spacing = match schedule {
            Named::Edm => Spacing::Karras { rho: 7.0 },
            _ => Spacing::Uniform,
        };
        let grid = match plan.solver.kind() {
            SolverKind::Diffusion => Grid::sampling(&schedule, steps),
            _ => Grid::spaced(&schedule, schedule.domain(), spacing, steps, Finish::Declared),
        };
        // A plan's steps are checked where the plan is made.
        #[allow(clippy::expect_used)]
        grid.expect("steps over a domain")
    }

    /// `σ(start)`: what the reference of this schedule is scaled by.
    fn reference_std(&self) -> f64 {
        let schedule = self.model.schedule();
        schedule.at(schedule.domain().start).sigma
    }

    fn start(&self, noise: &Noise) -> Tensor<2> {
        noise.purpose("reference").normal(self.dim, &self.space).mul_scalar(self.reference_std())
    }

    fn epsilon(&self) -> Epsilon {
        match self.model.schedule() {
            Named::Rectified | Named::Trigonometric => Epsilon::Sigma(1.0),
            _ => Epsilon::Reversal(1.0),
        }
    }

    /// The states at `knots` (or at the end alone) of the paths of one chunk.
    fn integrate(
        &self,
        noise: &Noise,
        given: impl ScoredField + Denoiser,
        plan: &SampleConfig,
        knots: Option<&[f64]>,
    ) -> Result<Vec<Vec<f64>>, SolveError> {
        let (start, grid, solver) = (self.start(noise), self.grid(plan), plan.solver);
        let path = noise.purpose("path");
        if solver == Solver::EulerMaruyama && !self.levels.is_empty() {
            let annealing = Annealing {
                field: given,
                schedule: self.model.schedule(),
                levels: &self.levels,
                steps: plan.steps,
            };
            let states = annealing.states(start, knots, &path)?;
            return Ok(states.into_iter().map(to_host).collect());
        }
        let (schedule, epsilon) = (self.model.schedule(), self.epsilon());
        let whole = Integrated { field: given, schedule, epsilon, grid, solver };
        let states = whole.states(start, knots, &path)?;
        Ok(states.into_iter().map(to_host).collect())
    }

    fn paths(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: Option<&[f64]>,
        strength: Option<Strength>,
    ) -> Result<Vec<Vec<f64>>, SolveError> {
        let chunks = chunked(&self.space, noise.len(), self.chunk, |rows| {
            let (conditional, n, first) = (self.given(context, &rows), rows.len(), rows.start);
            let noise = noise.rows(rows);
            let paths = match strength {
                None => self.integrate(&noise, conditional, plan, knots),
                Some(strength) => {
                    let unconditional = self.unconditional(n);
                    let guided = ClassifierFree { conditional, unconditional, strength };
                    self.integrate(&noise, guided, plan, knots)
                }
            };
            paths.map_err(|error| error.in_batch(first))
        })?;
        Ok(by_time(chunks, knots.map_or(1, <[f64]>::len)))
    }
}

impl Flowing {
    /// Densities along the probability flow.
    fn along(&self, plan: &SampleConfig) -> Along<'_> {
        let solver = density_solver(plan.solver);
        Along {
            space: &self.space,
            dim: self.dim,
            chunk: self.chunk,
            reference: Gaussian::isotropic(vec![0.0; self.dim], self.reference_std()),
            grid: self.grid(&SampleConfig { solver, ..*plan }),
            solver,
            tolerance: None,
        }
    }
}

impl Generator for Flowing {
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError> {
        Ok(self.paths(noise, context, plan, None, None)?.pop().unwrap_or_default())
    }

    fn trace(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
    ) -> Result<Option<Vec<Vec<f64>>>, SolveError> {
        self.paths(noise, context, plan, Some(knots), None).map(Some)
    }

    fn guided(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        strength: Strength,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        if !self.nullable {
            return Ok(None);
        }
        Ok(self.paths(noise, context, plan, None, Some(strength))?.pop())
    }

    fn knows_null(&self) -> bool {
        self.nullable
    }

    fn condition(
        &self,
        conditions: &Conditions<'_>,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, InverseError> {
        let (d, grid) = (self.dim, self.grid(plan));
        let m = conditions.values.len() / noise.len().max(1);
        let draw = |rows: Range<usize>| {
            let values = conditions.values[rows.start * m..rows.end * m].to_vec();
            let values = self.space.tensor(values, [rows.len(), m]);
            let given = self.given(context, &rows);
            let task =
                Task { given, conditions, plan, grid: &grid, noise: noise.rows(rows.clone()) };
            let start = self.start(&task.noise);
            match conditions.seen {
                Seen::Mask(kept) => {
                    let kept = &kept[rows.start * d..rows.end * d];
                    task.draw(Mask::new(kept, d, &self.space)?, values, start)
                }
                Seen::Linear(matrix) => task.draw(matrix.clone(), values, start),
            }
        };
        let in_batch = |first: usize, error| match error {
            InverseError::Solve(error) => error.in_batch(first).into(),
            error => error,
        };
        let parts = chunked(&self.space, noise.len(), self.chunk, |rows| {
            let first = rows.start;
            draw(rows).map_err(|error| in_batch(first, error))
        })?;
        Ok(Some(parts.concat()))
    }

    fn carry(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        way: Way,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let solver = if plan.solver.kind() == SolverKind::Ode { plan.solver } else { Solver::Heun };
        let grid = self.grid(&SampleConfig { solver, ..*plan });
        let parts = chunked(&self.space, x.len() / self.dim, self.chunk, |rows| {
            let given = self.given(context, &rows);
            let x = states(x, self.dim, &rows, &self.space);
            let unit = self.reference_std();
            let carried = match way {
                Way::ToNoise => guide::encode(given, &grid, solver, x).map(|x| x.div_scalar(unit)),
                Way::ToData => guide::decode(given, &grid, solver, x.mul_scalar(unit)),
            };
            carried.map(to_host).map_err(|error| error.in_batch(rows.start))
        })?;
        Ok(Some(parts.concat()))
    }

    /// Along the probability flow with the exact divergence, by [`density_solver`].
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

    fn variational(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        levels: Variational,
        noise: &Noise,
    ) -> Result<Option<Estimated>, SolveError> {
        let parts = chunked(&self.space, noise.len(), self.chunk, |rows| {
            let x = states(x, self.dim, &rows, &self.space);
            let found = levels.bound(&self.given(context, &rows), &x, &noise.rows(rows.clone()));
            let (values, errors) = found.map_err(|error| error.in_batch(rows.start))?;
            Ok::<_, SolveError>((to_host(values), to_host(errors.0)))
        })?;
        Ok(Some(Estimated::joined(parts)))
    }
}
