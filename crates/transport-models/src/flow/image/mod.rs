//! Flows of images, at several scales.
//!
//! ```text
//! x ─ squeeze ─ K steps ─ split ─ squeeze ─ K steps ─ split ─ … ─ z_L
//!                           └ z_1                       └ z_2
//! ```
//!
//! Squeezing trades resolution for channels; after the steps of a level half of the channels, made
//! Gaussian given the other half, leave the flow. All of it is one bijection of ℝᵈ onto ℝᵈ:
//!
//! ```text
//! T⁻¹(x) = (z_1, …, z_L),     z ~ N(0, I)
//! log p(x) = log N(z; 0, I) + Σ log |det| of the steps and the splits
//! ```
//!
//! | architecture | a level |
//! |---|---|
//! | Glow | squeeze; K × (actnorm, 1×1 convolution, channel coupling); split |
//! | RealNVP | K × (actnorm, checkerboard coupling); squeeze; K × (actnorm, channel coupling); split; at the end K + 1 checkerboard couplings on what is left |
//!
//! A 1×1 convolution is a linear map of a pixel's channels, so it is [`LuLinear`] at each pixel;
//! an actnorm per channel is [`ActNorm`] at each pixel.
//!
//! | file | holds |
//! |---|---|
//! | [`squeeze`] | 2 × 2 squares of pixels as channels |
//! | [`net`] | the convolutional conditioner |
//! | [`coupling`] | couplings under checkerboard and channel masks |
//! | [`levels`] | pixels as numbers: boxes of levels, logit, bits |
//! | [`dequantise`] | noise within a box, uniform or learned |
//! | [`law`] | all of it as a law of images |
//!
//! Inside, an image is `[n, h, w, c]`: a row as it stands, so that a map of channels is one matrix
//! product over all pixels.
//!
//! # References
//! Dinh, Sohl-Dickstein & Bengio (2017), "Density estimation using Real NVP"; Kingma & Dhariwal
//! (2018), "Glow: generative flow with invertible 1×1 convolutions".

pub mod coupling;
pub mod dequantise;
pub mod law;
mod level;
pub mod levels;
pub mod net;
pub mod squeeze;

pub use coupling::{ImageCoupling, Mask};
pub use dequantise::Dequantiser;
pub use law::{ImageLaw, ImageLawConfig};
pub use levels::{Levels, Preprocessing};
pub use net::{PixelNet, PixelNetConfig};

use self::level::{Level, Step, zeros};
use super::{ActNorm, Element, LuLinear};
use crate::net::Pixels;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::law::Gaussian;
use transport_core::{Density, Invertible, Noise, PushForward, Space};

/// What a level is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Kingma & Dhariwal (2018).
    Glow,
    /// Dinh et al. (2017), with actnorm in the place of batch norm.
    RealNvp,
}

/// What an [`ImageFlow`] is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFlowConfig {
    /// What a level is made of.
    pub architecture: Architecture,
    /// How a coupling transforms a value.
    pub element: Element,
    /// How often the image is squeezed, at least once.
    pub levels: usize,
    /// Steps of a level, of each kind.
    pub steps: usize,
    /// The networks of the couplings.
    pub net: PixelNetConfig,
}

/// How often both sides can be halved.
#[must_use]
pub fn most_levels(height: usize, width: usize) -> usize {
    height.trailing_zeros().min(width.trailing_zeros()) as usize
}

/// A multi-scale flow with a standard normal reference.
///
/// A fresh flow is a permutation of the values: every coupling, split and 1×1 convolution starts as
/// the identity.
///
/// # Checked by
/// `tests/it/images.rs`
#[derive(Module, Debug)]
pub struct ImageFlow {
    levels: Vec<Level>,
    #[module(skip)]
    shape: Pixels,
    /// What is left after the last level.
    #[module(skip)]
    left: Pixels,
}

/// What the layers of a flow share while it is built.
struct Builder<'a> {
    config: &'a ImageFlowConfig,
    context: usize,
    noise: Noise,
    space: &'a Space,
}

impl Builder<'_> {
    fn coupling(&self, name: &str, mask: Mask, shape: Pixels) -> ImageCoupling {
        let ImageFlowConfig { element, net, .. } = self.config;
        let noise = self.noise.purpose(name);
        ImageCoupling::new(*element, mask, net, shape, 0, self.context, &noise, self.space)
    }

    /// `count` steps whose couplings swap what they move.
    fn steps(&self, name: &str, count: usize, mask: fn(usize) -> Mask, shape: Pixels) -> Vec<Step> {
        let glow = self.config.architecture == Architecture::Glow;
        let step = |k| Step {
            norm: ActNorm::new(shape.channels, self.space),
            mix: glow.then(|| LuLinear::new(shape.channels, self.space)),
            coupling: self.coupling(&format!("{name}.{k}"), mask(k), shape),
        };
        (0..count).map(step).collect()
    }

    /// Level `l` of an image of this shape.
    fn level(&self, l: usize, shape: Pixels) -> Level {
        let ImageFlowConfig { architecture, levels, steps, .. } = *self.config;
        let squeezed = squeeze::shape(shape);
        let real_nvp = architecture == Architecture::RealNvp;
        let before = if real_nvp { steps } else { 0 };
        // Glow keeps what is left after the last squeeze; RealNVP goes on with half of it.
        let splits = real_nvp || l + 1 < levels;
        let split = || self.coupling(&format!("split.{l}"), Mask::Channels(0), squeezed);
        Level {
            before: self.steps(&format!("before.{l}"), before, Mask::Checkerboard, shape),
            after: self.steps(&format!("after.{l}"), steps, Mask::Channels, squeezed),
            split: splits.then(split),
            squeezes: true,
            shape: squeezed,
        }
    }

    /// The end of RealNVP: one more checkerboard coupling than a level has. A single pixel has
    /// channels only.
    fn last(&self, shape: Pixels) -> Level {
        let one = shape.height * shape.width == 1;
        let mask = if one { Mask::Channels } else { Mask::Checkerboard };
        let before = self.steps("last", self.config.steps + 1, mask, shape);
        Level { before, after: Vec::new(), split: None, squeezes: false, shape }
    }
}

impl ImageFlow {
    /// A flow on images of one shape, with `context` columns of context (0 for none).
    ///
    /// # Panics
    /// When the sides cannot be halved as often as the configuration asks, or it asks for none.
    #[must_use]
    pub fn new(
        config: &ImageFlowConfig,
        shape: Pixels,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let most = most_levels(shape.height, shape.width);
        assert!((1..=most).contains(&config.levels), "{} of {most} levels", config.levels);
        let builder = Builder { config, context, noise: noise.purpose("init"), space };
        let mut levels = Vec::with_capacity(config.levels + 1);
        let mut left = shape;
        for l in 0..config.levels {
            let level = builder.level(l, left);
            left = Pixels { channels: level.shape.channels - level.leaving(), ..level.shape };
            levels.push(level);
        }
        if config.architecture == Architecture::RealNvp {
            levels.push(builder.last(left));
        }
        Self { levels, shape, left }
    }

    /// The shape of its images.
    #[must_use]
    pub fn shape(&self) -> Pixels {
        self.shape
    }

    fn image(&self, x: Tensor<2>) -> Tensor<4> {
        let n = x.dims()[0];
        x.reshape([n, self.shape.height, self.shape.width, self.shape.channels])
    }

    /// The flow with each actnorm started from what `x` is when it gets there.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, n ≥ 2; `context`: `[n, c]`.
    #[must_use]
    pub fn started(mut self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Self {
        let mut x = self.image(x);
        for level in &mut self.levels {
            for step in &mut level.before {
                *step = step.clone().started(&x);
                x = step.pull(x, context).0;
            }
            if level.squeezes {
                x = squeeze::squeeze(x);
            }
            for step in &mut level.after {
                *step = step.clone().started(&x);
                x = step.pull(x, context).0;
            }
            if level.split.is_some() {
                x = x.narrow(3, 0, level.shape.channels - level.leaving());
            }
        }
        self
    }

    /// `T(z)` and `log |det ∂T/∂z|`.
    ///
    /// # Shapes
    /// `z`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n, d]` and `[n]`.
    #[must_use]
    pub fn push(&self, z: Tensor<2>, context: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        let [n, d] = z.dims();
        let mut end = d;
        // The parts of z, the last one first.
        let mut part = |shape: Pixels| {
            end -= shape.len();
            let Pixels { channels, height, width } = shape;
            z.clone().narrow(1, end, shape.len()).reshape([n, height, width, channels])
        };
        let mut x = part(self.left);
        let mut log_det = zeros(&x);
        for level in self.levels.iter().rev() {
            let leaving = Pixels { channels: level.leaving(), ..level.shape };
            let left = level.split.as_ref().map(|_| part(leaving));
            let (next, log_level) = level.push(x, left, context);
            (x, log_det) = (next, log_det + log_level);
        }
        (x.reshape([n, d]), log_det)
    }

    /// `T⁻¹(x)` and `log |det ∂T⁻¹/∂x|`.
    ///
    /// # Shapes
    /// As [`ImageFlow::push`].
    #[must_use]
    pub fn pull(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> (Tensor<2>, Tensor<1>) {
        let n = x.dims()[0];
        let flat = |x: Tensor<4>| {
            let [n, h, w, c] = x.dims();
            x.reshape([n, h * w * c])
        };
        let mut x = self.image(x);
        let mut log_det = Tensor::zeros([n], (&x.device(), x.dtype()));
        let mut parts = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let (stays, left, log_level) = level.pull(x, context);
            (x, log_det) = (stays, log_det + log_level);
            parts.extend(left.map(flat));
        }
        parts.push(flat(x));
        (Tensor::cat(parts, 1), log_det)
    }

    /// `log p(x | c) = log N(T⁻¹(x); 0, I) + log |det ∂T⁻¹/∂x|`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; `context`: `[n, c]` or `[1, c]`; returns `[n]`.
    #[must_use]
    pub fn log_prob(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<1> {
        let (z, log_det) = self.pull(x, context);
        Gaussian::standard(self.shape.len()).log_prob(z) + log_det
    }

    /// The map with the context bound: one row for all, or one for each image.
    #[must_use]
    pub fn given(&self, context: Option<Tensor<2>>) -> GivenImageFlow<'_> {
        GivenImageFlow { flow: self, context }
    }
}

/// An [`ImageFlow`] with its context bound.
#[derive(Clone, Debug)]
pub struct GivenImageFlow<'a> {
    flow: &'a ImageFlow,
    context: Option<Tensor<2>>,
}

impl PushForward for GivenImageFlow<'_> {
    fn push(&self, z: Tensor<2>, _noise: &Noise) -> Tensor<2> {
        self.flow.push(z, self.context.as_ref()).0
    }
}

impl Invertible for GivenImageFlow<'_> {
    fn pull(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
        self.flow.pull(x, self.context.as_ref())
    }
}
