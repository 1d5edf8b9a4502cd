//! The network that reads one part of a point and says how to transform the other.

use super::Dense;
use super::activation::silu;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space};

/// The sizes of a [`Conditioner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionerConfig {
    /// Features of a hidden layer.
    pub width: usize,
    /// Hidden layers, at least 1.
    pub depth: usize,
}

/// A residual network without time, optionally autoregressive.
///
/// ```text
/// h₁ = x (W ⊙ M₁) + c C + b
/// hₖ₊₁ = hₖ + silu(hₖ) (Wₖ ⊙ M) + bₖ         k = 1 … depth − 1
/// out = silu(h_depth) (V ⊙ M_out) + b        V, b start at 0
/// ```
///
/// Without masks (`M = 1`) every output sees every input. With them, the outputs that belong to
/// input `i` see the inputs before `i` and the context only (MADE): input `i` has degree `i + 1`,
/// hidden unit `k` the degree `k mod d`, and a connection exists where the degree does not fall,
/// strictly rises at the output.
///
/// # References
/// Germain, Gregor, Murray & Larochelle (2015), "MADE: masked autoencoder for distribution
/// estimation".
#[derive(Module, Debug)]
pub struct Conditioner {
    input: Dense,
    context: Option<Dense>,
    hidden: Vec<Dense>,
    output: Dense,
    #[module(skip)]
    masks: Option<Masks>,
}

/// 1 where a connection exists, `[inputs, outputs]`.
#[derive(Clone, Debug)]
struct Masks {
    input: Tensor<2>,
    hidden: Tensor<2>,
    output: Tensor<2>,
}

impl Masks {
    /// The masks of `d` inputs with `per` outputs each.
    fn new(d: usize, width: usize, per: usize, space: &Space) -> Self {
        let hidden = |k: usize| k % d;
        let mask = |rows: usize, cols: usize, holds: &dyn Fn(usize, usize) -> bool| {
            let values = (0..rows * cols)
                .map(|e| f64::from(u8::from(holds(e.div_euclid(cols), e % cols))))
                .collect();
            space.tensor(values, [rows, cols])
        };
        Self {
            input: mask(d, width, &|i, k| hidden(k) > i),
            hidden: mask(width, width, &|j, k| hidden(k) >= hidden(j)),
            output: mask(width, d * per, &|k, o| o.div_euclid(per) >= hidden(k)),
        }
    }
}

impl Conditioner {
    /// A network from `inputs` columns to `outputs`; `context` columns are taken beside them when
    /// that is not 0.
    #[must_use]
    pub fn new(
        config: &ConditionerConfig,
        inputs: usize,
        outputs: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let ConditionerConfig { width, depth } = *config;
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        // √3 makes the variance of a uniform draw on ±gain/√n equal to 1/n.
        let unit = 3f64.sqrt();
        Self {
            input: dense("input", inputs, width, unit),
            context: (context > 0).then(|| dense("context", context, width, unit)),
            hidden: (1..depth).map(|k| dense(&format!("hidden.{k}"), width, width, unit)).collect(),
            output: dense("output", width, outputs, 0.0),
            masks: None,
        }
    }

    /// An autoregressive network of `dim` inputs with `per` outputs for each: outputs
    /// `i per … (i + 1) per` see the inputs before `i` only.
    #[must_use]
    pub fn autoregressive(
        config: &ConditionerConfig,
        dim: usize,
        per: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let masks = Some(Masks::new(dim, config.width, per, space));
        Self { masks, ..Self::new(config, dim, dim * per, context, noise, space) }
    }

    /// The network's value.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`; `context`: `[n, context]` or `[1, context]`; returns `[n, outputs]`.
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, context: Option<&Tensor<2>>) -> Tensor<2> {
        let mask = |f: fn(&Masks) -> &Tensor<2>| self.masks.as_ref().map(f);
        let mut h = self.input.masked(x, mask(|m| &m.input));
        match (&self.context, context) {
            (Some(layer), Some(c)) => h = h + layer.forward(c.clone()),
            (None, None) => {}
            (expected, given) => panic!(
                "a network {} context was given {}",
                if expected.is_some() { "with" } else { "without" },
                if given.is_some() { "one" } else { "none" },
            ),
        }
        for layer in &self.hidden {
            let step = layer.masked(silu(h.clone()), mask(|m| &m.hidden));
            h = h + step;
        }
        self.output.masked(silu(h), mask(|m| &m.output))
    }
}
