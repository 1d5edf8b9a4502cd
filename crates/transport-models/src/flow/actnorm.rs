//! Normalisation of activations.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::Space;

/// `x = z exp(s) + m`, `log|det| = Σ s`: one scale and one shift for each coordinate, started from
/// data so that the first batch leaves the layer with mean 0 and variance 1.
///
/// # References
/// Kingma & Dhariwal (2018), "Glow", §3.1.
#[derive(Module, Debug)]
pub struct ActNorm {
    log_scale: Param<Tensor<2>>,
    shift: Param<Tensor<2>>,
}

/// The smallest standard deviation that a start from data believes.
const LEAST_STD: f64 = 1e-3;

impl ActNorm {
    /// The identity on `dim` coordinates.
    #[must_use]
    pub fn new(dim: usize, space: &Space) -> Self {
        let zeros = || Param::from_tensor(space.tensor(vec![0.0; dim], [1, dim]));
        Self { log_scale: zeros(), shift: zeros() }
    }

    /// The layer that brings `x` to mean 0 and variance 1 on its way to the reference.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    #[must_use]
    pub fn started(self, x: &Tensor<2>) -> Self {
        let mean = x.clone().mean_dim(0);
        let variance = (x.clone() - mean.clone()).powi_scalar(2).mean_dim(0);
        let log_scale = variance.sqrt().clamp_min(LEAST_STD).log();
        Self { log_scale: self.log_scale.map(|_| log_scale), shift: self.shift.map(|_| mean) }
    }

    fn log_det(&self, n: usize) -> Tensor<1> {
        self.log_scale.val().sum_dim(1).expand([n, 1]).squeeze_dim(1)
    }

    pub(super) fn push(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let n = z.dims()[0];
        (z * self.log_scale.val().exp() + self.shift.val(), self.log_det(n))
    }

    pub(super) fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        let n = x.dims()[0];
        ((x - self.shift.val()) * self.log_scale.val().neg().exp(), self.log_det(n).neg())
    }
}
