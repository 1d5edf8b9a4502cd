//! A plain convolutional denoiser: blocks of wide kernels, each normalised over its whole image.

use super::activation::Activation;
use super::{Conv, Dense, Kernel};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::device::to_host;
use transport_core::{Noise, Space, Times};
use transport_kernels::ops;

/// The sizes of a [`DdpmCnn`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DdpmCnnConfig {
    /// Planes of an image.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Planes after each block, at least one block.
    pub widths: Vec<usize>,
    /// The side of a block's kernel, odd.
    pub kernel: usize,
    /// The side of the last kernel, odd.
    pub out_kernel: usize,
    /// Frequencies of the time.
    pub frequencies: usize,
    /// Features of the time's hidden layers; the last layer has as many as the first block planes.
    pub time_widths: Vec<usize>,
}

impl Default for DdpmCnnConfig {
    /// Grey images of 28 × 28 pixels, 291,217 weights.
    fn default() -> Self {
        Self {
            channels: 1,
            height: 28,
            width: 28,
            widths: vec![16, 32, 32, 16],
            kernel: 7,
            out_kernel: 3,
            frequencies: 16,
            time_widths: vec![128, 128, 128],
        }
    }
}

impl DdpmCnnConfig {
    /// Why there is no such network, if there is none.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        let Self { channels, height, width, widths, kernel, out_kernel, frequencies, .. } = self;
        let counts = [*channels, *height, *width, *frequencies, widths.len()];
        let layers = widths.iter().chain(&self.time_widths);
        if counts.iter().chain(layers.clone()).any(|count| *count == 0 || *count > MOST) {
            return Err(format!("a size is 0 or above {MOST}"));
        }
        if widths.len().max(self.time_widths.len()) > MOST_LAYERS {
            return Err(format!("more than {MOST_LAYERS} layers"));
        }
        match [kernel, out_kernel].into_iter().find(|side| *side % 2 == 0 || **side > MOST) {
            Some(side) => Err(format!("a kernel of side {side}: odd sides keep the image's size")),
            None => Ok(()),
        }
    }
}

const MOST: usize = 1 << 16;
const MOST_LAYERS: usize = 1 << 10;
const EPSILON: f64 = 1e-5;

/// ```text
/// φ(t) = (sin f₁t, …, sin f_K t, cos f₁t − 1, …, cos f_K t − 1),   e = MLP(φ(t)) with gelu between
/// h₁ = gelu(norm(K₁ ∗ x)) + e,      hₖ = gelu(norm(Kₖ ∗ hₖ₋₁)),      out = K_out ∗ h_B
/// ```
///
/// `norm` brings a whole image, all planes together, to mean 0 and variance 1, then scales and
/// shifts each value by weights of its own: the size of the image is part of the weights. `e` is
/// added to every pixel.
///
/// # References
/// The network of <https://github.com/sdaloglu/diffusion_with_entropy> (MIT), in the manner of
/// <https://github.com/cloneofsimo/minDiffusion>.
/// # Checked by
/// `transport-train`'s `tests/it/import.rs`
#[derive(Module, Debug)]
pub struct DdpmCnn {
    frequencies: Param<Tensor<1>>,
    time_embed: Vec<Dense>,
    blocks: Vec<Block>,
    out: Conv,
}

/// `gelu(norm(K ∗ x))`.
#[derive(Module, Debug)]
struct Block {
    conv: Conv,
    norm: ImageNorm,
}

/// `γ ⊙ (x − μ)/√(σ² + ε) + β`, μ and σ² over all planes and pixels of an image.
#[derive(Module, Debug)]
struct ImageNorm {
    weight: Param<Tensor<3>>,
    bias: Param<Tensor<3>>,
}

impl ImageNorm {
    fn new(shape: [usize; 3], space: &Space) -> Self {
        let filled =
            |value| Param::from_tensor(space.tensor(vec![value; shape.iter().product()], shape));
        Self { weight: filled(1.0), bias: filled(0.0) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let shape = x.dims();
        let flat = x.reshape([shape[0], shape[1..].iter().product()]);
        let centred = flat.clone() - flat.mean_dim(1);
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        let z = (centred / variance.add_scalar(EPSILON).sqrt()).reshape(shape);
        z * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

impl DdpmCnn {
    /// A network with drawn weights; the frequencies are 0 and `2π 1.5ᵏ`.
    ///
    /// # Panics
    /// When [`DdpmCnnConfig::check`] fails.
    #[must_use]
    pub fn new(config: &DdpmCnnConfig, noise: &Noise, space: &Space) -> Self {
        assert_eq!(config.check(), Ok(()), "a network that cannot be");
        let DdpmCnnConfig { channels, height, width, ref widths, frequencies, .. } = *config;
        let into = |k: usize| if k == 0 { channels } else { widths[k - 1] };
        let block = |k: usize| {
            let noise = noise.purpose(&format!("blocks.{k}"));
            let kernel = Kernel::same(config.kernel);
            let conv = Conv::new(into(k), widths[k], kernel, 1.0, &noise, space);
            Block { conv, norm: ImageNorm::new([widths[k], height, width], space) }
        };
        let sizes: Vec<usize> = std::iter::once(2 * frequencies)
            .chain(config.time_widths.iter().copied())
            .chain([widths[0]])
            .collect();
        let dense = |(k, pair): (usize, &[usize])| {
            let noise = noise.purpose(&format!("time_embed.{k}"));
            Dense::new(pair[0], pair[1], 1.0, &noise, space)
        };
        let turns = (0..frequencies as i32).map(|k| match k {
            0 => 0.0,
            k => std::f64::consts::TAU * 1.5f64.powi(k - 1),
        });
        let (last, kernel) = (into(widths.len()), Kernel::same(config.out_kernel));
        Self {
            frequencies: Param::from_tensor(space.tensor(turns.collect(), [frequencies])),
            time_embed: sizes.windows(2).enumerate().map(dense).collect(),
            blocks: (0..widths.len()).map(block).collect(),
            out: Conv::new(last, channels, kernel, 1.0, &noise.purpose("out"), space),
        }
    }

    /// The network's value.
    ///
    /// # Shapes
    /// `x`: `[n, channels, height, width]`; returns the same.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, t: Times<'_>) -> Tensor<4> {
        t.check(x.dims()[0]);
        let e = self.embedding(t, &Space::of(&x));
        let [rows, planes] = e.dims();
        let mut e = Some(e.reshape([rows, planes, 1, 1]));
        let through = |h, block: &Block| {
            let h = block.norm.forward(block.conv.forward(h));
            let h = ops::activate(Activation::Gelu, h);
            match e.take() {
                Some(e) => h + e,
                None => h,
            }
        };
        self.out.forward(self.blocks.iter().fold(x, through))
    }

    /// `e`, `[1, planes]` for one time and `[n, planes]` for one per row; the phases in f64.
    fn embedding(&self, t: Times<'_>, space: &Space) -> Tensor<2> {
        let rates = to_host(self.frequencies.val().inner());
        let times = match &t {
            Times::Same(t) => std::slice::from_ref(t),
            Times::Each(times) => times,
        };
        let features = |t: &f64| {
            let phases: Vec<f64> = rates.iter().map(|rate| rate * t).collect();
            let cos: Vec<f64> = phases.iter().map(|p| p.cos() - 1.0).collect();
            phases.into_iter().map(f64::sin).chain(cos).collect::<Vec<_>>()
        };
        let shape = [times.len(), 2 * rates.len()];
        let features = space.tensor(times.iter().flat_map(features).collect(), shape);
        let mut layers = self.time_embed.iter();
        let first = layers.next().map(|layer| layer.forward(features.clone()));
        layers.fold(first.unwrap_or(features), |h, layer| layer.after(Activation::Gelu, h))
    }
}
