//! Neal's funnel.

use super::{Density, PointLaw, Score};
use crate::noise::Stream;
use burn::tensor::Tensor;
use std::f64::consts::TAU;

/// `v ~ N(0, s²)` and, given `v`, `d − 1` independent `x_i ~ N(0, e^v)`; columns `(x_1, …, v)`.
///
/// ```text
/// log p = −½ v²/s² − log s − ½ e^{−v} |x|² − ½ (d − 1) v − ½ d log 2π
/// ```
///
/// Its scale varies by orders of magnitude from the neck to the mouth. [`Funnel::default`] is the
/// plane's, with `s = 1`; [`Funnel::neal`] the published one.
///
/// # References
/// Neal (2003), "Slice sampling", §8: `d = 10`, `s = 3`.
/// # Checked by
/// `tests/it/laws.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Funnel {
    /// The number of coordinates, at least 2.
    pub dim: usize,
    /// The standard deviation `s` of `v`.
    pub spread: f64,
}

impl Default for Funnel {
    fn default() -> Self {
        Self { dim: 2, spread: 1.0 }
    }
}

impl Funnel {
    /// The funnel of that dimension with the published `s = 3`.
    #[must_use]
    pub fn neal(dim: usize) -> Self {
        Self { dim, spread: 3.0 }
    }

    /// `|x|²` and `v`, `[n, 1]` each.
    fn parts(&self, x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let across = x.clone().narrow(1, 0, self.dim - 1);
        (across.powi_scalar(2).sum_dim(1), x.clone().narrow(1, self.dim - 1, 1))
    }
}

impl PointLaw for Funnel {
    fn dim(&self) -> usize {
        self.dim
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        stream.fill_normal(out);
        out.rotate_left(1);
        if let Some((v, across)) = out.split_last_mut() {
            *v *= self.spread;
            across.iter_mut().for_each(|x| *x *= (0.5 * *v).exp());
        }
    }
}

impl Density for Funnel {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let ((square, v), d) = (self.parts(&x), self.dim as f64);
        let along = v.clone().powi_scalar(2).mul_scalar(-0.5 / (self.spread * self.spread));
        let across = square * v.clone().neg().exp() + v.mul_scalar(d - 1.0);
        let constant = self.spread.ln() + 0.5 * d * TAU.ln();
        (along - across.mul_scalar(0.5)).sub_scalar(constant).squeeze_dim(1)
    }
}

impl Score for Funnel {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (square, v) = self.parts(&x);
        let shrink = v.clone().neg().exp();
        let across = (x.narrow(1, 0, self.dim - 1) * shrink.clone()).neg();
        let along = (square * shrink).sub_scalar(self.dim as f64 - 1.0).mul_scalar(0.5)
            - v.div_scalar(self.spread * self.spread);
        Tensor::cat(vec![across, along], 1)
    }
}
