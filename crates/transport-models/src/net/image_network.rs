//! A network of images, on rows.

use super::{Canvas, Dense, Dit, DitConfig, DitError, Dual, UNet, UNetConfig, UNetError};
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space, Times};

/// Which network of images, and its sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageNetworkConfig {
    /// A [`UNet`].
    UNet(UNetConfig),
    /// A [`Dit`].
    Dit(DitConfig),
}

/// A network of images whose sizes do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageNetworkError {
    /// A U-Net's.
    #[error(transparent)]
    UNet(#[from] UNetError),
    /// A DiT's.
    #[error(transparent)]
    Dit(#[from] DitError),
}

/// A network between images that reads and writes rows, on which some pixels may be missing:
///
/// ```text
/// y = lower(net(lift(x), t, c))
/// ```
///
/// Constant pixels are painted before the network and left out after it ([`Canvas`]).
#[derive(Module, Debug)]
pub struct ImageNetwork {
    unet: Option<UNet>,
    dit: Option<Dit>,
    #[module(skip)]
    canvas: Canvas,
}

impl ImageNetworkConfig {
    /// Whether the sizes fit together, for images of this height and width.
    ///
    /// # Errors
    /// [`ImageNetworkError`].
    pub fn check(&self, size: [usize; 2]) -> Result<(), ImageNetworkError> {
        match self {
            Self::UNet(config) => config.check(size)?,
            Self::Dit(config) => config.check(size)?,
        }
        Ok(())
    }
}

impl ImageNetwork {
    /// A network for the images of a canvas.
    ///
    /// # Errors
    /// [`ImageNetworkError`] when the sizes do not fit together.
    pub fn new(
        config: &ImageNetworkConfig,
        canvas: Canvas,
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, ImageNetworkError> {
        let size = [canvas.pixels.height, canvas.pixels.width];
        let (unet, dit) = match config {
            ImageNetworkConfig::UNet(config) => {
                (Some(UNet::new(config, size, noise, space)?), None)
            }
            ImageNetworkConfig::Dit(config) => (None, Some(Dit::new(config, size, noise, space)?)),
        };
        Ok(Self { unet, dit, canvas })
    }

    /// The value, and the derivative along a direction where one is carried.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, `d` the columns of the canvas; returns the same.
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn dual(
        &self,
        x: Dual<2>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
        noise: Option<&Noise>,
    ) -> Dual<2> {
        let (n, pixels) = (x.value.dims()[0], self.canvas.pixels);
        let planes = [n, pixels.channels, pixels.height, pixels.width];
        let lift = |x: Tensor<2>| self.canvas.lift(x).reshape(planes);
        let image = x.affine(lift, |u| lift(u.clone()) - lift(u.zeros_like()));
        let y = match (&self.unet, &self.dit) {
            (Some(net), _) => net.dual(image, t, context, noise),
            (None, Some(net)) => net.dual(image, t, context, noise),
            (None, None) => image,
        };
        y.linear(|y| self.canvas.lower(y.reshape([n, pixels.len()])))
    }

    /// Whether gradients of the weights are tracked.
    #[must_use]
    pub fn tracked(&self) -> bool {
        self.unet.as_ref().is_some_and(UNet::tracked) || self.dit.as_ref().is_some_and(Dit::tracked)
    }
}

/// `silu(time + c C)`: the embedding of time and context.
pub(super) fn told(
    time: Tensor<2>,
    layer: Option<&Dense>,
    context: Option<Tensor<2>>,
) -> Tensor<2> {
    let whole = match (layer, context) {
        (Some(layer), Some(context)) => time + layer.forward(context),
        (None, None) => time,
        (expected, given) => panic!(
            "a network {} context was given {}",
            if expected.is_some() { "with" } else { "without" },
            if given.is_some() { "one" } else { "none" },
        ),
    };
    Dual::from(whole).silu().value
}
