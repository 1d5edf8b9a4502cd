//! A law of images: a flow of preprocessed pixels and the noise that fills the boxes of levels.

use super::dequantise::Dequantiser;
use super::levels::{Levels, Preprocessing};
use super::net::PixelNetConfig;
use super::{ImageFlow, ImageFlowConfig};
use crate::net::Pixels;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Noise, Space};

/// What an [`ImageLaw`] is built from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageLawConfig {
    /// The flow.
    pub flow: ImageFlowConfig,
    /// What happens to pixels before it.
    pub preprocessing: Preprocessing,
    /// Couplings of a learned dequantisation, 0 for a uniform one.
    pub dequantiser: usize,
}

/// A density on images in their own units, and a probability on images of whole numbers: see
/// [`levels`](super::levels) for both.
///
/// # Checked by
/// `tests/it/images.rs`
#[derive(Module, Debug)]
pub struct ImageLaw {
    flow: ImageFlow,
    dequantiser: Option<Dequantiser>,
    #[module(skip)]
    levels: Levels,
    #[module(skip)]
    preprocessing: Preprocessing,
}

impl ImageLaw {
    /// A law on images of one shape whose values fill `levels`.
    ///
    /// # Panics
    /// As [`ImageFlow::new`].
    #[must_use]
    pub fn new(
        config: &ImageLawConfig,
        shape: Pixels,
        levels: Levels,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let PixelNetConfig { width, depth } = config.flow.net;
        let net = PixelNetConfig { width: width.div_ceil(2), depth };
        let learned = levels.whole && config.dequantiser > 0;
        let dequantiser =
            || Dequantiser::new(config.dequantiser, &net, shape, context, noise, space);
        Self {
            flow: ImageFlow::new(&config.flow, shape, context, noise, space),
            dequantiser: learned.then(dequantiser),
            levels,
            preprocessing: config.preprocessing,
        }
    }

    /// The shape of its images.
    #[must_use]
    pub fn shape(&self) -> Pixels {
        self.flow.shape()
    }

    /// The values of its pixels.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.levels
    }

    /// The law with its flow started from images.
    ///
    /// # Shapes
    /// `v`: `[n, d]`, n ≥ 2; `context`: `[n, c]`.
    #[must_use]
    pub fn started(self, v: Tensor<2>, noise: &Noise, context: Option<&Tensor<2>>) -> Self {
        let draw = self.draw(noise, &Space::of(&v));
        let point = self.dequantised(v, draw, context).0;
        let y = self.preprocessing.forward(self.levels.unit(point)).0;
        Self { flow: self.flow.started(y, context), ..self }
    }

    /// The random numbers of a dequantisation, `None` where values are no whole numbers: uniform on
    /// `[−½, ½]`, or normal for a learned one.
    #[must_use]
    pub fn draw(&self, noise: &Noise, space: &Space) -> Option<Tensor<2>> {
        let (noise, d) = (noise.purpose("dequantise"), self.shape().len());
        if !self.levels.whole {
            return None;
        }
        if self.dequantiser.is_some() {
            return Some(noise.normal(d, space));
        }
        let centred = noise.uniform_values(d).into_iter().map(|u| u - 0.5).collect();
        Some(space.tensor(centred, [noise.len(), d]))
    }

    /// `v + u` and `log q(u | v)`, where that is not 0.
    fn dequantised(
        &self,
        v: Tensor<2>,
        draw: Option<Tensor<2>>,
        context: Option<&Tensor<2>>,
    ) -> (Tensor<2>, Option<Tensor<1>>) {
        match (&self.dequantiser, draw) {
            (Some(dequantiser), Some(epsilon)) => {
                let unit = self.levels.unit(v.clone());
                let (u, log_q) = dequantiser.draw(unit, epsilon, context);
                (v + u, Some(log_q))
            }
            (_, Some(u)) => (v + u, None),
            (_, None) => (v, None),
        }
    }

    /// `log p(v)` at points in a pixel's own units.
    ///
    /// # Shapes
    /// `v`: `[n, d]`, within the support; `context`: `[n, c]` or `[1, c]`; returns `[n]`.
    #[must_use]
    pub fn log_prob(&self, v: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<1> {
        let volume = self.shape().len() as f64 * self.levels.width.ln();
        let (y, log_det) = self.preprocessing.forward(self.levels.unit(v));
        (self.flow.log_prob(y, context) + log_det).sub_scalar(volume)
    }

    /// `log p(v + u) − log q(u | v)`: on average over the draw at most `log P(v)`.
    ///
    /// # Shapes
    /// `v`: `[n, d]`; `draw`: as [`ImageLaw::draw`] gives it; returns `[n]`.
    #[must_use]
    pub fn log_mass(
        &self,
        v: Tensor<2>,
        draw: Option<Tensor<2>>,
        context: Option<&Tensor<2>>,
    ) -> Tensor<1> {
        let (point, log_q) = self.dequantised(v, draw, context);
        let log_prob = self.log_prob(point, context);
        match log_q {
            Some(log_q) => log_prob - log_q,
            None => log_prob,
        }
    }

    /// Images from points of the reference, on the host: levels, where values are whole numbers.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n, d]` row-major.
    #[must_use]
    pub fn images(&self, z: Tensor<2>, context: Option<&Tensor<2>>) -> Vec<f64> {
        let y = to_host(self.flow.push(z, context).0);
        y.into_iter().map(|y| self.levels.value(self.preprocessing.inverse(y))).collect()
    }

    /// Whether every value of an image is where the law lives.
    #[must_use]
    pub fn supports(&self, image: &[f64]) -> bool {
        let unit = |v: &f64| (v - self.levels.start) / self.levels.width;
        image.iter().all(|v| self.preprocessing.support(unit(v)))
    }
}
