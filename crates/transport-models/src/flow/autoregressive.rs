//! Autoregressive layers.

use super::element::Element;
use crate::net::{Conditioner, ConditionerConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use std::sync::Arc;
use transport_core::{Noise, Space};
use transport_kernels::{Monotone, Way, ops};

/// Each coordinate is transformed as the coordinates before it say.
///
/// ```text
/// x_i = f(z_i; θ_i(x_{<i}, c)),     log|det| = Σ_i log f′(z_i; θ_i)
/// ```
///
/// From data to reference in one evaluation of the network, so that maximum likelihood is cheap;
/// from reference to data in `d` of them (MAF).
///
/// # References
/// Papamakarios, Pavlakou & Murray (2017), "Masked autoregressive flow"; Durkan et al. (2019).
/// # Checked by
/// `tests/it/flows.rs`
#[derive(Module, Debug)]
pub struct Autoregressive {
    conditioner: Conditioner,
    #[module(skip)]
    element: Element,
}

impl Autoregressive {
    /// A layer on `dim` coordinates, in their order.
    #[must_use]
    pub fn new(
        element: Element,
        net: &ConditionerConfig,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let (inputs, per) = (dim * element.features(), element.parameters());
        Self {
            conditioner: Conditioner::autoregressive(net, inputs, per, context, noise, space),
            element,
        }
    }

    fn theta(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<3> {
        let [n, d] = x.dims();
        let (features, per) = (self.element.features(), self.element.parameters());
        let theta = self.conditioner.forward(self.element.read(x), context);
        // Of a coordinate that is read by several features, the first one's outputs see none of them.
        theta.reshape([n, d, features * per]).narrow(2, 0, per)
    }

    /// The fresh layer with a network in its plain form.
    pub(super) fn plain(self, noise: &Noise, space: &Space) -> Self {
        let gain = self.element.plain_gain();
        Self { conditioner: self.conditioner.plain(gain, noise, space), ..self }
    }

    /// [`Self::push`] of a map that has a kernel: where coordinate `i` gets its value it held `zᵢ`,
    /// which nothing reads.
    fn push_by(
        &self,
        map: Monotone,
        z: Tensor<2>,
        c: Option<&Tensor<2>>,
    ) -> (Tensor<2>, Tensor<1>) {
        let (d, per) = (z.dims()[1], map.parameters());
        let mut log_det = z.clone().narrow(1, 0, 1).zeros_like().squeeze_dim(1);
        let mut x = z;
        for i in 0..d {
            let theta = self.conditioner.forward(x.clone(), c).narrow(1, i * per, per);
            let (next, log_slope) = ops::monotone(map, Way::Back, x, theta, &Arc::from([i]));
            (x, log_det) = (next, log_det + log_slope);
        }
        (x, log_det)
    }

    pub(super) fn push(&self, z: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        if let Some(map) = self.element.monotone() {
            return self.push_by(map, z, c);
        }
        let [n, d] = z.dims();
        // Coordinate i is right after i evaluations; what stands to its right is not read.
        let mut x = z.zeros_like();
        let mut log_det = z.clone().narrow(1, 0, 1).zeros_like();
        for i in 0..d {
            let theta = self.theta(x.clone(), c).narrow(1, i, 1);
            let (value, log_slope) = self.element.push(z.clone().narrow(1, i, 1), theta);
            x = x.slice_assign([0..n, i..i + 1], value);
            log_det = log_det + log_slope;
        }
        (x, log_det.squeeze_dim(1))
    }

    pub(super) fn pull(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        if let Some(map) = self.element.monotone() {
            let all = (0..x.dims()[1]).collect();
            let theta = self.conditioner.forward(x.clone(), c);
            return ops::monotone(map, Way::Along, x, theta, &all);
        }
        let theta = self.theta(x.clone(), c);
        let (z, log_slopes) = self.element.pull(x, theta);
        (z, log_slopes.sum_dim(1).squeeze_dim(1))
    }
}
