//! A method bound to its dynamics and to the noise that drives it.

use super::{BrownianTree, Increment, SdeMethod, Span, Walk};
use crate::driver::{SolveError, Stepper};
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::{Noise, Space};

/// An [`SdeMethod`] bound to an SDE and to the noise that drives it.
pub struct SdeStepper<'a, M: SdeMethod> {
    sde: &'a M::On<'a>,
    method: M,
    source: Source,
    evals: usize,
}

/// Where increments come from.
enum Source {
    /// Step `k` draws afresh from `noise.at_step(k)`.
    Steps(Noise),
    /// All steps walk along one path.
    Path(Box<Walk>),
}

impl<'a, M: SdeMethod> SdeStepper<'a, M> {
    /// Binds `M` to an SDE; step `k` is driven by `noise.at_step(k)`.
    #[must_use]
    pub fn new(sde: &'a M::On<'a>, noise: &Noise) -> Self {
        Self::driven(sde, Source::Steps(noise.purpose("brownian")))
    }

    /// Binds `M` to an SDE and to the paths of a tree: every method on every grid sees the same.
    #[must_use]
    pub fn on_tree(sde: &'a M::On<'a>, tree: &BrownianTree) -> Self {
        Self::driven(sde, Source::Path(Box::new(tree.walk())))
    }

    fn driven(sde: &'a M::On<'a>, source: Source) -> Self {
        Self { sde, method: M::default(), source, evals: 0 }
    }
}

impl<M: SdeMethod> Debug for SdeStepper<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SdeStepper").field("method", &self.method).finish_non_exhaustive()
    }
}

impl<M: SdeMethod> Stepper for SdeStepper<'_, M> {
    /// # Panics
    /// When `h ≤ 0`: an SDE is reversed first, then stepped forwards. When the state's shape is
    /// not the tree's.
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        assert!(h > 0.0, "an SDE steps forwards, not by {h}");
        self.evals += M::STAGES;
        let (span, space) = (Span::Same { t, h }, Space::of(&x));
        let path = match &mut self.source {
            Source::Steps(noise) => {
                let noise = noise.at_step(k as u64);
                Increment::draw(&noise, x.dims()[1], span, M::AREA, &space)
            }
            Source::Path(walk) => walk.increment(span, M::AREA, &space),
        };
        Ok(self.method.step(self.sde, x, span, &path))
    }

    fn evals(&self) -> usize {
        self.evals
    }
}
