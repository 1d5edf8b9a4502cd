//! Random Fourier features of a point.

use burn::tensor::Tensor;
use std::f64::consts::TAU;
use transport_core::{Noise, Space};

/// The frequencies of [`Fourier`] features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Features, each a sine and a cosine.
    pub count: usize,
    /// The scale of the first, in turns per unit of the data, along its diagonal.
    pub turns: f64,
    /// How often the scale doubles up to the last.
    pub octaves: f64,
}

impl Band {
    /// `s_k/s`, for each `k`.
    fn factors(&self) -> Vec<f64> {
        let last = self.count.max(2) - 1;
        (0..self.count).map(|k| (self.octaves * k as f64 / last as f64).exp2()).collect()
    }
}

/// Sines and cosines of a point, at frequencies spread over several octaves.
///
/// ```text
/// φ(x) = (x, sin 2π x B, cos 2π x B),    column k of B ~ N(0, s_k² I/d),    k = 0 … K − 1
/// s_k = s 2^{o k/(K − 1)}
/// ```
///
/// A network of rectifiers learns low frequencies first; the features let a critic see structure
/// much smaller than the data's spread, such as the inside of a narrow mode. The low ones compare
/// how much mass stands where, the high ones see the inside.
///
/// # References
/// Tancik et al. (2020), "Fourier features let networks learn high frequency functions in low
/// dimensional domains"; frequencies by octaves: Mildenhall et al. (2020), "NeRF".
/// # Checked by
/// `tests/it/input_gradient.rs`, `tests/it/gan_nets.rs`
#[derive(Clone, Debug)]
pub struct Fourier {
    /// `2π B`, `[d, K]`.
    turns: Tensor<2>,
}

impl Fourier {
    /// Random directions in `dim` coordinates, with the lengths of a band.
    #[must_use]
    pub fn new(dim: usize, band: &Band, noise: &Noise, space: &Space) -> Self {
        let directions = noise.purpose("fourier").resized(dim).normal(band.count, space);
        let directions = directions * space.tensor(band.factors(), [1, band.count]);
        Self { turns: directions.mul_scalar(TAU * band.turns / (dim as f64).sqrt()) }
    }

    /// One row for each of the `m` points that stand side by side in a row, `[n m, d]`.
    fn points(&self, x: Tensor<2>) -> Tensor<2> {
        let ([n, columns], [d, _]) = (x.dims(), self.turns.dims());
        x.reshape([n * columns / d, d])
    }

    /// `φ(x)` of each point of a row.
    ///
    /// # Shapes
    /// `x`: `[n, m d]`; returns `[n, m (d + 2 K)]`.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let ([n, columns], [d, count]) = (x.dims(), self.turns.dims());
        let x = self.points(x);
        let phase = x.clone().matmul(self.turns.clone());
        let features = Tensor::cat(vec![x, phase.clone().sin(), phase.cos()], 1);
        features.reshape([n, columns / d * (d + 2 * count)])
    }

    /// `(∂φ/∂x)ᵀ g`: gradients from features to the points.
    ///
    /// # Shapes
    /// `x`: `[n, m d]`, `g`: `[n, m (d + 2 K)]`; returns `[n, m d]`.
    #[must_use]
    pub fn pull_back(&self, x: Tensor<2>, g: Tensor<2>) -> Tensor<2> {
        let (shape, [d, count]) = (x.dims(), self.turns.dims());
        let x = self.points(x);
        let g = g.reshape([x.dims()[0], d + 2 * count]);
        let part = |first: usize, columns: usize| g.clone().narrow(1, first, columns);
        let phase = x.matmul(self.turns.clone());
        let through = part(d, count) * phase.clone().cos() - part(d + count, count) * phase.sin();
        (part(0, d) + through.matmul(self.turns.clone().transpose())).reshape(shape)
    }
}
