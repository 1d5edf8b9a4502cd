//! The U-Net of diffusion models.

mod attention;
mod config;
mod level;
mod residual;
mod size;

pub use attention::Attention;
pub use config::{Level, Resampling, TimeShift, UNetConfig, UNetError};
pub use level::{DownBlock, MidBlock, UpBlock};
pub use residual::{Change, ResidualBlock, Told};
pub use size::Resampler;

use crate::net::group_norm::{GroupNorm, Then};
use crate::net::{Conv, Dense, Dual, Kernel, TimeEmbedding, TimeProjection};
use burn::module::Module;
use burn::tensor::Tensor;
use level::Place;
use transport_core::{Noise, Space, Times};

/// A convolutional network of images that sees them at several sizes:
///
/// ```text
/// e = E(φ(t)) + c C
/// h = K_in ∗ x;   down each level, keeping every h;   the middle;   up again, each block reading the
/// h kept at its place;   out = K_out ∗ silu(norm h)
/// ```
///
/// `K_out` starts at 0. The names of its fields are those of diffusers' `UNet2DModel`, so that its
/// weights load by name; a residual resampler stands one name deeper, under `residual`, and
/// `class_embedding` has a bias.
///
/// # References
/// Ronneberger, Fischer & Brox (2015); Ho, Jain & Abbeel (2020), appendix B; Dhariwal & Nichol
/// (2021), §3.
/// # Checked by
/// `tests/it/unet.rs`
#[derive(Module, Debug)]
pub struct UNet {
    conv_in: Conv,
    time_proj: TimeProjection,
    time_embedding: TimeEmbedding,
    class_embedding: Option<Dense>,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv,
    #[module(skip)]
    config: UNetConfig,
}

impl UNet {
    /// A network for images of `size`, height and width.
    ///
    /// # Errors
    /// [`UNetError`] when the sizes do not fit together.
    pub fn new(
        config: &UNetConfig,
        size: [usize; 2],
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, UNetError> {
        config.check(size)?;
        let (channels, levels) = (&config.block_out_channels, config.block_out_channels.len());
        let (first, last, embedding) = (channels[0], channels[levels - 1], config.embedding());
        let place = |level: Level, name: String| Place { config, level, name, noise, space };
        let conv = |name: &str, from: usize, to: usize, gain: f64| {
            Conv::new(from, to, Kernel::same(3), gain, &noise.purpose(name), space)
        };
        let down = |(i, level): (usize, &Level)| {
            let sizes = [channels[i.saturating_sub(1)], channels[i]];
            DownBlock::new(&place(*level, format!("down_blocks.{i}")), sizes, i + 1 == levels)
        };
        let up = |(i, level): (usize, &Level)| {
            let at = levels - 1 - i;
            let sizes =
                [channels[(at + 1).min(levels - 1)], channels[at], channels[at.saturating_sub(1)]];
            UpBlock::new(&place(*level, format!("up_blocks.{i}")), sizes, at == 0)
        };
        let mid = place(config.down[levels - 1], "mid_block".to_owned());
        let time = noise.purpose("time_embedding");
        let features = config.time.count(first);
        let class =
            || Dense::new(config.context, embedding, 3f64.sqrt(), &noise.purpose("class"), space);
        Ok(Self {
            conv_in: conv("conv_in", config.in_channels, first, 1.0),
            time_proj: TimeProjection::new(config.time, first, &noise.purpose("time_proj"), space),
            time_embedding: TimeEmbedding::new(features, embedding, &time, space),
            class_embedding: (config.context > 0).then(class),
            down_blocks: config.down.iter().enumerate().map(down).collect(),
            mid_block: MidBlock::new(&mid, last),
            up_blocks: config.up.iter().enumerate().map(up).collect(),
            conv_norm_out: GroupNorm::new(first, config.norm_groups, config.norm_eps, space),
            conv_out: conv("conv_out", first, config.out_channels, 0.0),
            config: config.clone(),
        })
    }

    /// What it was built from.
    #[must_use]
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The network's value.
    ///
    /// # Shapes
    /// `x`: `[n, in_channels, h, w]`; `context`: `[n, context]` or `[1, context]`; returns
    /// `[n, out_channels, h, w]`.
    ///
    /// # Panics
    /// As [`UNet::dual`].
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<4> {
        self.dual(x.into(), t, context, None).value
    }

    /// The value, and the derivative along a direction where one is carried; features are dropped
    /// where there is noise.
    ///
    /// # Shapes
    /// As [`UNet::forward`].
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn dual(
        &self,
        x: Dual<4>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
        noise: Option<&Noise>,
    ) -> Dual<4> {
        t.check(x.value.dims()[0]);
        let space = Space::of(&x.value);
        let told = Told { embedding: self.embedding(t, context, &space), noise };
        let x = if self.config.center_input {
            x.affine(|x| x.mul_scalar(2.0).sub_scalar(1.0), |u| u.mul_scalar(2.0))
        } else {
            x
        };
        let mut h = self.conv_in.dual(x);
        let mut kept = vec![h.clone()];
        for level in &self.down_blocks {
            h = level.forward(h, &told, &mut kept);
        }
        h = self.mid_block.forward(h, &told);
        for level in &self.up_blocks {
            h = level.forward(h, &told, &mut kept);
        }
        let out = self.conv_out.dual(self.conv_norm_out.forward(h, None, Then::Silu));
        if !self.config.over_time {
            return out;
        }
        let inverse = crate::net::group_norm::planes(t.column(&space, |t| 1.0 / t));
        out.times(inverse)
    }

    /// Whether gradients of the weights are tracked.
    #[must_use]
    pub fn tracked(&self) -> bool {
        self.time_embedding.tracked()
    }

    /// `silu(E(φ(t)) + c C)`.
    fn embedding(&self, t: Times<'_>, context: Option<Tensor<2>>, space: &Space) -> Tensor<2> {
        let time = self.time_embedding.forward(self.time_proj.forward(t, space));
        super::told(time, self.class_embedding.as_ref(), context)
    }
}
