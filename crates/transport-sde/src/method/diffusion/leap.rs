//! A step between two times of a schedule.

use burn::tensor::Tensor;
use transport_core::{Noise, Schedule, Space};

/// `α` and `σ` at one time: all that a sampler reads of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scales {
    /// The weight of the data.
    pub alpha: f64,
    /// The weight of the reference.
    pub sigma: f64,
}

impl Scales {
    /// The scales at `t`.
    #[must_use]
    pub fn at(schedule: &dyn Schedule, t: f64) -> Self {
        let c = schedule.at(t);
        // −0 would make λ infinite on the wrong side.
        Self { alpha: c.alpha + 0.0, sigma: c.sigma + 0.0 }
    }

    /// `λ = ln(α/σ)`.
    #[must_use]
    pub fn log_snr(&self) -> f64 {
        (self.alpha / self.sigma).ln()
    }

    /// `σ/α`: the standard deviation of the noise on data of weight 1.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.sigma / self.alpha
    }
}

/// The scales at the two ends of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ends {
    /// At its start.
    pub from: Scales,
    /// At its end.
    pub to: Scales,
}

impl Ends {
    /// `h = λ(next) − λ(t) > 0`, infinite where `α = 0` at the start or `σ = 0` at the end.
    #[must_use]
    pub fn log_snr_gap(&self) -> f64 {
        self.to.log_snr() - self.from.log_snr()
    }
}

/// One step of a sampler: from `t` to `next`, the `k`-th of `steps`.
#[derive(Clone, Debug)]
pub struct Leap<'a> {
    /// Which step, counted from 0.
    pub k: usize,
    /// How many the grid has.
    pub steps: usize,
    /// Where it begins.
    pub t: f64,
    /// Where it ends.
    pub next: f64,
    /// The scales at both.
    pub ends: Ends,
    /// The draws of this step.
    pub noise: &'a Noise,
}

/// Grids shorter than this end in lower orders, where a method offers to.
const FEW_STEPS: usize = 15;

impl Leap<'_> {
    /// The order that this step can have: `order`, but 1 where `h` is infinite; with
    /// `lower_order_final` and fewer than 15 steps, at most the number of steps left.
    #[must_use]
    pub fn allowed_order(&self, order: usize, lower_order_final: bool) -> usize {
        let left = self.steps - self.k;
        match self.ends.log_snr_gap().is_finite() {
            false => 1,
            true if lower_order_final && self.steps < FEW_STEPS => order.min(left),
            true => order,
        }
    }

    /// `x + scale · z`, `z` standard normal; nothing is drawn when `scale` is 0.
    #[must_use]
    pub fn add_noise(&self, x: Tensor<2>, scale: f64) -> Tensor<2> {
        if scale > 0.0 { x.clone() + self.normal(&x).mul_scalar(scale) } else { x }
    }

    /// This step's standard normal draw, shaped like `x`.
    #[must_use]
    pub fn normal(&self, x: &Tensor<2>) -> Tensor<2> {
        self.noise.normal(x.dims()[1], &Space::of(x))
    }
}
