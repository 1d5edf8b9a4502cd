//! A dynamics integrated from its reference, by whichever kind of solver was asked for.

use burn::tensor::Tensor;
use transport_core::{Denoiser, Noise, Schedule, ScoredField};
use transport_sde::dynamics::Epsilon;
use transport_sde::flow::record;
use transport_sde::{
    Family as Stochastic, Grid, OdeFlow, SdeFlow, SolveError, Solver, SolverKind, drive,
};

/// A field, the schedule and the noise of its stochastic solvers, and how it is integrated.
pub(super) struct Integrated<F, S> {
    pub(super) field: F,
    pub(super) schedule: S,
    pub(super) epsilon: Epsilon,
    pub(super) grid: Grid,
    pub(super) solver: Solver,
}

impl<F: ScoredField + Denoiser, S: Schedule> Integrated<F, S> {
    /// The states at the knots, or the last alone.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub(super) fn states(
        self,
        start: Tensor<2>,
        knots: Option<&[f64]>,
        path: &Noise,
    ) -> Result<Vec<Tensor<2>>, SolveError> {
        let Self { field, schedule, epsilon, grid, solver } = self;
        match solver.kind() {
            SolverKind::Ode => {
                let flow = OdeFlow { field, grid, solver };
                match knots {
                    None => Ok(vec![flow.solve(start)?]),
                    Some(knots) => Ok(flow.solve_trace(start, knots)?.states),
                }
            }
            SolverKind::Sde => {
                let flow = SdeFlow { sde: Stochastic { field, schedule, epsilon }, grid, solver };
                match knots {
                    None => Ok(vec![flow.solve(start, path)?]),
                    Some(knots) => Ok(flow.solve_trace(start, knots, path)?.states),
                }
            }
            SolverKind::Diffusion => {
                let steps = knots.map_or(grid.clone(), |knots| grid.with_knots(knots));
                // The kind was asked for.
                #[allow(clippy::expect_used)]
                let mut stepper =
                    solver.on_denoiser(&field, &steps, path).expect("a diffusion sampler");
                match knots {
                    None => Ok(vec![drive(&mut *stepper, start, &grid, |_, _, _| {})?]),
                    Some(knots) => Ok(record(&mut *stepper, start, &grid, knots)?.states),
                }
            }
        }
    }
}
