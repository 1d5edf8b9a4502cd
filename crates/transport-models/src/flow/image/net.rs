//! The convolutional network that reads one part of an image and says how to transform the other.

use crate::net::activation::Activation;
use crate::net::{Dense, Pixels};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space};
use transport_kernels::patches;

/// The sizes of a [`PixelNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixelNetConfig {
    /// Features of a pixel in a hidden layer.
    pub width: usize,
    /// Hidden layers, at least 1.
    pub depth: usize,
}

/// A residual convolutional network on images of one shape.
///
/// ```text
/// h₁ = K ∗ x + P + c C + b             K of side 3; P a bias for each place, starts at 0
/// hₖ₊₁ = hₖ + silu(hₖ) Wₖ + bₖ          1×1,  k = 1 … depth − 1
/// out = K′ ∗ᵀ silu(h_depth)             K′ of side 3, starts at 0
/// ```
///
/// Each output sees the 5 × 5 pixels around it and the context; the places tell it where it
/// stands, since what is drawn in an image's middle differs from what is drawn at its border.
/// Convolutions are matrix products over pixels, [`patches`] around them.
///
/// # References
/// Kingma & Dhariwal (2018), §B, whose 3×3, 1×1, 3×3 network this is, with a way around.
#[derive(Module, Debug)]
pub struct PixelNet {
    input: Dense,
    place: Param<Tensor<2>>,
    context: Option<Dense>,
    hidden: Vec<Dense>,
    output: Dense,
}

impl PixelNet {
    /// A network from images of this shape to `outputs` values for each pixel; `context` columns
    /// are taken beside the image when that is not 0.
    #[must_use]
    pub fn new(
        config: &PixelNetConfig,
        shape: Pixels,
        outputs: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let PixelNetConfig { width, depth } = *config;
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        // √3 makes the variance of a uniform draw on ±gain/√n equal to 1/n.
        let unit = 3f64.sqrt();
        let places = shape.height * shape.width;
        Self {
            input: dense("input", patches::PATCH * shape.channels, width, unit),
            place: Param::from_tensor(space.tensor(vec![0.0; places * width], [places, width])),
            context: (context > 0).then(|| dense("context", context, width, unit)),
            hidden: (1..depth).map(|k| dense(&format!("hidden.{k}"), width, width, unit)).collect(),
            output: dense("output", width, patches::PATCH * outputs, 0.0),
        }
    }

    /// The network's value at each pixel.
    ///
    /// # Shapes
    /// `x`: `[n, h, w, channels]`; `context`: `[n, context]` or `[1, context]`; returns
    /// `[n, h, w, outputs]`.
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, context: Option<&Tensor<2>>) -> Tensor<4> {
        let [n, height, width, c] = x.dims();
        let pixels = patches::gather(x).reshape([n * height * width, patches::PATCH * c]);
        let h = self.input.forward(pixels);
        let features = h.dims()[1];
        let h = h.reshape([n, height * width, features]) + self.place.val().unsqueeze_dim(0);
        let h = match (&self.context, context) {
            (Some(layer), Some(c)) => h + layer.forward(c.clone()).unsqueeze_dim(1),
            (None, None) => h,
            (expected, given) => panic!(
                "a network {} context was given {}",
                if expected.is_some() { "with" } else { "without" },
                if given.is_some() { "one" } else { "none" },
            ),
        };
        let h = h.reshape([n * height * width, features]);
        let h = self.hidden.iter().fold(h, |h, layer| layer.around(Activation::Silu, h));
        let out = self.output.after(Activation::Silu, h);
        let nine = out.dims()[1];
        patches::scatter(out.reshape([n, height, width, nine]))
    }
}
