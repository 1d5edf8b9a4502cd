//! Processes whose transition from any time to any later one is known exactly.

use super::{GaussianKernel, LinearSde};
use crate::device::Space;
use crate::noise::Noise;
use burn::tensor::Tensor;

/// A Markov process with an exact transition kernel: simulated without discretisation error.
pub trait Transition: Send + Sync {
    /// A draw of `X_to | X_from = x`, row by row; `from ≤ to`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, `noise` names its `n` samples; returns `[n, d]`.
    fn advance(&self, x: Tensor<2>, from: f64, to: f64, noise: &Noise) -> Tensor<2>;

    /// The mean and the variance of each coordinate at `to`, from those at `from`.
    ///
    /// # Shapes
    /// `mean`, `variance`: length `d`; returns two of length `d`.
    fn moments(&self, mean: &[f64], variance: &[f64], from: f64, to: f64) -> (Vec<f64>, Vec<f64>);
}

impl<P: LinearSde + ?Sized> Transition for P {
    fn advance(&self, x: Tensor<2>, from: f64, to: f64, noise: &Noise) -> Tensor<2> {
        use crate::map::PushForward;
        self.transition(from, to).push(x, noise)
    }

    fn moments(&self, mean: &[f64], variance: &[f64], from: f64, to: f64) -> (Vec<f64>, Vec<f64>) {
        let GaussianKernel { scale, std } = self.transition(from, to);
        let spread = |v: &f64| scale * scale * v + std * std;
        (mean.iter().map(|m| scale * m).collect(), variance.iter().map(spread).collect())
    }
}

/// A linear SDE around a point: `X − m` is what follows the process.
///
/// ```text
/// dX = −λ(s) (X − m) ds + g(s) dW,     X_s | x₀ ~ N(m + α (x₀ − m), σ² I)
/// ```
///
/// # Example
/// ```
/// use transport_core::process::{Around, OrnsteinUhlenbeck, Transition};
/// let ou = OrnsteinUhlenbeck { theta: 2.0, sigma: 1.0, horizon: 9.0 };
/// let (mean, variance) = Around { process: ou, mean: vec![3.0] }.moments(&[0.0], &[0.0], 0.0, 9.0);
/// assert!((mean[0] - 3.0).abs() < 1e-6 && (variance[0] - 0.25).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Around<P> {
    /// The process of `X − m`.
    pub process: P,
    /// The point `m`: length `d`, or 1 for the same value in each coordinate.
    pub mean: Vec<f64>,
}

impl<P> Around<P> {
    /// `x − m`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn centred(&self, x: Tensor<2>) -> Tensor<2> {
        let mean = self.row(&x);
        x - mean
    }

    fn row(&self, x: &Tensor<2>) -> Tensor<2> {
        Space::of(x).tensor(self.mean.clone(), [1, self.mean.len()])
    }

    fn mean_of(&self, j: usize) -> f64 {
        self.mean[j.min(self.mean.len() - 1)]
    }
}

impl<P: LinearSde> Transition for Around<P> {
    fn advance(&self, x: Tensor<2>, from: f64, to: f64, noise: &Noise) -> Tensor<2> {
        let mean = self.row(&x);
        self.process.advance(self.centred(x), from, to, noise) + mean
    }

    fn moments(&self, mean: &[f64], variance: &[f64], from: f64, to: f64) -> (Vec<f64>, Vec<f64>) {
        let shift = |sign: f64, values: &[f64]| -> Vec<f64> {
            values.iter().enumerate().map(|(j, m)| m + sign * self.mean_of(j)).collect()
        };
        let (mean, variance) = self.process.moments(&shift(-1.0, mean), variance, from, to);
        (shift(1.0, &mean), variance)
    }
}
