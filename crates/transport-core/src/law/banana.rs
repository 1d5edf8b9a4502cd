//! The twisted Gaussian, known as the banana.

use super::{Density, PointLaw, Score};
use crate::noise::Stream;
use burn::tensor::Tensor;
use std::f64::consts::TAU;

/// A Gaussian bent by a shear of unit Jacobian, `u ~ N(0, I)`:
///
/// ```text
/// x₁ = s u₁,   x₂ = u₂ + b (x₁² − s²),   x_i = u_i
/// log p = −½ [ x₁²/s² + (x₂ − b (x₁² − s²))² + Σ_{i>2} x_i² ] − log s − ½ d log 2π
/// ```
///
/// # References
/// Haario, Saksman & Tamminen (1999), "Adaptive proposal distribution for random walk Metropolis
/// algorithm", §4: `s = 10`, `b = 0.03`, moderately twisted.
/// # Checked by
/// `tests/it/laws.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Banana {
    /// The number of coordinates, at least 2.
    pub dim: usize,
    /// The standard deviation `s` of the first coordinate.
    pub spread: f64,
    /// The bend `b`.
    pub bend: f64,
}

impl Default for Banana {
    fn default() -> Self {
        Self::haario(2)
    }
}

impl Banana {
    /// The published one in that dimension.
    #[must_use]
    pub fn haario(dim: usize) -> Self {
        Self { dim, spread: 10.0, bend: 0.03 }
    }

    /// `(x₁, u₂, x₃ …)`: the first column and what the others are before the shear.
    fn unbent(&self, x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let first = x.clone().narrow(1, 0, 1);
        let lift = first.clone().powi_scalar(2).sub_scalar(self.spread.powi(2));
        let second = x.clone().narrow(1, 1, 1) - lift.mul_scalar(self.bend);
        let others = match self.dim {
            2 => second,
            d => Tensor::cat(vec![second, x.clone().narrow(1, 2, d - 2)], 1),
        };
        (first, others)
    }
}

impl PointLaw for Banana {
    fn dim(&self) -> usize {
        self.dim
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        stream.fill_normal(out);
        out[0] *= self.spread;
        out[1] += self.bend * (out[0].powi(2) - self.spread.powi(2));
    }
}

impl Density for Banana {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let (first, others) = self.unbent(&x);
        let square =
            first.div_scalar(self.spread).powi_scalar(2) + others.powi_scalar(2).sum_dim(1);
        let constant = self.spread.ln() + 0.5 * self.dim as f64 * TAU.ln();
        square.mul_scalar(-0.5).sub_scalar(constant).squeeze_dim(1)
    }
}

impl Score for Banana {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        let (first, others) = self.unbent(&x);
        let second = others.clone().narrow(1, 0, 1);
        let pull = first.clone().div_scalar(self.spread.powi(2)).neg();
        let shear = first * second.mul_scalar(2.0 * self.bend);
        Tensor::cat(vec![pull + shear, others.neg()], 1)
    }
}
