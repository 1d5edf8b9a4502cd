//! The encoder's and the decoder's networks.

use crate::net::activation::{Activation, silu};
use crate::net::{Canvas, ConditionerConfig, Conv, Dense, Kernel, Pixels};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// A map from one row, with an optional context, to another.
#[derive(Module, Debug)]
pub enum Network {
    /// A residual perceptron.
    Perceptron(Perceptron),
    /// From images.
    From(Shrinking),
    /// To images.
    To(Growing),
}

impl Network {
    /// # Shapes
    /// `x`: `[n, inputs]`; `c`: `[n, context]`; returns `[n, outputs]`.
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> Tensor<2> {
        match self {
            Self::Perceptron(net) => net.forward(x, c),
            Self::From(net) => net.forward(x, c),
            Self::To(net) => net.forward(x, c),
        }
    }
}

/// A residual perceptron, linear at depth 0.
///
/// ```text
/// h₁ = x W + c C + b
/// hₖ₊₁ = hₖ + silu(hₖ) Wₖ + bₖ            k = 1 … depth − 1
/// out = silu(h_depth) V + b               V, b start at 0
/// ```
#[derive(Module, Debug)]
pub struct Perceptron {
    input: Linear,
    hidden: Vec<Dense>,
    output: Option<Dense>,
}

impl Perceptron {
    pub(super) fn new(
        config: &ConditionerConfig,
        inputs: usize,
        outputs: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let ConditionerConfig { width, depth } = *config;
        let noise = |name: &str| noise.purpose(name);
        if depth == 0 {
            let input = Linear::new(inputs, outputs, context, UNIT, &noise("input"), space);
            return Self { input, hidden: Vec::new(), output: None };
        }
        let layer = |k| Dense::new(width, width, UNIT, &noise(&format!("hidden.{k}")), space);
        Self {
            input: Linear::new(inputs, width, context, UNIT, &noise("input"), space),
            hidden: (1..depth).map(layer).collect(),
            output: Some(Dense::new(width, outputs, 0.0, &noise("output"), space)),
        }
    }

    fn forward(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> Tensor<2> {
        let first = self.input.forward(x, c);
        let Some(output) = &self.output else { return first };
        let h = self.hidden.iter().fold(first, |h, layer| layer.around(Activation::Silu, h));
        output.after(Activation::Silu, h)
    }
}

/// `x W + c C + b`.
#[derive(Module, Debug)]
pub struct Linear {
    map: Dense,
    context: Option<Dense>,
}

impl Linear {
    fn new(
        inputs: usize,
        outputs: usize,
        context: usize,
        gain: f64,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let dense = |name: &str, from| Dense::new(from, outputs, gain, &noise.purpose(name), space);
        Self {
            map: dense("map", inputs),
            context: (context > 0).then(|| dense("context", context)),
        }
    }

    fn forward(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> Tensor<2> {
        match (&self.context, c) {
            (Some(layer), Some(c)) => self.map.forward(x) + layer.forward(c.clone()),
            (None, None) => self.map.forward(x),
            (expected, _) => panic!("a network whose context is {} expected", expected.is_some()),
        }
    }
}

/// The variance of a uniform draw on `±√3/√n` is `1/n`.
const UNIT: f64 = 1.732_050_807_568_877_2;
const HALVING: Kernel = Kernel { side: 3, stride: 2, border: 1 };

/// The side of what [`HALVING`] leaves.
fn half(side: usize) -> usize {
    side.div_ceil(2)
}

fn halved(p: Pixels, channels: usize) -> Pixels {
    Pixels { channels, height: half(p.height), width: half(p.width) }
}

/// Images to rows: two convolutions that halve the sides, `channels` and `2 · channels` deep, and
/// two dense layers. The last starts at 0.
#[derive(Module, Debug)]
pub struct Shrinking {
    first: Conv,
    second: Conv,
    hidden: Linear,
    output: Dense,
    #[module(skip)]
    canvas: Canvas,
}

/// Rows to images: two dense layers, and two steps of doubling the sides and a convolution. The
/// last starts at 0.
#[derive(Module, Debug)]
pub struct Growing {
    hidden: Linear,
    spread: Dense,
    first: Conv,
    last: Conv,
    #[module(skip)]
    canvas: Canvas,
}

/// The sizes of the convolutional networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSizes {
    /// Channels of the outer convolution; the inner has twice as many.
    pub channels: usize,
    /// Features of the dense layer.
    pub width: usize,
    /// Columns of context.
    pub context: usize,
}

impl Shrinking {
    pub(super) fn new(
        canvas: &Canvas,
        sizes: ConvSizes,
        outputs: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let ConvSizes { channels, width, context } = sizes;
        let outer = halved(canvas.pixels, channels);
        let inner = halved(outer, 2 * channels);
        let conv = |name: &str, from: usize, to: usize| {
            Conv::new(from, to, HALVING, UNIT, &noise.purpose(name), space)
        };
        Self {
            first: conv("first", canvas.pixels.channels, channels),
            second: conv("second", channels, 2 * channels),
            hidden: Linear::new(inner.len(), width, context, UNIT, &noise.purpose("hidden"), space),
            output: Dense::new(width, outputs, 0.0, &noise.purpose("output"), space),
            canvas: canvas.clone(),
        }
    }

    fn forward(&self, x: Tensor<2>, c: Option<&Tensor<2>>) -> Tensor<2> {
        let (n, Pixels { channels, height, width }) = (x.dims()[0], self.canvas.pixels);
        let planes = self.canvas.lift(x).reshape([n, channels, height, width]);
        let h = silu(self.second.forward(silu(self.first.forward(planes))));
        let [n, channels, height, width] = h.dims();
        let h = self.hidden.forward(h.reshape([n, channels * height * width]), c);
        self.output.forward(silu(h))
    }
}

impl Growing {
    /// `blocks` values for each pixel, block after block.
    pub(super) fn new(
        canvas: &Canvas,
        sizes: ConvSizes,
        inputs: usize,
        blocks: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let ConvSizes { channels, width, context } = sizes;
        let inner = halved(halved(canvas.pixels, channels), 2 * channels);
        let conv = |name: &str, from: usize, to: usize, gain: f64| {
            Conv::new(from, to, Kernel::same(3), gain, &noise.purpose(name), space)
        };
        let hidden = noise.purpose("hidden");
        Self {
            hidden: Linear::new(inputs, width, context, UNIT, &hidden, space),
            spread: Dense::new(width, inner.len(), UNIT, &noise.purpose("spread"), space),
            first: conv("first", 2 * channels, channels, UNIT),
            last: conv("last", channels, canvas.pixels.channels * blocks, 0.0),
            canvas: canvas.clone(),
        }
    }

    fn forward(&self, z: Tensor<2>, c: Option<&Tensor<2>>) -> Tensor<2> {
        let p = self.canvas.pixels;
        let (outer, n) = (halved(p, 1), z.dims()[0] as i32);
        let h = silu(self.spread.forward(silu(self.hidden.forward(z, c))));
        let (height, width) = (half(outer.height) as i32, half(outer.width) as i32);
        let h = doubled(h.reshape([n, -1, height, width]), outer);
        let h = doubled(silu(self.first.forward(h)), p);
        let out = self.last.forward(h);
        let blocks = out.dims()[1].div_euclid(p.channels);
        let block = |k: usize| {
            let planes = out.clone().narrow(1, k * p.channels, p.channels);
            self.canvas.lower(planes.reshape([n, p.len() as i32]))
        };
        Tensor::cat((0..blocks).map(block).collect(), 1)
    }
}

/// Each pixel four times, cut to the sides of `to`.
fn doubled(x: Tensor<4>, to: Pixels) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let wide = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
    let wide = wide.reshape([n, c, 2 * h, 2 * w]);
    wide.narrow(2, 0, to.height).narrow(3, 0, to.width)
}
