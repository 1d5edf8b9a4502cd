//! A generator of images: from a few coarse planes to the image, doubling its sides.

use super::batch_norm::{BatchNorm, Moments};
use super::layer::Planar;
use crate::net::activation::silu;
use crate::net::{Canvas, Dense, Kernel};
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use transport_core::{Noise, Space};

/// The sizes of a [`Dcgan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DcganConfig {
    /// Doublings.
    pub stages: usize,
    /// Channels after the last of them; each before it has twice as many.
    pub channels: usize,
    /// Whether planes are standardised over the batch.
    pub batch_norm: bool,
}

/// ```text
/// h₀ = z A + c C + b                        [2^stages · channels, s, s],  s = ⌈side / 2^stages⌉
/// hₖ = Kₖ ∗ double(silu(norm(hₖ₋₁)))         k = 1 … stages, half the channels
/// x  = low + (high − low) σ(K ∗ silu(norm(h)))
/// ```
///
/// `double` repeats each pixel (nearest neighbour), which leaves no checkerboard; convolutions have
/// side 3. Without known bounds the last sigmoid is not there. What sticks out of the image is cut.
///
/// # References
/// Radford, Metz & Chintala (2016), "Unsupervised representation learning with deep convolutional
/// generative adversarial networks"; doubling: Odena, Dumoulin & Olah (2016).
#[derive(Module, Debug)]
pub struct Dcgan {
    input: Dense,
    context: Option<Dense>,
    stages: Vec<Stage>,
    #[module(skip)]
    canvas: Canvas,
}

/// A convolution of standardised planes; all but the last are doubled first.
#[derive(Module, Debug)]
struct Stage {
    norm: Option<BatchNorm>,
    conv: Planar,
    #[module(skip)]
    doubled: bool,
}

impl Stage {
    fn forward(&self, h: Tensor<2>, moments: Moments) -> Tensor<2> {
        let h = match &self.norm {
            Some(norm) => norm.forward(h, moments),
            None => h,
        };
        let h = silu(h);
        self.conv.forward(if self.doubled { double(h, self.conv.inputs()) } else { h })
    }

    fn settled(self, h: &Tensor<2>) -> Self {
        Self { norm: self.norm.map(|norm| norm.settled(h)), ..self }
    }
}

/// Each pixel four times, to planes of shape `[channels, height, width]`.
fn double(h: Tensor<2>, [channels, height, width]: [usize; 3]) -> Tensor<2> {
    let (n, rows, columns) = (h.dims()[0], height >> 1, width >> 1);
    let apart = h.reshape([n * channels * rows, 1, columns, 1]);
    apart.expand([n * channels * rows, 2, columns, 2]).reshape([n, channels * height * width])
}

impl Dcgan {
    pub(super) fn new(
        config: &DcganConfig,
        inputs: usize,
        context: usize,
        canvas: &Canvas,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let DcganConfig { stages, channels, batch_norm } = *config;
        let unit = 3f64.sqrt();
        let coarse = |side: usize| side.div_ceil(1 << stages);
        let (height, width) = (coarse(canvas.pixels.height), coarse(canvas.pixels.width));
        let first = (channels << stages) * height * width;
        let dense = |name: &str, from| Dense::new(from, first, unit, &noise.purpose(name), space);
        let stage = |k: usize| {
            let (doubled, planes) = (k < stages, channels << (stages - k));
            let scale = (k + 1).min(stages);
            let outputs = if doubled { planes >> 1 } else { canvas.pixels.channels };
            let noise = noise.purpose(&format!("conv.{k}"));
            let sides = [planes, height << scale, width << scale];
            let conv = Planar::new(sides, outputs, Kernel::same(3), unit, &noise, space);
            let norm = batch_norm.then(|| BatchNorm::new(planes, space));
            Stage { norm, conv, doubled }
        };
        Self {
            input: dense("input", inputs),
            context: (context > 0).then(|| dense("context", context)),
            stages: (0..=stages).map(stage).collect(),
            canvas: canvas.clone(),
        }
    }

    pub(super) fn row_by_row(&self) -> bool {
        self.stages.iter().all(|stage| stage.norm.is_none())
    }

    fn first(&self, z: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<2> {
        let h = self.input.forward(z);
        match (&self.context, context) {
            (Some(layer), Some(c)) => h + layer.forward(c.clone()),
            (None, None) => h,
            (expected, _) => panic!(
                "a generator takes a context if and only if it was built with one: {}",
                expected.is_some(),
            ),
        }
    }

    pub(super) fn forward(
        &self,
        z: Tensor<2>,
        context: Option<&Tensor<2>>,
        moments: Moments,
    ) -> Tensor<2> {
        let first = self.first(z, context);
        let h = self.stages.iter().fold(first, |h, stage| stage.forward(h, moments));
        let x = self.canvas.lower(self.cut(h));
        match self.canvas.bounds {
            Some((low, high)) => sigmoid(x).mul_scalar(high - low).add_scalar(low),
            None => x,
        }
    }

    /// The image's own rows and columns.
    fn cut(&self, h: Tensor<2>) -> Tensor<2> {
        let (n, pixels) = (h.dims()[0], self.canvas.pixels);
        if h.dims()[1] == pixels.len() {
            return h;
        }
        let [_, rows, columns] = self.stages.last().map_or([0; 3], |last| last.conv.inputs());
        let planes: Tensor<4> = h.reshape([n, pixels.channels, rows, columns]);
        planes.narrow(2, 0, pixels.height).narrow(3, 0, pixels.width).reshape([n, pixels.len()])
    }

    pub(super) fn settled(mut self, z: Tensor<2>, context: Option<&Tensor<2>>) -> Self {
        let mut h = self.first(z, context);
        let mut stages = Vec::with_capacity(self.stages.len());
        for stage in self.stages {
            let stage = stage.settled(&h);
            h = stage.forward(h, Moments::Kept);
            stages.push(stage);
        }
        self.stages = stages;
        self
    }
}
