//! Batch normalisation of planes.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::Space;

/// Each channel standardised, then scaled and shifted by what is learned.
///
/// ```text
/// y = γ (x − m)/√(v + ϵ) + β,     ϵ = 10⁻⁵
/// ```
///
/// In training `m` and `v` are the batch's own mean and variance. For sampling they are the moments
/// over one large batch under the averaged weights, taken when the weights are handed out: a
/// running average would mix moments of many past networks.
///
/// # References
/// Ioffe & Szegedy (2015); the moments for sampling: Wu & Johnson (2021), "Rethinking 'batch' in
/// batch normalization", §3.
#[derive(Module, Debug)]
pub struct BatchNorm {
    scale: Param<Tensor<1>>,
    shift: Param<Tensor<1>>,
    mean: Param<Tensor<1>>,
    variance: Param<Tensor<1>>,
}

/// Whose moments a [`BatchNorm`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moments {
    /// The batch's: a row's value then depends on the others.
    Batch,
    /// Those kept in the model.
    Kept,
}

const EPSILON: f64 = 1e-5;

impl BatchNorm {
    /// The identity on standardised planes.
    #[must_use]
    pub fn new(channels: usize, space: &Space) -> Self {
        let all = |value: f64| Param::from_tensor(space.tensor(vec![value; channels], [channels]));
        Self { scale: all(1.0), shift: all(0.0), mean: all(0.0), variance: all(1.0) }
    }

    fn channels(&self) -> usize {
        self.scale.val().dims()[0]
    }

    fn planes(&self, x: Tensor<2>) -> Tensor<3> {
        let ([n, len], channels) = (x.dims(), self.channels());
        x.reshape([n, channels, len.div_euclid(channels)])
    }

    /// The mean and the variance of each channel over rows and places, two `[1, c, 1]`.
    fn of_batch(x: &Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let average = |x: Tensor<3>| x.mean_dim(2).mean_dim(0);
        let mean = average(x.clone());
        let variance = average((x.clone() - mean.clone()).powi_scalar(2));
        (mean, variance)
    }

    /// The normalised planes.
    ///
    /// # Shapes
    /// `x`: `[n, channels · places]`; returns the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, moments: Moments) -> Tensor<2> {
        let (shape, c) = (x.dims(), self.channels());
        let column = |p: &Param<Tensor<1>>| p.val().reshape([1, c, 1]);
        let x = self.planes(x);
        let (mean, variance) = match moments {
            Moments::Batch => Self::of_batch(&x),
            Moments::Kept => (column(&self.mean).detach(), column(&self.variance).detach()),
        };
        let standard = (x - mean) / variance.add_scalar(EPSILON).sqrt();
        (standard * column(&self.scale) + column(&self.shift)).reshape(shape)
    }

    /// The layer that keeps the moments of this batch.
    #[must_use]
    pub fn settled(self, x: &Tensor<2>) -> Self {
        let c = self.channels();
        let (mean, variance) = Self::of_batch(&self.planes(x.clone()));
        let keep = |p: Param<Tensor<1>>, value: Tensor<3>| p.map(|_| value.reshape([c]));
        Self { mean: keep(self.mean, mean), variance: keep(self.variance, variance), ..self }
    }
}
