//! Exact scores `∇ log q_s` of laws carried by a process, as fields on the process's clock.

use super::Forward;
use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::law::{Gaussian, Mixture, Noisable, by_time};
use transport_core::process::{CriticallyDamped, PhaseSpace};
use transport_core::{Density, Field, Jvp, LinearSde, Score, Space, Times};

/// A process that carries a law `L` in closed form.
pub trait Marginals<L>: Send + Sync {
    /// The kind of law that it becomes.
    type At: Density + Score;

    /// `q_s`, the law of `X_s` when `X₀` follows `law`.
    fn law_at(&self, law: &L, s: f64) -> Self::At;
}

impl<P: LinearSde, L: Noisable> Marginals<L> for Forward<P> {
    type At = L::Noised;

    fn law_at(&self, law: &L, s: f64) -> L::Noised {
        law.noised(&self.0.coefs(s))
    }
}

impl<L: PhaseSpace + Density + Score> Marginals<L> for CriticallyDamped {
    type At = L;

    fn law_at(&self, law: &L, s: f64) -> L {
        law.in_phase(self, s)
    }
}

/// `∇ log q_s(x)` of a law under a process.
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Field, Space, Times, device, law::Gaussian, process::Vp};
/// use transport_sde::dynamics::{ExactScore, Forward};
/// // VP keeps N(0, 1) as it is: the score is −x at every s.
/// let score = ExactScore { law: Gaussian::standard(1), process: Forward(Vp::default()) };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![2.0], [1, 1]);
/// assert!((score.eval(x, Times::Same(0.3)).into_scalar::<f64>() + 2.0).abs() < 1e-12);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExactScore<L, M> {
    /// The law of `X₀`: of the positions, where the process adds velocities.
    pub law: L,
    /// The process.
    pub process: M,
}

impl<L: Send + Sync, M: Marginals<L>> Field for ExactScore<L, M> {
    fn eval(&self, x: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        by_time(x, s, |x, s| self.process.law_at(&self.law, s).score(x))
    }
}

impl<L: Send + Sync, M: Marginals<L, At: Curvature>> Jvp for ExactScore<L, M> {
    fn jvp(&self, x: Tensor<2>, s: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let d = x.dims()[1];
        let both = by_time(Tensor::cat(vec![x, u], 1), s, |xu, s| {
            let (x, u) = (xu.clone().narrow(1, 0, d), xu.narrow(1, d, d));
            let (score, along) = self.process.law_at(&self.law, s).score_along(x, u);
            Tensor::cat(vec![score, along], 1)
        });
        (both.clone().narrow(1, 0, d), both.narrow(1, d, d))
    }
}

/// A law whose log-density's second derivative is known along a direction.
pub trait Curvature: Score {
    /// The score `∇ log p(x)` and its derivative `∇² log p(x) u`.
    ///
    /// # Shapes
    /// `x`, `u`: `[n, d]`; returns two `[n, d]`.
    fn score_along(&self, x: Tensor<2>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>);
}

impl Curvature for Gaussian {
    /// The score is affine, so that its linear part is `s(m + u)`.
    fn score_along(&self, x: Tensor<2>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let mean = Space::of(&u).tensor(self.mean().to_vec(), [1, self.mean().len()]);
        (self.score(x), self.score(u + mean))
    }
}

impl Curvature for Mixture {
    /// ```text
    /// ∇² log p u = Σₖ rₖ (∇sₖ u + sₖ (sₖ·u)) − s (s·u),    s = Σₖ rₖ sₖ
    /// ```
    fn score_along(&self, x: Tensor<2>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let dot = |a: &Tensor<2>| (a.clone() * u.clone()).sum_dim(1);
        let responsibilities = self.responsibilities(&x);
        let (mut score, mut along) = (x.zeros_like(), x.zeros_like());
        for (k, component) in self.components().iter().enumerate() {
            let weight = responsibilities.clone().narrow(1, k, 1);
            let (slope, bend) = component.score_along(x.clone(), u.clone());
            along = along + weight.clone() * (bend + slope.clone() * dot(&slope));
            score = score + weight * slope;
        }
        let spread = score.clone() * dot(&score);
        (score, along - spread)
    }
}

/// A score given as a closure `(x, s) ↦ ∇ log q_s(x)`.
#[derive(Clone, Copy)]
pub struct ScoreFn<F>(pub F);

impl<F> Debug for ScoreFn<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScoreFn")
    }
}

impl<F: Fn(Tensor<2>, Times<'_>) -> Tensor<2> + Send + Sync> Field for ScoreFn<F> {
    fn eval(&self, x: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        (self.0)(x, s)
    }
}
