//! Predictor–corrector: a step of any method, then Langevin steps at the time it reached.

use crate::driver::{SolveError, Stepper};
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::{Field, Noise, Space, Times};

/// The corrector's step size `ε`.
#[derive(Clone, Copy)]
pub enum CorrectorStep<'a> {
    /// Song et al.'s rule, with the norms of each sample: `ε = 2 (r ‖z‖/‖s‖)²`, at most `largest`.
    ///
    /// The score vanishes at a mode, and the rule alone has no bound there: in few dimensions a
    /// sample near one would be thrown away. (Song et al. take the norms' means over the batch,
    /// which hides this and makes a sample depend on its neighbours.)
    SignalToNoise {
        /// The ratio r of signal to noise, 0.16 in the paper's VE experiments.
        ratio: f64,
        /// The bound on ε.
        largest: f64,
    },
    /// Plain ULA with a size that depends on the time reached: `ε(t)`.
    Size(&'a (dyn Fn(f64) -> f64 + Sync)),
}

impl Debug for CorrectorStep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignalToNoise { ratio, largest } => {
                write!(f, "SignalToNoise({ratio}, at most {largest})")
            }
            Self::Size(_) => f.write_str("Size"),
        }
    }
}

impl CorrectorStep<'_> {
    /// `[n, 1]`.
    fn of(&self, z: &Tensor<2>, score: &Tensor<2>, t: f64) -> Tensor<2> {
        let squared = |a: &Tensor<2>| a.clone().powi_scalar(2).sum_dim(1);
        match self {
            Self::SignalToNoise { ratio, largest } => {
                let rule = (squared(z) / squared(score)).mul_scalar(2.0 * ratio * ratio);
                rule.clamp_max(*largest)
            }
            Self::Size(size) => squared(z).full_like(size(t)),
        }
    }
}

/// Any method as the predictor, unadjusted Langevin steps as the corrector.
///
/// ```text
/// x ← predictor(x, t → t + h),     then m times:  x ← x + ε s(x, t + h) + √(2ε) z
/// ```
///
/// The corrector leaves `q_{t+h}` (nearly) where it is, and pulls towards it a sample that the
/// predictor put beside it.
///
/// # References
/// Song et al. (2021), algorithms 2–5.
/// # Checked by
/// `tests/it/predictor_corrector.rs`
pub struct PredictorCorrector<'a> {
    predictor: Box<dyn Stepper + 'a>,
    score: &'a dyn Field,
    size: CorrectorStep<'a>,
    corrections: usize,
    noise: Noise,
    evals: usize,
}

impl<'a> PredictorCorrector<'a> {
    /// `corrections` Langevin steps after each of the predictor's; `score` is `∇ log q_t(x)` on the
    /// predictor's clock.
    #[must_use]
    pub fn new(
        predictor: Box<dyn Stepper + 'a>,
        score: &'a dyn Field,
        size: CorrectorStep<'a>,
        corrections: usize,
        noise: &Noise,
    ) -> Self {
        Self { predictor, score, size, corrections, noise: noise.purpose("corrector"), evals: 0 }
    }

    fn correct(&self, x: Tensor<2>, t: f64, draw: u64) -> Tensor<2> {
        let z = self.noise.at_step(draw).normal(x.dims()[1], &Space::of(&x));
        let score = self.score.eval(x.clone(), Times::Same(t));
        let size = self.size.of(&z, &score, t);
        x + size.clone() * score + size.mul_scalar(2.0).sqrt() * z
    }
}

impl Debug for PredictorCorrector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("PredictorCorrector");
        out.field("size", &self.size).field("corrections", &self.corrections);
        out.finish_non_exhaustive()
    }
}

impl Stepper for PredictorCorrector<'_> {
    fn step(&mut self, k: usize, x: Tensor<2>, t: f64, h: f64) -> Result<Tensor<2>, SolveError> {
        let mut x = self.predictor.step(k, x, t, h)?;
        for j in 0..self.corrections {
            x = self.correct(x, t + h, (k * self.corrections + j) as u64);
        }
        self.evals += self.corrections;
        Ok(x)
    }

    /// The predictor's evaluations and one of the score for each correction.
    fn evals(&self) -> usize {
        self.predictor.evals() + self.evals
    }
}
