//! Adaptive stepping: each row of the batch keeps its own time and its own step.

use super::Counted;
use super::control::{Clock, Stride, Tolerance};
use super::rows::{Rows, assemble, pick, reorder};
use super::segment::{Mark, Segment};
use super::tableau::Span;
use crate::driver::{SolveError, Statistics, Stepper};
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::{Field, Times};

/// A one-step method that estimates the error of its step.
pub trait AdaptiveMethod: Debug + Send + Sync {
    /// `k` where the estimated error is `O(hᵏ)`.
    const EXPONENT: usize;
    /// The orders of the embedded methods.
    const EMBEDDED: &'static [usize];
    /// The order of the continuous extension: `O(h^{q+1})` inside a step.
    const DENSE_ORDER: usize;

    /// A step from `x`, where the field is `slope`.
    ///
    /// # Shapes
    /// `x`, `slope`: `[n, d]`.
    fn attempt(
        &self,
        field: &dyn Field,
        x: &Tensor<2>,
        slope: &Tensor<2>,
        span: &Span<'_>,
    ) -> Attempt;

    /// The terms `F₀, F₁, …` of the continuous extension, as
    /// [`Dense`](super::tableau::Dense) nests them.
    ///
    /// # Shapes
    /// `end_slope`: `[n, d]`; each term `[n, d]`.
    fn dense(
        &self,
        field: &dyn Field,
        step: Attempt,
        end_slope: Tensor<2>,
        span: &Span<'_>,
    ) -> Vec<Tensor<2>>;
}

/// A step that has been tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// `x(t)`.
    pub start: Tensor<2>,
    /// `x(t + h)`.
    pub end: Tensor<2>,
    /// `v(x(t+h), t+h)`, when the method has evaluated it anyway.
    pub end_slope: Option<Tensor<2>>,
    /// What the continuous extension is made of.
    pub stages: Vec<Tensor<2>>,
    /// The error estimates.
    pub errors: Vec<Tensor<2>>,
}

impl Attempt {
    fn pick(&self, places: &[usize]) -> Self {
        let each = |tensors: &[Tensor<2>]| tensors.iter().map(|x| pick(x, places)).collect();
        Self {
            start: pick(&self.start, places),
            end: pick(&self.end, places),
            end_slope: self.end_slope.as_ref().map(|x| pick(x, places)),
            stages: each(&self.stages),
            errors: each(&self.errors),
        }
    }
}

/// A step tried by some rows, with the size of its error.
struct Trial {
    clocks: Vec<Clock>,
    strides: Vec<Stride>,
    ratios: Vec<f64>,
    step: Attempt,
}

impl Trial {
    fn pick(&self, places: &[usize]) -> Self {
        Self {
            clocks: places.iter().map(|i| self.clocks[*i]).collect(),
            strides: places.iter().map(|i| self.strides[*i]).collect(),
            ratios: places.iter().map(|i| self.ratios[*i]).collect(),
            step: self.step.pick(places),
        }
    }
}

/// An [`AdaptiveMethod`] bound to a field and a tolerance.
///
/// A row's steps depend on that row alone: rows that have arrived leave the batch, which shrinks,
/// and a row's bits do not depend on the others (provided that the field's rows do not). Steps
/// are remembered from one interval of the grid to the next.
///
/// By itself a row steps onto each time of the grid. With [`Adaptive::until`] it steps on as its
/// error allows, the last step cut at the end alone, and the states on the grid are read off the
/// continuous extension; then the state handed to a step after the first has to be the one that
/// the step before it returned.
///
/// # References
/// Hairer, Nørsett & Wanner (1993), §II.4 and II.6.
/// # Checked by
/// `tests/it/ode_adaptive.rs`
pub struct Adaptive<'a, M> {
    field: Counted<'a>,
    method: M,
    tolerance: Tolerance,
    horizon: Option<f64>,
    together: bool,
    rows: Option<Rows>,
    segments: Vec<Segment>,
    accepted: usize,
    rejected: usize,
}

impl<M: Debug> Debug for Adaptive<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adaptive")
            .field("method", &self.method)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}

impl<'a, M: AdaptiveMethod> Adaptive<'a, M> {
    /// Binds a method to a field.
    #[must_use]
    pub fn new(method: M, field: &'a dyn Field, tolerance: Tolerance) -> Self {
        Self {
            field: Counted::new(field),
            method,
            tolerance,
            horizon: None,
            together: false,
            rows: None,
            segments: Vec::new(),
            accepted: 0,
            rejected: 0,
        }
    }

    /// Lets rows run ahead of the grid, but not past `end`.
    #[must_use]
    pub fn until(self, end: f64) -> Self {
        Self { horizon: Some(end), ..self }
    }

    /// Takes one step for all rows, by the root mean square of the error over the whole batch: the
    /// batch is one row of `n d` coordinates. A row's result then depends on the others.
    ///
    /// Steps are counted once, and a failure names row 0.
    #[must_use]
    pub fn together(self) -> Self {
        Self { together: true, ..self }
    }

    /// The end of the grid's interval, free of the rounding of `t + h` at the horizon.
    fn target(&self, t: f64, h: f64) -> f64 {
        let target = t + h;
        let rounding = 4.0 * f64::EPSILON * t.abs().max(h.abs());
        self.horizon.filter(|end| (end - target).abs() <= rounding).unwrap_or(target)
    }

    fn start(&mut self, k: usize, x: Tensor<2>, t: f64, length: f64) -> Result<Rows, SolveError> {
        self.segments.clear();
        let slope = self.field.eval(x.clone(), Times::Same(t));
        let slopes = self.tolerance.norms(&slope, [&x, &x]);
        if let Some(row) = slopes.iter().position(|size| !size.is_finite()) {
            return Err(SolveError::NotFinite { t, row, step: k + 1, evals: self.evals() });
        }
        let steps = match self.tolerance.first() {
            Some(h) => vec![h; slopes.len()],
            None => self.first_steps(&x, &slope, &slopes, t, length),
        };
        let longest = self.tolerance.longest().min(length.abs());
        let clock = |(row, h): (usize, f64)| Clock::new(row, t, h.min(longest).copysign(length));
        Ok(Rows { clocks: steps.into_iter().enumerate().map(clock).collect(), x, slope })
    }

    /// Lengths of first steps, from the field's size and its change over a small explicit step.
    fn first_steps(
        &self,
        x: &Tensor<2>,
        slope: &Tensor<2>,
        slopes: &[f64],
        t: f64,
        length: f64,
    ) -> Vec<f64> {
        let sizes = self.tolerance.norms(x, [x, x]);
        let small = |(d0, d1): (&f64, &f64)| match *d0 < 1e-5 || *d1 < 1e-5 {
            true => 1e-6f64.min(length.abs()),
            false => (0.01 * d0 / d1).min(length.abs()),
        };
        let trial: Vec<f64> = sizes.iter().zip(slopes).map(small).collect();
        let by: Vec<f64> = trial.iter().map(|h| h.copysign(length)).collect();
        let at = vec![t; by.len()];
        let span = Span::each(&at, &by);
        let there = span.combine(Some(x), &[1.0], std::slice::from_ref(slope));
        let bend = span.eval(&self.field, there, 1.0) - slope.clone();
        let changes = self.tolerance.norms(&bend, [x, x]);
        let length = |((h, d1), change): ((&f64, &f64), &f64)| {
            let steepest = d1.max(change / h);
            let long = match steepest <= 1e-15 {
                true => 1e-6f64.max(1e-3 * h),
                // A root of order k.
                false => ((0.01 / steepest).ln() / M::EXPONENT as f64).exp(),
            };
            long.min(100.0 * h)
        };
        trial.iter().zip(slopes).zip(&changes).map(length).collect()
    }

    /// The rows at the start of another interval of the grid.
    fn resume(&self, rows: Rows, x: Tensor<2>, t: f64) -> Rows {
        if self.horizon.is_some() {
            return rows;
        }
        let clocks: Vec<Clock> = rows.clocks.iter().map(|clock| Clock { t, ..*clock }).collect();
        let order: Vec<usize> = clocks.iter().map(|clock| clock.row).collect();
        let x = reorder(x, &order);
        let slope = self.field.eval(x.clone(), Times::Same(t));
        Rows { clocks, x, slope }
    }

    /// Steps every row to `target` or past it.
    fn advance(&mut self, k: usize, rows: Rows, target: f64) -> Result<Rows, SolveError> {
        let segments = std::mem::take(&mut self.segments);
        self.segments = segments.into_iter().filter_map(|s| s.beyond(target)).collect();
        let (mut moving, there) = rows.split(target);
        let mut arrived: Vec<Rows> = there.into_iter().collect();
        while let Some(rows) = moving {
            let (still, there) = self.attempt(k, rows, target)?.split(target);
            arrived.extend(there);
            moving = still;
        }
        Ok(Rows::join(arrived))
    }

    /// Tries a step of each row, and keeps those that are exact enough.
    fn attempt(&mut self, k: usize, mut rows: Rows, target: f64) -> Result<Rows, SolveError> {
        let mut trial = self.trial(&rows, self.horizon.unwrap_or(target));
        if trial.ratios.iter().all(|ratio| *ratio <= 1.0) {
            self.accepted += trial.ratios.len();
            trial.clocks = std::mem::take(&mut rows.clocks);
            return self.accept(k, trial, target);
        }
        trial.clocks.clone_from(&rows.clocks);
        let (kept, refused): (Vec<usize>, Vec<usize>) =
            (0..trial.ratios.len()).partition(|i| trial.ratios[*i] <= 1.0);
        self.accepted += kept.len();
        self.rejected += refused.len();
        let mut next = vec![self.refuse(k, rows.pick(&refused), &trial, &refused)?];
        if !kept.is_empty() {
            next.push(self.accept(k, trial.pick(&kept), target)?);
        }
        Ok(Rows::join(next))
    }

    /// A step of each row, not yet judged; the clocks stay with the rows.
    fn trial(&self, rows: &Rows, limit: f64) -> Trial {
        let longest = self.tolerance.longest();
        let stride = |clock: &Clock| clock.stride(limit, longest);
        let strides: Vec<Stride> = rows.clocks.iter().map(stride).collect();
        let (t, h) = spans(&rows.clocks, &strides);
        let step = self.method.attempt(&self.field, &rows.x, &rows.slope, &Span::each(&t, &h));
        let ratios = self.tolerance.ratios((&step.start, &step.end), &step.errors);
        Trial { clocks: Vec::new(), strides, ratios, step }
    }

    /// Leaves rows where they are, with shorter steps.
    fn refuse(
        &self,
        k: usize,
        mut rows: Rows,
        trial: &Trial,
        places: &[usize],
    ) -> Result<Rows, SolveError> {
        for (clock, i) in rows.clocks.iter_mut().zip(places) {
            *clock = clock.refuse(trial.strides[*i], trial.ratios[*i], M::EXPONENT);
            self.check(k, clock, trial.ratios[*i])?;
        }
        Ok(rows)
    }

    /// Moves rows to the end of their steps, and keeps the steps that pass `target`.
    fn accept(&mut self, k: usize, trial: Trial, target: f64) -> Result<Rows, SolveError> {
        let slope = self.end_slope(&trial);
        let passes = |stride: &Stride| (stride.end - target) * stride.h.signum() > 0.0;
        let past: Vec<usize> =
            (0..trial.strides.len()).filter(|i| passes(&trial.strides[*i])).collect();
        if !past.is_empty() {
            let segment = self.segment(trial.pick(&past), pick(&slope, &past));
            self.segments.push(segment);
        }
        let Trial { mut clocks, strides, ratios, step } = trial;
        let controller = self.tolerance.controller(M::EXPONENT);
        for ((clock, stride), ratio) in clocks.iter_mut().zip(&strides).zip(&ratios) {
            *clock = clock.accept(*stride, *ratio, controller);
            if !clock.reached(target) {
                self.check(k, &Clock { h: stride.h, ..*clock }, 0.0)?;
            }
        }
        Ok(Rows { clocks, x: step.end, slope })
    }

    fn end_slope(&self, trial: &Trial) -> Tensor<2> {
        trial.step.end_slope.clone().unwrap_or_else(|| {
            let (t, h) = spans(&trial.clocks, &trial.strides);
            Span::each(&t, &h).eval(&self.field, trial.step.end.clone(), 1.0)
        })
    }

    fn segment(&self, trial: Trial, slope: Tensor<2>) -> Segment {
        let (t, h) = spans(&trial.clocks, &trial.strides);
        let span = Span::each(&t, &h);
        let mark = |(clock, stride): (&Clock, &Stride)| {
            let (Clock { row, t, .. }, Stride { h, end }) = (*clock, *stride);
            Mark { row, t, h, end }
        };
        let marks = trial.clocks.iter().zip(&trial.strides).map(mark).collect();
        let start = trial.step.start.clone();
        Segment { marks, start, terms: self.method.dense(&self.field, trial.step, slope, &span) }
    }

    /// Whether a row may go on.
    fn check(&self, k: usize, clock: &Clock, ratio: f64) -> Result<(), SolveError> {
        let Clock { row, t, h, steps, .. } = *clock;
        let (stuck, spent) = (clock.is_stuck(), steps >= self.tolerance.budget());
        if !stuck && !spent {
            return Ok(());
        }
        let (step, evals) = (k + 1, self.evals());
        match (stuck, ratio.is_finite()) {
            (true, true) => Err(SolveError::StepTooSmall { t, h, row, step, evals }),
            (true, false) => Err(SolveError::NotFinite { t, row, step, evals }),
            _ => Err(SolveError::Budget { t, row, steps, step, evals }),
        }
    }

    /// The states at `target`, in the order of the batch.
    fn states(&self, rows: &Rows, target: f64) -> Tensor<2> {
        let there: Vec<usize> =
            (0..rows.clocks.len()).filter(|i| rows.clocks[*i].t == target).collect();
        let mut pieces: Vec<_> = self.segments.iter().map(|s| s.at(target)).collect();
        if !there.is_empty() {
            let ids = there.iter().map(|i| rows.clocks[*i].row).collect();
            pieces.push((ids, pick(&rows.x, &there)));
        }
        assemble(pieces)
    }
}

fn spans(clocks: &[Clock], strides: &[Stride]) -> (Vec<f64>, Vec<f64>) {
    (clocks.iter().map(|clock| clock.t).collect(), strides.iter().map(|s| s.h).collect())
}

impl<M: AdaptiveMethod> Stepper for Adaptive<'_, M> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        let [n, d] = x.dims();
        if n * d == 0 {
            return Ok(x);
        }
        let x = if self.together { x.reshape([1, n * d]) } else { x };
        self.field.columns = if self.together { d } else { 0 };
        let target = self.target(t, h);
        let rows = match self.rows.take() {
            Some(rows) if k > 0 => self.resume(rows, x, t),
            _ => self.start(k, x, t, self.horizon.unwrap_or(target) - t)?,
        };
        let rows = self.advance(k, rows, target)?;
        let states = self.states(&rows, target);
        self.rows = Some(rows);
        Ok(states.reshape([n, d]))
    }

    fn evals(&self) -> usize {
        self.field.calls()
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            accepted: self.accepted,
            rejected: self.rejected,
            evals: self.field.calls(),
            rows: self.field.rows(),
        }
    }
}
