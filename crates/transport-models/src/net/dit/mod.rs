//! The diffusion transformer.

mod block;
mod config;

pub use block::DitBlock;
pub use config::{DitConfig, DitError};

use crate::net::{Dense, Dual, TimeEmbedding, TimeProjection};
use block::{modulated, through};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space, Times};

/// A transformer on patches of an image:
///
/// ```text
/// x = patches(image) P + b + positions,    e = E(φ(t)) + c C
/// x ← block(x, e), each
/// out = patches⁻¹(((1 + s) ⊙ norm(x) + b') O + b),   (b', s) = silu(e) W     O, W start at 0
/// ```
///
/// Positions are sines and cosines of the patch's row and column, fixed. Every block starts as the
/// identity, the whole as 0.
///
/// # References
/// Peebles & Xie (2023), "Scalable diffusion models with transformers".
/// # Checked by
/// `tests/it/dit.rs`
#[derive(Module, Debug)]
pub struct Dit {
    input: Dense,
    time_proj: TimeProjection,
    time_embedding: TimeEmbedding,
    class_embedding: Option<Dense>,
    blocks: Vec<DitBlock>,
    modulation: Dense,
    output: Dense,
    #[module(skip)]
    config: DitConfig,
}

impl Dit {
    /// A network for images of `size`, height and width.
    ///
    /// # Errors
    /// [`DitError`] when the sizes do not fit together.
    pub fn new(
        config: &DitConfig,
        size: [usize; 2],
        noise: &Noise,
        space: &Space,
    ) -> Result<Self, DitError> {
        config.check(size)?;
        let (w, pixels) = (config.width, config.channels * config.patch * config.patch);
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        let (time, unit) = (noise.purpose("time_embedding"), 3f64.sqrt());
        let block = |k: usize| DitBlock::new(config, &noise.purpose(&format!("blocks.{k}")), space);
        Ok(Self {
            input: dense("input", pixels, w, unit),
            time_proj: TimeProjection::new(config.time, w, &noise.purpose("time_proj"), space),
            time_embedding: TimeEmbedding::new(config.time.count(w), w, &time, space),
            class_embedding: (config.context > 0).then(|| dense("class", config.context, w, unit)),
            blocks: (0..config.depth).map(block).collect(),
            modulation: dense("modulation", w, 2 * w, 0.0),
            output: dense("output", w, pixels, 0.0),
            config: *config,
        })
    }

    /// The blocks.
    #[must_use]
    pub fn blocks(&self) -> &[DitBlock] {
        &self.blocks
    }

    /// The network's value, and the derivative along a direction where one is carried; features are
    /// dropped where there is noise.
    ///
    /// # Shapes
    /// `x`: `[n, channels, h, w]`; `context`: `[n, context]` or `[1, context]`; returns as `x`.
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
        let shape = x.value.dims();
        t.check(shape[0]);
        let space = Space::of(&x.value);
        let told = self.embedding(t, context, &space);
        let [rows, columns] = [shape[2], shape[3]].map(|side| side.div_euclid(self.config.patch));
        let mut h = through(&self.input, x.linear(|x| self.patches(x)));
        h = h.plus(positions([rows, columns], self.config.width, &space));
        for (k, block) in self.blocks.iter().enumerate() {
            let noise = noise.map(|noise| noise.purpose(&format!("blocks.{k}")));
            h = block.forward(h, &told, noise.as_ref());
        }
        let last = self.modulation.forward(told);
        let part = |k: usize| -> Tensor<3> {
            let w = self.config.width;
            last.clone().narrow(1, k * w, w).unsqueeze_dim(1)
        };
        let out = through(&self.output, modulated(h, part(1), part(0)));
        out.linear(|y| self.image(y, shape))
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

    /// `[n, c, h, w]` to `[n, patches, c p p]`.
    fn patches(&self, x: Tensor<4>) -> Tensor<3> {
        let ([n, c, h, w], p) = (x.dims(), self.config.patch);
        let [rows, columns] = [h, w].map(|side| side.div_euclid(p));
        x.reshape([n, c, rows, p, columns, p]).permute([0, 2, 4, 1, 3, 5]).reshape([
            n,
            rows * columns,
            c * p * p,
        ])
    }

    /// The inverse of [`Dit::patches`].
    fn image(&self, y: Tensor<3>, shape: [usize; 4]) -> Tensor<4> {
        let ([n, c, h, w], p) = (shape, self.config.patch);
        let [rows, columns] = [h, w].map(|side| side.div_euclid(p));
        y.reshape([n, rows, columns, c, p, p]).permute([0, 3, 1, 4, 2, 5]).reshape(shape)
    }
}

/// For patch `(i, j)`, a quarter of the features each: `sin ω_k j, cos ω_k j, sin ω_k i, cos ω_k i`,
/// `ω_k = 10000^{−k/K}`, `k = 0 … K − 1`.
///
/// # Shapes
/// Returns `[1, patches, width]`.
fn positions([rows, columns]: [usize; 2], width: usize, space: &Space) -> Tensor<3> {
    let quarter = width >> 2;
    let turned = |at: usize, f: fn(f64) -> f64| -> Vec<f64> {
        let rate = |k: usize| 10_000f64.powf(-(k as f64) / quarter as f64);
        (0..quarter).map(|k| f(at as f64 * rate(k))).collect()
    };
    let mut values = Vec::with_capacity(rows * columns * width);
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        for (at, f) in
            [(j, f64::sin as fn(f64) -> f64), (j, f64::cos), (i, f64::sin), (i, f64::cos)]
        {
            values.extend(turned(at, f));
        }
    }
    space.tensor(values, [1, rows * columns, width])
}
