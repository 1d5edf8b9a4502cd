//! Replacement: what was observed is put back, noised, after each step.

use super::{Observation, Operator};
use crate::driver::{SolveError, Stepper};
use burn::tensor::Tensor;
use transport_core::{Noise, Schedule, Space};

/// A sampler's step, after which the observed part of the state is replaced by the observation at the
/// new noise level.
///
/// ```text
/// x' = step(x),     y' = α' y + σ' A ε,     x' ← x' + A⁺ (y' − A x'),     ε ~ N(0, I)
/// ```
///
/// `A⁺ = Aᵀ (A Aᵀ)⁻¹`: for a mask, the seen coordinates are overwritten. The unseen part of a step does
/// not know what the seen part will be; going back by the noising kernel and stepping again,
/// `resample` times in all, lets it catch up:
///
/// ```text
/// x ← (α/α') x' + √(σ² − (α/α')² σ'²) z
/// ```
///
/// What is sampled is the posterior neither with nor without, but nearer with.
///
/// # References
/// Song et al. (2021), app. I.2; Choi et al. (2021), "ILVR", for other operators than masks; Lugmayr
/// et al. (2022), "RePaint", alg. 1.
/// # Checked by
/// `tests/it/inverse.rs`
pub(super) struct Replacing<'a, O> {
    /// One for each repetition, so that a method with memory sees each time once.
    pub(super) inner: Vec<Box<dyn Stepper + 'a>>,
    pub(super) schedule: &'a dyn Schedule,
    pub(super) observation: &'a Observation<O>,
    pub(super) noise: Noise,
    /// The times of the grid; at the last one the clean observation is put in.
    pub(super) times: &'a [f64],
}

impl<O: Operator> Replacing<'_, O> {
    fn draw(&self, x: &Tensor<2>, purpose: &str, k: usize) -> Tensor<2> {
        self.noise.purpose(purpose).at_step(k as u64).normal(x.dims()[1], &Space::of(x))
    }

    /// After step `k`.
    fn replaced(&self, x: Tensor<2>, k: usize, draw: Tensor<2>) -> Tensor<2> {
        let operator = &self.observation.operator;
        let (alpha, sigma) = if k + 2 < self.times.len() {
            let c = self.schedule.at(self.times[k + 1]);
            (c.alpha, c.sigma)
        } else {
            (1.0, 0.0)
        };
        let noised = self.observation.values.clone().mul_scalar(alpha)
            + operator.apply(draw).mul_scalar(sigma);
        let residual = noised - operator.apply(x.clone());
        let one = Space::of(&x).column(&[1.0]);
        x + operator.adjoint(operator.precision(residual, one, 0.0))
    }

    fn back(&self, x: Tensor<2>, t: f64, next: f64, draw: Tensor<2>) -> Tensor<2> {
        let (c, d) = (self.schedule.at(t), self.schedule.at(next));
        let scale = c.alpha / d.alpha;
        let variance = (c.sigma * c.sigma - (scale * d.sigma).powi(2)).max(0.0);
        x.mul_scalar(scale) + draw.mul_scalar(variance.sqrt())
    }
}

impl<O: Operator> Stepper for Replacing<'_, O> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        let (mut x, rounds) = (x, self.inner.len());
        for round in 0..rounds {
            x = self.inner[round].step(k, x, t, h)?;
            let draw = self.draw(&x, &format!("replace.{round}"), k);
            x = self.replaced(x, k, draw);
            if round + 1 < rounds {
                let draw = self.draw(&x, &format!("back.{round}"), k);
                x = self.back(x, t, self.times[k + 1], draw);
            }
        }
        Ok(x)
    }

    fn evals(&self) -> usize {
        self.inner.iter().map(|stepper| stepper.evals()).sum()
    }
}
