//! Targets: an unnormalised log-density and its gradient, for a batch of chains.

use burn::tensor::Tensor;
use transport_core::{Density, Score, ScoredField, Times};

/// An unnormalised density with its score.
///
/// Every law with a density and a score is one; [`LogDensity`] makes one of a closure.
/// Samplers that need the score only take a [`Score`] instead; [`ScoreOf`] reads a target as one.
pub trait Target: Send + Sync {
    /// `log p̃(x)` up to a constant, and `∇ log p̃(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n]` and `[n, d]`.
    fn log_density_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>);
}

impl<L: Density + Score + ?Sized> Target for L {
    fn log_density_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        (self.log_prob(x.clone()), self.score(x))
    }
}

/// A log-density written as tensor operations, `[n, d] → [n]`; its score comes from one reverse
/// pass.
///
/// Rows must not speak to each other, since the gradient is that of their sum. Tensors that the
/// closure captures are constants, and stay outside autodiff.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Space, device};
/// use transport_sde::langevin::{LogDensity, Target};
/// let quartic = LogDensity::new(|x| x.powi_scalar(4).mul_scalar(-0.25).sum_dim(1).squeeze_dim(1));
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![2.0], [1, 1]);
/// let (log_density, score) = quartic.log_density_and_score(x);
/// assert_eq!(log_density.into_scalar::<f64>(), -4.0);
/// assert_eq!(score.into_scalar::<f64>(), -8.0);
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct LogDensity<F>(F);

impl<F> std::fmt::Debug for LogDensity<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogDensity").finish_non_exhaustive()
    }
}

impl<F: Fn(Tensor<2>) -> Tensor<1> + Send + Sync> LogDensity<F> {
    /// A target from its log-density.
    #[must_use]
    pub fn new(log_density: F) -> Self {
        Self(log_density)
    }
}

impl<F: Fn(Tensor<2>) -> Tensor<1> + Send + Sync> Target for LogDensity<F> {
    fn log_density_and_score(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let leaf = x.clone().autodiff().require_grad();
        let value = (self.0)(leaf.clone());
        // A closure that ignores its argument has no tape and no gradient.
        let score = value
            .is_tracked()
            .then(|| leaf.grad(&value.clone().sum().backward()))
            .flatten()
            .unwrap_or_else(|| x.zeros_like());
        (value.inner(), score)
    }
}

/// The score of a target.
#[derive(Clone, Copy)]
pub struct ScoreOf<'a>(pub &'a dyn Target);

impl std::fmt::Debug for ScoreOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScoreOf").finish_non_exhaustive()
    }
}

impl Score for ScoreOf<'_> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.0.log_density_and_score(x).1
    }
}

/// The score of the law that a field, learned or exact, carries at one time.
#[derive(Clone, Copy, Debug)]
pub struct AtTime<F> {
    /// The field.
    pub field: F,
    /// The time on the transport clock.
    pub t: f64,
}

impl<F: ScoredField> Score for AtTime<F> {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        self.field.velocity_and_score(x, Times::Same(self.t)).1
    }
}
