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
        let weights = |s: &S, t| {
            let c = s.at(t);
            (c.sigma, c.alpha)
        };
        self.combine(x0, x1, t, weights)
    }

    /// `∂ₜ I_t = α′ x₁ + σ′ x₀`.
    ///
    /// # Shapes
    /// `x0`, `x1`: `[n, d]`.
    #[must_use]
    pub fn velocity(&self, x0: Tensor<2>, x1: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let weights = |s: &S, t| {
            let c = s.at(t);
            (c.d_sigma, c.d_alpha)
        };
        self.combine(x0, x1, t, weights)
    }

    /// `a(t) x₀ + b(t) x₁` with `(a, b)` the weights.
    pub(crate) fn combine(
        &self,
        x0: Tensor<2>,
        x1: Tensor<2>,
        t: Times<'_>,
        weights: impl Fn(&S, f64) -> (f64, f64),
    ) -> Tensor<2> {
        t.check(x0.dims()[0]);
        match t {
            Times::Same(t) => {
                let (on_x0, on_x1) = weights(&self.schedule, t);
                x0.mul_scalar(on_x0) + x1.mul_scalar(on_x1)
            }
            Times::Each(ts) => {
                let space = Space::of(&x0);
                let (on_x0, on_x1): (Vec<f64>, Vec<f64>) =
                    ts.iter().map(|t| weights(&self.schedule, *t)).unzip();
                x0 * space.column(&on_x0) + x1 * space.column(&on_x1)
            }
        }
    }
}
