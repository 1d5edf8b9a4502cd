//! The network that reads one part of a point and says how to transform the other.

use super::Dense;
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space};
use transport_kernels::{Activation, Mask};

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
/// hidden unit `k` the degree `1 + k mod (d − 1)`, or `k mod d` beside a context, which reaches the
/// first outputs too; a connection exists where the degree does not fall, strictly rises at the
/// output.
///
/// The plain form has rectified units and no ways around them:
///
/// ```text
/// hₖ₊₁ = relu(hₖ) (Wₖ ⊙ M) + bₖ,    out = relu(h_depth) (V ⊙ M_out) + b
/// ```
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
    #[module(skip)]
    plain: bool,
}

/// The connections that exist.
#[derive(Clone, Debug)]
struct Masks {
    input: Mask,
    hidden: Mask,
    output: Mask,
}

impl Masks {
    /// The masks of `d` inputs with `per` outputs each.
    fn new(d: usize, width: usize, per: usize, context: usize, space: &Space) -> Self {
        let hidden = |k: usize| if context > 0 || d == 1 { k % d } else { 1 + k % (d - 1) };
        Self {
            input: Mask::new([d, width], |i, k| hidden(k) > i, space),
            hidden: Mask::new([width, width], |j, k| hidden(k) >= hidden(j), space),
            output: Mask::new([width, d * per], |k, o| o.div_euclid(per) >= hidden(k), space),
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
            plain: false,
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
        let masks = Some(Masks::new(dim, config.width, per, context, space));
        Self { masks, ..Self::new(config, dim, dim * per, context, noise, space) }
    }

    /// A fresh network in its plain form: hidden units start from weights within ±1/√n, a third of
    /// the variance that residual ones start from, and outputs from weights within ±gain/√n.
    #[must_use]
    pub fn plain(self, gain: f64, noise: &Noise, space: &Space) -> Self {
        let calm = |layer: Dense| layer.scaled(1.0 / 3f64.sqrt());
        let [width, outputs] = self.output.jacobian().dims();
        Self {
            input: calm(self.input),
            context: self.context.map(calm),
            hidden: self.hidden.into_iter().map(calm).collect(),
            output: Dense::new(width, outputs, gain, &noise.purpose("output"), space),
            masks: self.masks,
            plain: true,
        }
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
        let mask = |f: fn(&Masks) -> &Mask| self.masks.as_ref().map(f);
        let unit = Some(if self.plain { Activation::Relu } else { Activation::Silu });
        let mut h = self.input.masked(None, x, mask(|m| &m.input), false);
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
            h = layer.masked(unit, h, mask(|m| &m.hidden), !self.plain);
        }
        self.output.masked(unit, h, mask(|m| &m.output), false)
    }
}
