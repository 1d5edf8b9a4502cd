//! States between the steps of a grid.

use super::{OdeMethod, OdeStepper};
use crate::driver::{SolveError, Statistics, Stepper};
use crate::grid::Grid;
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::Field;

/// An [`OdeMethod`] that keeps to the steps of one grid while it is asked for states at the times
/// of another, finer one: they are read off the continuous extension of the step that they lie
/// in, [`OdeMethod::between`], so looking does not change the path.
///
/// # Checked by
/// `tests/it/ode_dense.rs`
pub struct Ahead<'a, M: OdeMethod> {
    stepper: OdeStepper<'a, M>,
    times: Vec<f64>,
    /// Steps taken, and the ends of the last.
    taken: usize,
    ends: Option<(Tensor<2>, Tensor<2>)>,
}

impl<M: OdeMethod> Debug for Ahead<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead").field("stepper", &self.stepper).finish_non_exhaustive()
    }
}

impl<'a, M: OdeMethod> Ahead<'a, M> {
    /// Binds `M` to a field and to the steps of a grid.
    #[must_use]
    pub fn new(field: &'a dyn Field, grid: &Grid) -> Self {
        let stepper = OdeStepper::new(field);
        Self { stepper, times: grid.times().to_vec(), taken: 0, ends: None }
    }

    /// Whether the grid's time `k` is short of a time, by more than rounding, in the direction of
    /// `h`.
    fn is_before(&self, k: usize, time: f64, h: f64) -> bool {
        let rounding = 4.0 * f64::EPSILON * time.abs().max(h.abs());
        (time - self.times[k]) * h.signum() > rounding && k + 1 < self.times.len()
    }
}

impl<M: OdeMethod> Stepper for Ahead<'_, M> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        if k == 0 {
            (self.taken, self.ends) = (0, None);
        }
        let (mut start, mut end) = self.ends.take().unwrap_or_else(|| (x.clone(), x));
        while self.is_before(self.taken, t + h, h) {
            let (k, from) = (self.taken, self.times[self.taken]);
            start = end;
            end = self.stepper.step(k, start.clone(), from, self.times[k + 1] - from)?;
            self.taken += 1;
        }
        if self.taken == 0 {
            // A rounding after the start.
            self.ends = Some((start, end.clone()));
            return Ok(end);
        }
        let (from, to) = (self.times[self.taken - 1], self.times[self.taken]);
        let theta = (t + h - from) / (to - from);
        let state = match (1.0 - theta).abs() <= 1e-12 {
            true => end.clone(),
            false => self.stepper.between((&start, &end), from, to - from, theta),
        };
        self.ends = Some((start, end));
        Ok(state)
    }

    fn evals(&self) -> usize {
        self.stepper.evals()
    }

    fn statistics(&self) -> Statistics {
        self.stepper.statistics()
    }
}
