//! Interpolants: the path that a pair (x₀, x₁) is joined by.

use crate::device::Space;
use crate::schedule::Schedule;
use crate::time::Times;
use burn::tensor::Tensor;

/// The linear interpolant `I_t = α(t) x₁ + σ(t) x₀` of a schedule.
///
/// Regressing on its time derivative gives the velocity that carries the law of x₀ to the law of
/// x₁, whatever the coupling of the pair.
///
/// # References
/// Albergo & Vanden-Eijnden (2023); Lipman et al. (2023).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interpolant<S> {
    /// The schedule.
    pub schedule: S,
}

impl<S: Schedule> Interpolant<S> {
    /// `I_t = α x₁ + σ x₀`.
    ///
    /// # Shapes
    /// `x0`, `x1`: `[n, d]`.
    #[must_use]
    pub fn point(&self, x0: Tensor<2>, x1: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.combine(x0, x1, t, |s, t| (s.at(t).sigma, s.at(t).alpha))
    }

    /// `∂ₜ I_t = α′ x₁ + σ′ x₀`.
    ///
    /// # Shapes
    /// `x0`, `x1`: `[n, d]`.
    #[must_use]
    pub fn velocity(&self, x0: Tensor<2>, x1: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.combine(x0, x1, t, |s, t| (s.at(t).d_sigma, s.at(t).d_alpha))
    }

    fn combine(
        &self,
        x0: Tensor<2>,
        x1: Tensor<2>,
        t: Times<'_>,
        weights: impl Fn(&S, f64) -> (f64, f64),
    ) -> Tensor<2> {
        t.check(x0.dims()[0]);
        let space = Space::of(&x0);
        x0 * t.column(&space, |t| weights(&self.schedule, t).0)
            + x1 * t.column(&space, |t| weights(&self.schedule, t).1)
    }
}
