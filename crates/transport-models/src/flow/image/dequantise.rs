//! Variational dequantisation: noise within a box, learned.

use super::coupling::{ImageCoupling, Mask};
use super::net::PixelNetConfig;
use crate::flow::Element;
use crate::net::Pixels;
use burn::module::Module;
use burn::tensor::Tensor;
use std::f64::consts::SQRT_2;
use transport_core::{Noise, Space};

/// A law `q(u | v)` on the box `[−½, ½]ᵈ` around each image `v`.
///
/// ```text
/// u = Φ(e) − ½,   e = f(ε; v),   ε ~ N(0, I)
/// log q(u | v) = log N(ε) − log |det ∂f/∂ε| − log N(e)
/// ```
///
/// f is made of checkerboard couplings that read `v` beside the noise, Φ the normal distribution
/// function. A fresh f is the identity, and then `q = 1`: it starts as uniform dequantisation.
///
/// # References
/// Ho, Chen, Srinivas, Duan & Abbeel (2019), "Flow++", §3.1.
/// # Checked by
/// `tests/it/images.rs`
#[derive(Module, Debug)]
pub struct Dequantiser {
    layers: Vec<ImageCoupling>,
    #[module(skip)]
    shape: Pixels,
}

impl Dequantiser {
    /// `layers` couplings on images of this shape.
    #[must_use]
    pub fn new(
        layers: usize,
        net: &PixelNetConfig,
        shape: Pixels,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let noise = noise.purpose("init").purpose("dequantiser");
        let layer = |k: usize| {
            let (mask, noise) = (Mask::Checkerboard(k), noise.purpose(&format!("layer.{k}")));
            let element = Element::Affine;
            ImageCoupling::new(element, mask, net, shape, shape.channels, context, &noise, space)
        };
        Self { layers: (0..layers).map(layer).collect(), shape }
    }

    /// `u` and `log q(u | v)`.
    ///
    /// # Shapes
    /// `unit`: `[n, d]`, the images on `[0, 1]`; `epsilon`: `[n, d]`; `context`: `[n, c]` or
    /// `[1, c]`; returns `[n, d]` and `[n]`.
    #[must_use]
    pub fn draw(
        &self,
        unit: Tensor<2>,
        epsilon: Tensor<2>,
        context: Option<&Tensor<2>>,
    ) -> (Tensor<2>, Tensor<1>) {
        let [n, d] = unit.dims();
        let Pixels { channels, height, width } = self.shape;
        let image = |x: Tensor<2>| x.reshape([n, height, width, channels]);
        // As wide as the noise beside it.
        let beside = image(unit.mul_scalar(4.0).sub_scalar(2.0));
        let mut e = image(epsilon.clone());
        let mut log_det = Tensor::zeros([n], (&epsilon.device(), epsilon.dtype()));
        for layer in &self.layers {
            let (next, log_step) = layer.push(e, Some(&beside), context);
            (e, log_det) = (next, log_det + log_step);
        }
        let e = e.reshape([n, d]);
        let squares = (e.clone().powi_scalar(2) - epsilon.powi_scalar(2)).sum_dim(1);
        let log_q = squares.squeeze_dim(1).mul_scalar(0.5) - log_det;
        (e.div_scalar(SQRT_2).erf().mul_scalar(0.5), log_q)
    }
}
