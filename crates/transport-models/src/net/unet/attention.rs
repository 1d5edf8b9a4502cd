//! Attention between the pixels of an image.

use crate::net::group_norm::{GroupNorm, Then};
use crate::net::{Dense, Dual};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Noise, Space};

/// Every pixel asks all others:
///
/// ```text
/// z = norm(x),   y = (x + softmax(Q Kᵀ/√d) V W_o)/scale,     Q = z W_q, K = z W_k, V = z W_v
/// ```
///
/// in heads of `d` features each.
///
/// # References
/// Vaswani et al. (2017); Ho, Jain & Abbeel (2020), appendix B, for its place in a U-Net.
/// # Checked by
/// `tests/it/unet.rs`
#[derive(Module, Debug)]
pub struct Attention {
    group_norm: Option<GroupNorm>,
    to_q: Dense,
    to_k: Dense,
    to_v: Dense,
    to_out: Vec<Dense>,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    scale: f64,
}

impl Attention {
    /// Attention over `planes` planes in heads of `head` features; `groups = 0` for no norm. The
    /// last layer starts at 0.
    #[must_use]
    pub fn new(
        planes: usize,
        head: usize,
        groups: usize,
        epsilon: f64,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let heads = planes.div_euclid(head);
        let inner = heads * head;
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        Self {
            group_norm: (groups > 0).then(|| GroupNorm::new(planes, groups, epsilon, space)),
            to_q: dense("to_q", planes, inner, 1.0),
            to_k: dense("to_k", planes, inner, 1.0),
            to_v: dense("to_v", planes, inner, 1.0),
            to_out: vec![dense("to_out", inner, planes, 0.0)],
            heads,
            scale: 1.0,
        }
    }

    /// The sum divided by `scale`.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// `y`.
    ///
    /// # Shapes
    /// `x`: `[n, planes, h, w]`; returns the same.
    #[must_use]
    pub fn forward(&self, x: Dual<4>) -> Dual<4> {
        let [n, c, h, w] = x.value.dims();
        let z = match &self.group_norm {
            Some(norm) => norm.forward(x.clone(), None, Then::Identity),
            None => x.clone(),
        };
        let tokens = z.linear(|z| z.reshape([n, c, h * w]).swap_dims(1, 2).reshape([n * h * w, c]));
        let [q, k, v] = [&self.to_q, &self.to_k, &self.to_v]
            .map(|layer| self.heads(layer.dual(tokens.clone()), [n, h * w]));
        let together = q.attend(k, v).linear(|y| {
            let [_, heads, tokens, head] = y.dims();
            y.swap_dims(1, 2).reshape([n * tokens, heads * head])
        });
        let out = self.to_out.iter().fold(together, |y, layer| layer.dual(y));
        let image = out.linear(|y| y.reshape([n, h * w, c]).swap_dims(1, 2).reshape([n, c, h, w]));
        over(x + image, self.scale)
    }

    fn heads(&self, x: Dual<2>, [n, tokens]: [usize; 2]) -> Dual<4> {
        let head = x.value.dims()[1].div_euclid(self.heads);
        x.linear(|x| x.reshape([n, tokens, self.heads, head]).swap_dims(1, 2))
    }
}

/// `x/scale`.
pub(super) fn over(x: Dual<4>, scale: f64) -> Dual<4> {
    if scale == 1.0 { x } else { x.linear(|x: Tensor<4>| x.div_scalar(scale)) }
}
