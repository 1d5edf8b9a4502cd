//! The block of a DiT.

use super::DitConfig;
use crate::net::{Dense, Dropout, Dual};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// Added to the variance of a token's features.
const EPSILON: f64 = 1e-6;
/// Hidden features of the second half, in widths.
const RATIO: usize = 4;

/// ```text
/// (b₁, s₁, g₁, b₂, s₂, g₂) = e W + b,              W, b start at 0
/// x ← x + g₁ ⊙ attention((1 + s₁) ⊙ norm(x) + b₁)
/// x ← x + g₂ ⊙ F₂ drop(gelu(F₁ ((1 + s₂) ⊙ norm(x) + b₂)))
/// ```
///
/// At the start every gate is 0 and the block is the identity (adaLN-Zero).
///
/// # References
/// Peebles & Xie (2023), "Scalable diffusion models with transformers", §3.2.
/// # Checked by
/// `tests/it/dit.rs`
#[derive(Module, Debug)]
pub struct DitBlock {
    modulation: Dense,
    to_q: Dense,
    to_k: Dense,
    to_v: Dense,
    to_out: Dense,
    up: Dense,
    down: Dense,
    #[module(skip)]
    head: usize,
    #[module(skip)]
    dropout: Dropout,
}

impl DitBlock {
    /// A block of these sizes.
    #[must_use]
    pub fn new(config: &DitConfig, noise: &Noise, space: &Space) -> Self {
        let w = config.width;
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        // Glorot's variance, as the paper's: uniform within √(6/(from + to)).
        let glorot = |name: &str, from: usize, to: usize| {
            dense(name, from, to, (6.0 * from as f64 / (from + to) as f64).sqrt())
        };
        Self {
            modulation: dense("modulation", w, 6 * w, 0.0),
            to_q: glorot("to_q", w, w),
            to_k: glorot("to_k", w, w),
            to_v: glorot("to_v", w, w),
            to_out: glorot("to_out", w, w),
            up: glorot("up", w, RATIO * w),
            down: glorot("down", RATIO * w, w),
            head: config.head,
            dropout: config.dropout,
        }
    }

    /// The block's value.
    ///
    /// # Shapes
    /// `x`: `[n, tokens, width]`; `told`: `silu(e)`, `[n, width]` or `[1, width]`; returns as `x`.
    #[must_use]
    pub fn forward(&self, x: Dual<3>, told: &Tensor<2>, noise: Option<&Noise>) -> Dual<3> {
        let told = self.modulation.forward(told.clone());
        let w = x.value.dims()[2];
        let part = |k: usize| -> Tensor<3> { told.clone().narrow(1, k * w, w).unsqueeze_dim(1) };
        let seen = modulated(x.clone(), part(1), part(0));
        let x = x + self.attention(seen).times(part(2));
        let seen = modulated(x.clone(), part(4), part(3));
        let hidden = through(&self.up, seen).gelu();
        let hidden = self.dropout.apply(hidden, noise);
        x + through(&self.down, hidden).times(part(5))
    }

    fn attention(&self, x: Dual<3>) -> Dual<3> {
        let [n, tokens, w] = x.value.dims();
        let heads = w.div_euclid(self.head);
        let [q, k, v] = [&self.to_q, &self.to_k, &self.to_v].map(|layer| {
            let y = through(layer, x.clone());
            y.linear(|y| y.reshape([n, tokens, heads, self.head]).swap_dims(1, 2))
        });
        let y = q.attend(k, v).linear(|y| y.swap_dims(1, 2).reshape([n, tokens, w]));
        through(&self.to_out, y)
    }
}

/// `(1 + s) ⊙ norm(x) + b`, over the features of a token.
pub(super) fn modulated(x: Dual<3>, scale: Tensor<3>, shift: Tensor<3>) -> Dual<3> {
    x.normalised(EPSILON).times(scale.add_scalar(1.0)).plus(shift)
}

/// A layer on every token.
pub(super) fn through(layer: &Dense, x: Dual<3>) -> Dual<3> {
    let [n, tokens, w] = x.value.dims();
    let y = layer.dual(x.linear(|x| x.reshape([n * tokens, w])));
    let outputs = y.value.dims()[1];
    y.linear(|y| y.reshape([n, tokens, outputs]))
}
