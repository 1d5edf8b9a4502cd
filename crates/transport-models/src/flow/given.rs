//! Flows and layers with their context bound, as maps and as laws.

use super::{Flow, Layer, LogDet};
use burn::tensor::Tensor;
use transport_core::law::StdErr;
use transport_core::{Density, DensityEstimate, Invertible, Law, Noise, PushForward, Space};

/// A [`Flow`] with its context bound: the map, and the law that it makes of its reference.
#[derive(Clone, Debug)]
pub struct GivenFlow<'a> {
    pub(super) flow: &'a Flow,
    pub(super) context: Option<Tensor<2>>,
}

impl PushForward for GivenFlow<'_> {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        self.flow.push(z, self.context.as_ref()).0
    }
}

impl Invertible for GivenFlow<'_> {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        self.flow.pull(x, self.context.as_ref())
    }
}

impl Law for GivenFlow<'_> {
    fn dim(&self) -> usize {
        self.flow.dim
    }

    fn sample(&self, noise: &Noise, space: &Space) -> Tensor<2> {
        self.flow.sample(noise, self.context.as_ref(), space)
    }
}

impl Density for GivenFlow<'_> {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        self.flow.log_prob(x, self.context.as_ref())
    }
}

impl PushForward for Layer {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        Layer::push(self, z, None).0
    }
}

impl Invertible for Layer {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        Layer::pull(self, x, None, LogDet::Exact)
    }
}

/// The log-density of a flow by the estimate that training uses, averaged over independent draws.
#[derive(Clone, Debug)]
pub struct Estimated<'a> {
    /// The flow.
    pub flow: GivenFlow<'a>,
    /// Draws for each row, at least 2.
    pub draws: usize,
}

impl DensityEstimate for Estimated<'_> {
    /// The mean of the draws and its standard error.
    ///
    /// # Panics
    /// With fewer than two draws, which have no spread.
    fn estimate(&self, x: Tensor<2>, noise: &Noise) -> (Tensor<1>, StdErr) {
        let (m, flow) = (self.draws, &self.flow);
        assert!(m >= 2, "{m} draws have no standard error");
        let one = |i: usize| {
            let noise = noise.purpose(&format!("draw.{i}"));
            let how = LogDet::AlwaysEstimate(&noise);
            flow.flow.log_prob_by(x.clone(), flow.context.as_ref(), how).unsqueeze_dim(1)
        };
        let all: Tensor<2> = Tensor::cat((0..m).map(one).collect(), 1);
        let mean = all.clone().mean_dim(1);
        let square = (all - mean.clone()).powi_scalar(2).sum_dim(1);
        let error = square.div_scalar(((m - 1) * m) as f64).sqrt();
        (mean.squeeze_dim(1), StdErr(error.squeeze_dim(1)))
    }
}
