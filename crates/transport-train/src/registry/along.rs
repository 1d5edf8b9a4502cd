//! Log-densities along a flow, chunk by chunk: exact or by probes, on fixed or chosen steps.

use super::chunks::{chunked, states};
use std::ops::Range;
use transport_core::device::to_host;
use transport_core::law::Gaussian;
use transport_core::{Density, Jvp, Noise, Space};
use transport_sde::likelihood::{EstimatedDensity, Hutchinson};
use transport_sde::method::Integrator;
use transport_sde::{Grid, OdeFlow, SolveError, Solver, SolverKind, Tolerance};

/// Estimates of log-densities, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimated {
    /// One for each row.
    pub values: Vec<f64>,
    /// The standard error of each, from the spread of its probes.
    pub std_errs: Vec<f64>,
}

impl Estimated {
    /// Chunks of values and their errors, in order.
    pub(super) fn joined(parts: Vec<(Vec<f64>, Vec<f64>)>) -> Self {
        let (values, std_errs): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Self { values: values.concat(), std_errs: std_errs.concat() }
    }
}

/// What integrates a density: the plan's method where it is one for fields and above first order,
/// else Heun's.
pub(super) fn density_solver(solver: Solver) -> Solver {
    match (solver.kind(), solver) {
        (SolverKind::Ode, Solver::Euler) => Solver::Heun,
        (SolverKind::Ode, solver) => solver,
        _ => Solver::Heun,
    }
}

/// The law that a flow carries a Gaussian to.
pub(super) struct Along<'a> {
    pub(super) space: &'a Space,
    pub(super) dim: usize,
    /// Rows of a chunk, for one evaluation of the field.
    pub(super) chunk: usize,
    /// Where the flow starts.
    pub(super) reference: Gaussian,
    /// Increasing.
    pub(super) grid: Grid,
    pub(super) solver: Solver,
    /// Steps by error instead of the grid's, where the method can.
    pub(super) tolerance: Option<Tolerance>,
}

impl Along<'_> {
    /// `log p(x)` with the exact divergence, `[n]`; `field` has the contexts of its rows bound.
    ///
    /// # Errors
    /// [`SolveError`] with the row and the time at which a state is not finite.
    pub(super) fn log_prob<F: Jvp>(
        &self,
        x: &[f64],
        field: impl Fn(&Range<usize>) -> F + Sync,
    ) -> Result<Vec<f64>, SolveError> {
        match self.controlled() {
            Some(integrator) => self.log_prob_by(x, field, integrator),
            None => self.log_prob_by(x, field, self.solver),
        }
    }

    /// `log p(x)` by probes; `noise` names the rows.
    ///
    /// # Errors
    /// As [`Along::log_prob`].
    pub(super) fn estimate<F: Jvp>(
        &self,
        x: &[f64],
        trace: Hutchinson,
        noise: &Noise,
        field: impl Fn(&Range<usize>) -> F + Sync,
    ) -> Result<Estimated, SolveError> {
        match self.controlled() {
            Some(integrator) => self.estimate_by(x, trace, noise, field, integrator),
            None => self.estimate_by(x, trace, noise, field, self.solver),
        }
    }

    fn controlled(&self) -> Option<transport_sde::Controlled> {
        self.tolerance.and_then(|tolerance| self.solver.controlled(tolerance).ok())
    }

    fn log_prob_by<F: Jvp>(
        &self,
        x: &[f64],
        field: impl Fn(&Range<usize>) -> F + Sync,
        solver: impl Integrator,
    ) -> Result<Vec<f64>, SolveError> {
        // d derivatives a step make a row d times as heavy.
        let (n, size) = (x.len() / self.dim, (self.chunk / self.dim.max(1)).max(16));
        let parts = chunked(self.space, n, size, |rows| {
            let flow =
                OdeFlow { field: field(&rows), grid: self.grid.clone(), solver: solver.clone() };
            let pulled = flow.try_pull(states(x, self.dim, &rows, self.space));
            let (z, log_det) = pulled.map_err(|error| error.in_batch(rows.start))?;
            Ok(to_host(self.reference.log_prob(z) + log_det))
        })?;
        Ok(parts.concat())
    }

    fn estimate_by<F: Jvp>(
        &self,
        x: &[f64],
        trace: Hutchinson,
        noise: &Noise,
        field: impl Fn(&Range<usize>) -> F + Sync,
        solver: impl Integrator,
    ) -> Result<Estimated, SolveError> {
        let parts = chunked(self.space, noise.len(), self.chunk, |rows| {
            let flow =
                OdeFlow { field: field(&rows), grid: self.grid.clone(), solver: solver.clone() };
            let law = EstimatedDensity { reference: self.reference.clone(), flow, trace };
            let found =
                law.try_estimate(states(x, self.dim, &rows, self.space), &noise.rows(rows.clone()));
            let (values, errors) = found.map_err(|error| error.in_batch(rows.start))?;
            Ok((to_host(values), to_host(errors.0)))
        })?;
        Ok(Estimated::joined(parts))
    }
}
