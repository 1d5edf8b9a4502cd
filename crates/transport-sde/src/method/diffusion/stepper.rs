//! A diffusion method bound to a denoiser, a grid and its noise.

use super::{DiffusionMethod, Ends, Leap, Scales};
use crate::driver::{SolveError, Stepper};
use crate::grid::Grid;
use burn::tensor::Tensor;
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use transport_core::{Denoiser, Noise, Schedule, Times};

/// A method's setting that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{what} is {value}: {expected}")]
pub struct SettingError {
    /// The setting.
    pub what: &'static str,
    /// Its value.
    pub value: f64,
    /// What would be right.
    pub expected: &'static str,
}

impl SettingError {
    /// `Err` unless `holds`.
    pub(super) fn unless(
        holds: bool,
        what: &'static str,
        value: f64,
        expected: &'static str,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { what, value, expected }) }
    }
}

/// A [`DiffusionMethod`] bound to a denoiser, a grid and the noise that drives it.
pub struct DiffusionStepper<'a, M: DiffusionMethod> {
    denoiser: Counted<'a>,
    method: M,
    memory: M::Memory,
    noise: Noise,
    steps: usize,
}

impl<'a, M: DiffusionMethod> DiffusionStepper<'a, M> {
    /// Binds `method`; step `k` of `grid` draws from `noise.at_step(k)`.
    ///
    /// # Errors
    /// [`SettingError`] when the method's settings are out of range.
    pub fn new(
        method: M,
        denoiser: &'a dyn Denoiser,
        grid: &Grid,
        noise: &Noise,
    ) -> Result<Self, SettingError> {
        method.check()?;
        let denoiser = Counted { inner: denoiser, evals: AtomicUsize::new(0) };
        let (memory, noise) = (M::Memory::default(), noise.purpose("diffusion"));
        Ok(Self { denoiser, method, memory, noise, steps: grid.times().len() - 1 })
    }
}

impl<M: DiffusionMethod> Debug for DiffusionStepper<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiffusionStepper").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<M: DiffusionMethod> Stepper for DiffusionStepper<'_, M> {
    /// # Panics
    /// When `h ≤ 0` or the step leaves the schedule's [`Schedule::sampling`] interval.
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        let schedule = self.denoiser.schedule();
        // t + h may miss the clean end by a rounding, and σ = 0 with it.
        let next = if t + h > 1.0 - f64::EPSILON { 1.0 } else { t + h };
        let within = schedule.sampling();
        assert!(h > 0.0, "a diffusion sampler steps forwards, not by {h}");
        assert!(
            t > within.start - 1e-9 && t + h < within.end + 1e-9,
            "[{t}, {next}] is outside the schedule's {within:?}"
        );
        let noise = self.noise.at_step(k as u64);
        let ends = Ends { from: Scales::at(schedule, t), to: Scales::at(schedule, next) };
        let leap = Leap { k, steps: self.steps.max(k + 1), t, next, ends, noise: &noise };
        Ok(self.method.step(&self.denoiser, x, &leap, &mut self.memory))
    }

    fn evals(&self) -> usize {
        self.denoiser.evals.load(Ordering::Relaxed)
    }
}

/// A denoiser that counts its evaluations.
struct Counted<'a> {
    inner: &'a dyn Denoiser,
    evals: AtomicUsize,
}

impl Denoiser for Counted<'_> {
    fn schedule(&self) -> &dyn Schedule {
        self.inner.schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.evals.fetch_add(1, Ordering::Relaxed);
        self.inner.data(x, t)
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        self.evals.fetch_add(1, Ordering::Relaxed);
        self.inner.posterior(x, t)
    }
}
