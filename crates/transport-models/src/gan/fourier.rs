//! Random Fourier features of a point.

use burn::tensor::Tensor;
use std::f64::consts::TAU;
use transport_core::{Noise, Space};

/// `φ(x) = (x, sin 2π x B, cos 2π x B)`, the columns of `B` drawn from `N(0, s² I/d)`.
///
/// A network of rectifiers learns low frequencies first; the features let a critic see structure
/// much smaller than the data's spread, such as the inside of a narrow mode. `s` is in turns per
/// unit of the scaled data, along its diagonal.
///
/// # References
/// Tancik et al. (2020), "Fourier features let networks learn high frequency functions in low
/// dimensional domains".
/// # Checked by
/// `tests/it/input_gradient.rs`
#[derive(Clone, Debug)]
pub struct Fourier {
    /// `2π B`, `[d, count]`.
    turns: Tensor<2>,
}

impl Fourier {
    /// `count` random directions in `dim` coordinates.
    #[must_use]
    pub fn new(dim: usize, count: usize, scale: f64, noise: &Noise, space: &Space) -> Self {
        let directions = noise.purpose("fourier").resized(dim).normal(count, space);
        Self { turns: directions.mul_scalar(TAU * scale / (dim as f64).sqrt()) }
    }

    /// `φ(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d + 2 count]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let phase = x.clone().matmul(self.turns.clone());
        Tensor::cat(vec![x, phase.clone().sin(), phase.cos()], 1)
    }

    /// `(∂φ/∂x)ᵀ g`: gradients from features to the point.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, `g`: `[n, d + 2 count]`; returns `[n, d]`.
    #[must_use]
    pub fn pull_back(&self, x: Tensor<2>, g: Tensor<2>) -> Tensor<2> {
        let [d, count] = self.turns.dims();
        let part = |first: usize, columns: usize| g.clone().narrow(1, first, columns);
        let phase = x.matmul(self.turns.clone());
        let through = part(d, count) * phase.clone().cos() - part(d + count, count) * phase.sin();
        part(0, d) + through.matmul(self.turns.clone().transpose())
    }
}
