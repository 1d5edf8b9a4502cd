//! The residual block.

use super::attention::over;
use super::config::{TimeShift, UNetConfig};
use super::size::{doubled, halved};
use crate::net::group_norm::{GroupNorm, Then, planes};
use crate::net::{Conv, Dense, Dropout, Dual, Kernel};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// What every block is told beside its planes.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// `silu` of the embedding of time and context, `[n, features]` or `[1, features]`.
    pub embedding: Tensor<2>,
    /// What dropout masks are drawn from; nothing is dropped without it.
    pub noise: Option<&'a Noise>,
}

/// How the planes change their size inside a [`ResidualBlock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not at all.
    Stay,
    /// To the means of 2 × 2 pixels.
    Halve,
    /// To nearest pixels, cut to the size of what they meet.
    Double,
}

/// ```text
/// h = K₁ ∗ R(silu(norm₁ x)) + b₁
/// h = norm₂(h + e W) or (1 + s) norm₂(h) + b,  (s, b) = e W
/// y = (S R(x) + K₂ ∗ drop(silu h) + b₂)/scale
/// ```
///
/// `R` changes the size or does nothing, `S` is a pointwise convolution where the planes change and
/// nothing where not, `e` the time. `K₂` and `b₂` start at 0.
///
/// # References
/// He et al. (2016); Dhariwal & Nichol (2021), §3 and appendix A, for norms, time and resampling.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    norm1: GroupNorm,
    conv1: Conv,
    time_emb_proj: Dense,
    norm2: GroupNorm,
    conv2: Conv,
    conv_shortcut: Option<Conv>,
    #[module(skip)]
    time_shift: TimeShift,
    #[module(skip)]
    dropout: Dropout,
    #[module(skip)]
    change: Change,
    #[module(skip)]
    scale: f64,
    #[module(skip)]
    name: String,
}

impl ResidualBlock {
    /// A block from `inputs` planes to `outputs`, called `name` where draws are concerned.
    #[must_use]
    pub fn new(
        config: &UNetConfig,
        [inputs, outputs]: [usize; 2],
        change: Change,
        name: &str,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let noise = noise.purpose(name);
        let conv = |name: &str, from: usize, to: usize, side: usize, gain: f64| {
            Conv::new(from, to, Kernel::same(side), gain, &noise.purpose(name), space)
        };
        let norm = |planes| GroupNorm::new(planes, config.norm_groups, config.norm_eps, space);
        let told = match config.time_shift {
            TimeShift::Add => outputs,
            TimeShift::ScaleShift => 2 * outputs,
        };
        let time = noise.purpose("time_emb_proj");
        Self {
            norm1: norm(inputs),
            conv1: conv("conv1", inputs, outputs, 3, 1.0),
            time_emb_proj: Dense::new(config.embedding(), told, 1.0, &time, space),
            norm2: norm(outputs),
            conv2: conv("conv2", outputs, outputs, 3, 0.0),
            conv_shortcut: (inputs != outputs)
                .then(|| conv("conv_shortcut", inputs, outputs, 1, 1.0)),
            time_shift: config.time_shift,
            dropout: config.dropout,
            change,
            scale: 1.0,
            name: name.to_owned(),
        }
    }

    /// The sum divided by `scale`.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// `y`, with images of `size` pixels where the block doubles them.
    ///
    /// # Shapes
    /// `x`: `[n, inputs, h, w]`; returns `[n, outputs, h', w']`.
    #[must_use]
    pub fn forward(&self, x: Dual<4>, told: &Told<'_>, size: [usize; 2]) -> Dual<4> {
        let h = self.resized(self.norm1.forward(x.clone(), None, Then::Silu), size);
        let h = self.timed(self.conv1.dual(h), told);
        let noise = told.noise.map(|noise| noise.purpose(&self.name));
        let h = self.conv2.dual(self.dropout.apply(h, noise.as_ref()));
        let x = self.resized(x, size);
        let x = match &self.conv_shortcut {
            Some(conv) => conv.dual(x),
            None => x,
        };
        over(x + h, self.scale)
    }

    /// The time, the second norm and its activation.
    fn timed(&self, h: Dual<4>, told: &Told<'_>) -> Dual<4> {
        let time = self.time_emb_proj.forward(told.embedding.clone());
        match self.time_shift {
            TimeShift::Add => self.norm2.forward(h.plus(planes(time)), None, Then::Silu),
            TimeShift::ScaleShift => {
                let half = time.dims()[1] >> 1;
                let features = [0, half].map(|first| time.clone().narrow(1, first, half));
                self.norm2.forward(h, Some(features), Then::Silu)
            }
        }
    }

    fn resized(&self, x: Dual<4>, size: [usize; 2]) -> Dual<4> {
        match self.change {
            Change::Stay => x,
            Change::Halve => x.linear(halved),
            Change::Double => x.linear(|x| doubled(x, size)),
        }
    }
}
