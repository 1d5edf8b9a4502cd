//! Classifier-free guidance.

use super::Strength;
use burn::tensor::Tensor;
use transport_core::{Denoiser, Field, Jvp, Schedule, ScoredField, Times};

/// A conditional field pushed away from the unconditional one.
///
/// ```text
/// h_w(x, t) = h(x, t) + w(t) [ h(x, t | y) − h(x, t) ],     h = score, noise, data or velocity
/// ```
///
/// One formula for all of them: each is an affine function of the score with the same coefficients
/// on both sides, and the weights `w`, `1 − w` sum to 1. `w = 0` is unconditional, `w = 1`
/// conditional, `w > 1` guided; outside the interval of [`Strength`] it is 1. A field whose weight is
/// 0 is not evaluated.
///
/// # References
/// Ho & Salimans (2022), "Classifier-free diffusion guidance", whose `w` is `w − 1` here.
/// # Checked by
/// `tests/it/guidance.rs`
#[derive(Clone, Copy, Debug)]
pub struct ClassifierFree<C, U> {
    /// The field given `y`.
    pub conditional: C,
    /// The field without.
    pub unconditional: U,
    /// The weight of the first.
    pub strength: Strength,
}

/// The weight outside the interval: conditional, not guided.
const NEUTRAL: f64 = 1.0;

impl<C: Sync, U: Sync> ClassifierFree<C, U> {
    fn mix<const K: usize>(
        &self,
        t: Times<'_>,
        with: impl FnOnce(&C) -> [Tensor<2>; K],
        without: impl FnOnce(&U) -> [Tensor<2>; K],
    ) -> [Tensor<2>; K] {
        if self.strength.is(t, NEUTRAL, 1.0) {
            return with(&self.conditional);
        }
        if self.strength.is(t, NEUTRAL, 0.0) {
            return without(&self.unconditional);
        }
        let (with, without) = (with(&self.conditional), without(&self.unconditional));
        let weight = |t: f64| self.strength.at(t, NEUTRAL);
        std::array::from_fn(|k| {
            without[k].clone() + t.scale(with[k].clone() - without[k].clone(), weight)
        })
    }
}

impl<C: Field, U: Field> Field for ClassifierFree<C, U> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let [v] = self.mix(t, |c| [c.eval(x.clone(), t)], |u| [u.eval(x.clone(), t)]);
        v
    }
}

impl<C: Denoiser, U: Denoiser> Denoiser for ClassifierFree<C, U> {
    fn schedule(&self) -> &dyn Schedule {
        self.conditional.schedule()
    }

    fn data(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let [data] = self.mix(t, |c| [c.data(x.clone(), t)], |u| [u.data(x.clone(), t)]);
        data
    }

    fn posterior(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let with = |c: &C| <[_; 2]>::from(c.posterior(x.clone(), t));
        let without = |u: &U| <[_; 2]>::from(u.posterior(x.clone(), t));
        self.mix(t, with, without).into()
    }
}

impl<C: ScoredField, U: ScoredField> ScoredField for ClassifierFree<C, U> {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let with = |c: &C| <[_; 2]>::from(c.velocity_and_score(x.clone(), t));
        let without = |u: &U| <[_; 2]>::from(u.velocity_and_score(x.clone(), t));
        self.mix(t, with, without).into()
    }

    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        let with = |c: &C| <[_; 2]>::from(c.velocity_and_noise(x.clone(), t, sigma));
        let without = |u: &U| <[_; 2]>::from(u.velocity_and_noise(x.clone(), t, sigma));
        self.mix(t, with, without).into()
    }
}

impl<C: Jvp, U: Jvp> Jvp for ClassifierFree<C, U> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let with = |c: &C| <[_; 2]>::from(c.jvp(x.clone(), t, u.clone()));
        let without = |v: &U| <[_; 2]>::from(v.jvp(x.clone(), t, u.clone()));
        self.mix(t, with, without).into()
    }
}
