//! Forward simulation: from a law or a sample to the family (q_t) at given times.
//!
//! ```text
//! x_0 ~ q_0,     (x_{t_1}, …, x_{t_K}) a path of the process,     x_{t_k} ~ q_{t_k}
//! ```
//!
//! | item | is |
//! |---|---|
//! | [`Simulation`] | from where, to which times |
//! | [`Route`] | exact kernels from time to time, or steps of a solver |
//! | [`named`] | the processes by name, with their parameters |

pub mod named;

use crate::driver::{SolveError, Stepper, drive};
use crate::dynamics::Sde;
use crate::grid::{Grid, GridError};
use crate::method::Solver;
use burn::tensor::Tensor;
use std::cell::Cell;
use std::ops::ControlFlow;
use transport_core::process::Transition;
use transport_core::{Interval, Noise, Trajectory};

/// How a process is followed.
#[derive(Clone, Copy)]
pub enum Route<'a> {
    /// Its own kernels, from each time to the next: no discretisation error.
    Exact(&'a dyn Transition),
    /// Steps of a method, equal but for those that meet a time asked for.
    Steps {
        /// The dynamics.
        sde: &'a dyn Sde,
        /// An SDE method.
        solver: Solver,
        /// The number of equal steps from the start to the last time.
        steps: usize,
    },
}

impl std::fmt::Debug for Route<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(_) => f.write_str("Exact"),
            Self::Steps { solver, steps, .. } => {
                f.debug_struct("Steps").field("solver", solver).field("steps", steps).finish()
            }
        }
    }
}

/// Where a simulation starts and which times it reports.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Noise, Space, device, process::{LinearSde, OrnsteinUhlenbeck}};
/// use transport_sde::simulate::{Route, Simulation};
/// let ou = OrnsteinUhlenbeck::default();
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![2.0; 100], [100, 1]);
/// let plan = Simulation { start: 0.0, times: vec![0.0, 1.0, 4.0] };
/// let path = plan.run(&Route::Exact(&ou), x, &Noise::new(0, 100), |_, _| std::ops::ControlFlow::Continue(())).unwrap();
/// assert_eq!((path.laws().unwrap().len(), path.states[2].dims()), (3, [100, 1]));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The time of the given states.
    pub start: f64,
    /// The times reported: finite, increasing, from `start` on.
    pub times: Vec<f64>,
}

/// A simulation that cannot begin, or did not reach its end.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// A time before the start, not finite, or not after the one before it.
    #[error("time {index} is {value}: times are finite and increase from the start, {start}")]
    Times {
        /// Where, counted from 0.
        index: usize,
        /// What stands there.
        value: f64,
        /// The start.
        start: f64,
    },
    /// No times.
    #[error("no times were asked for")]
    NoTimes,
    /// Steps that make no grid.
    #[error("0 steps: a solver takes at least 1")]
    NoSteps,
    /// A method for ODEs, or one that asks for more than the process offers.
    #[error(
        "`{}` does not integrate this process: it takes an SDE method that asks for no more than \
         the process offers",
        .solver.name()
    )]
    Unfit {
        /// The method.
        solver: Solver,
    },
    /// The integration failed.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

/// A simulation that stopped, with what was computed until then.
#[derive(Debug, thiserror::Error)]
#[error("{source}; {} of the times asked for were reached", .kept.times.len())]
pub struct Stopped {
    /// The states at the times that were reached.
    pub kept: Trajectory,
    /// Why it stopped.
    #[source]
    pub source: SimulateError,
}

impl From<SimulateError> for Stopped {
    fn from(source: SimulateError) -> Self {
        Self { kept: Trajectory { times: Vec::new(), states: Vec::new() }, source }
    }
}

impl Simulation {
    /// The states at the times asked for, all of one path for each row of `x`;
    /// `watch(k, K)` is told of each step, and may break off.
    ///
    /// # Errors
    /// [`Stopped`]: times that do not increase, a method that does not fit, a state that is not
    /// finite, with the time and the step, or a watch that broke off; the states before it are
    /// kept.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; each state `[n, d]`.
    pub fn run(
        &self,
        route: &Route<'_>,
        x: Tensor<2>,
        noise: &Noise,
        mut watch: impl FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Trajectory, Stopped> {
        self.check()?;
        let halted = Cell::new(false);
        let mut stepper = Halting { inner: route.stepper(noise)?, halted: &halted };
        let mut kept = Trajectory { times: Vec::new(), states: Vec::new() };
        let mut keep = |t: f64, x: &Tensor<2>| {
            if self.times.contains(&t) {
                kept.times.push(t);
                kept.states.push(x.clone());
            }
        };
        let Some(grid) = self.grid(route)? else {
            keep(self.start, &x);
            return Ok(kept);
        };
        let total = grid.times().len() - 1;
        let end = drive(&mut stepper, x, &grid, |k, t, x| {
            halted.set(watch(k, total).is_break());
            keep(t, x);
        });
        match end {
            Ok(_) => Ok(kept),
            Err(error) => Err(Stopped { kept, source: error.into() }),
        }
    }

    fn check(&self) -> Result<(), SimulateError> {
        if self.times.is_empty() {
            return Err(SimulateError::NoTimes);
        }
        let mut least = self.start;
        for (index, value) in self.times.iter().copied().enumerate() {
            let after = value > least || (index == 0 && value == least);
            if !after || !value.is_finite() {
                return Err(SimulateError::Times { index, value, start: self.start });
            }
            least = value;
        }
        Ok(())
    }

    /// The times to step through; none when the start is all that is asked for.
    fn grid(&self, route: &Route<'_>) -> Result<Option<Grid>, SimulateError> {
        let end = self.times[self.times.len() - 1];
        if end == self.start {
            return Ok(None);
        }
        let steps = match route {
            Route::Exact(_) => 1,
            Route::Steps { steps, .. } => *steps,
        };
        let whole = Grid::uniform(Interval { start: self.start, end }, steps);
        let grid = whole.map_err(|error| match error {
            GridError::TooShort { .. } => SimulateError::NoSteps,
            // Steps too small for the clock's digits.
            _ => SimulateError::Times { index: 0, value: end, start: self.start },
        })?;
        Ok(Some(grid.with_knots(&self.times)))
    }
}

impl<'a> Route<'a> {
    fn stepper(&self, noise: &Noise) -> Result<Box<dyn Stepper + 'a>, SimulateError> {
        match *self {
            Self::Exact(process) => {
                let noise = noise.purpose("transition");
                Ok(Box::new(ExactStepper { process, noise, evals: 0 }))
            }
            Self::Steps { sde, solver, .. } => {
                solver.on_sde(sde, noise).ok_or(SimulateError::Unfit { solver })
            }
        }
    }
}

/// A stepper that takes no further step once it is told so.
struct Halting<'a, 'b> {
    inner: Box<dyn Stepper + 'a>,
    halted: &'b Cell<bool>,
}

impl Stepper for Halting<'_, '_> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        if self.halted.get() {
            return Err(SolveError::Halted { t, step: k + 1, evals: self.evals() });
        }
        self.inner.step(k, x, t, h)
    }

    fn evals(&self) -> usize {
        self.inner.evals()
    }
}

/// A process's own kernels as a method: each step is exact.
struct ExactStepper<'a> {
    process: &'a dyn Transition,
    noise: Noise,
    evals: usize,
}

impl Stepper for ExactStepper<'_> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        self.evals += 1;
        Ok(self.process.advance(x, t, t + h, &self.noise.at_step(k as u64)))
    }

    fn evals(&self) -> usize {
        self.evals
    }
}
