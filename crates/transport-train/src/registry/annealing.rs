//! Annealed Langevin dynamics down a learned ladder of scores.

use burn::tensor::Tensor;
use std::ops::ControlFlow;
use transport_core::schedule::Named;
use transport_core::{Noise, Schedule, ScoredField};
use transport_sde::SolveError;
use transport_sde::langevin::{Annealed, FieldLadder, Plan, SampleError, Tuning, sample};

/// The step at a level in units of its variance, `ε_k = c σ_k²`: Euler–Maruyama inflates the
/// variance that a level is left with by `c/2` at most, and a few steps cross the next one.
const STEP: f64 = 0.1;

/// Langevin steps, shared equally among the levels of a model.
#[derive(Debug)]
pub(super) struct Annealing<'a, F> {
    pub(super) field: F,
    pub(super) schedule: Named,
    /// The times of the levels, increasing.
    pub(super) levels: &'a [f64],
    pub(super) steps: usize,
}

impl<F: ScoredField> Annealing<'_, F> {
    /// The states at `knots`, or at the end alone: what the levels up to a knot have made.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    pub(super) fn states(
        &self,
        start: Tensor<2>,
        knots: Option<&[f64]>,
        noise: &Noise,
    ) -> Result<Vec<Tensor<2>>, SolveError> {
        let (knots, last) = (knots.unwrap_or(&[1.0]), self.levels.len() - 1);
        let mut states = vec![start.clone(); knots.len()];
        let (field, schedule, times) = (&self.field, self.schedule, self.levels.to_vec());
        let annealed =
            Annealed { ladder: FieldLadder { field, schedule, times }, descent: self.steps };
        let step = STEP * schedule.at(self.levels[last]).sigma.powi(2);
        let plan = Plan { thin: self.steps, ..Plan::fixed(Tuning::new(step), 1) };
        let run = sample(&annealed, start, &plan, noise, |report| {
            let t = self.levels[annealed.level(report.step - 1)];
            for (state, _) in states.iter_mut().zip(knots).filter(|(_, knot)| **knot >= t) {
                *state = report.state.x.clone();
            }
            ControlFlow::Continue(())
        });
        match run.map_err(|halted| halted.error) {
            Ok(_) => Ok(states),
            Err(error) => {
                let (row, step) = match error {
                    SampleError::NotFinite { chain, step, .. } => (chain, step),
                    _ => (0, self.steps),
                };
                let t = self.levels[annealed.level(step.saturating_sub(1))];
                Err(SolveError::NotFinite { t, row, step, evals: step + 1 })
            }
        }
    }
}
