//! A residual multi-layer perceptron with time and context.

use super::activation::{Activation, silu_with_slope};
use super::rows::Rows;
use super::{Dense, Dropout, Dual, Embedding};
use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space, Times};

/// The sizes of an [`Mlp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Features of a hidden layer.
    pub width: usize,
    /// Hidden layers, at least 1.
    pub depth: usize,
    /// Frequencies of the time embedding.
    pub frequencies: usize,
}

/// ```text
/// h₁ = x W + φ(t) U + c C
/// hₖ₊₁ = hₖ + silu(hₖ) Wₖ + bₖ            k = 1 … depth − 1
/// out = silu(h_depth) V + b               V, b start at 0
/// ```
///
/// φ is [`Embedding`], `c` an optional context. The time enters once, so that a batch at one time
/// pays for one row of it.
#[derive(Module, Debug)]
pub struct Mlp {
    input: Dense,
    time: Dense,
    context: Option<Dense>,
    hidden: Vec<Dense>,
    output: Dense,
    #[module(skip)]
    embedding: Embedding,
    #[module(skip)]
    dropout: Dropout,
}

impl Mlp {
    /// A network from `inputs` to `outputs` columns; `context` columns are taken beside them when
    /// that is not 0.
    #[must_use]
    pub fn new(
        config: &MlpConfig,
        inputs: usize,
        outputs: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let MlpConfig { width, depth, frequencies } = *config;
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        // √3 makes the variance of a uniform draw on ±gain/√n equal to 1/n.
        let unit = 3f64.sqrt();
        Self {
            input: dense("input", inputs, width, unit),
            time: dense("time", 2 * frequencies, width, unit),
            context: (context > 0).then(|| dense("context", context, width, unit)),
            hidden: (1..depth).map(|k| dense(&format!("hidden.{k}"), width, width, unit)).collect(),
            output: dense("output", width, outputs, 0.0),
            embedding: Embedding { frequencies },
            dropout: Dropout::default(),
        }
    }

    /// The same network with features dropped after each activation while it is trained.
    #[must_use]
    pub fn dropping(self, dropout: Dropout) -> Self {
        Self { dropout, ..self }
    }

    /// Whether gradients of the weights are tracked.
    #[must_use]
    pub fn tracked(&self) -> bool {
        self.time.jacobian().device().is_autodiff()
    }

    fn first(&self, x: Tensor<2>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<2> {
        let space = Space::of(&x);
        let time = self.time.forward(self.embedding.forward(t, &space));
        let h = self.input.onto(time, x);
        match (&self.context, context) {
            // One context for all is one for each: a row's bits must not depend on how many there are.
            (Some(layer), Some(c)) => {
                let (n, width) = (h.dims()[0], c.dims()[1]);
                layer.onto(h, c.expand([n, width]))
            }
            (None, None) => h,
            (expected, given) => panic!(
                "a network {} context was given {}",
                if expected.is_some() { "with" } else { "without" },
                if given.is_some() { "one" } else { "none" },
            ),
        }
    }

    /// The network's value.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`; `context`: `[n, context]`; returns `[n, outputs]`.
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, t: Times<'_>, context: Option<Tensor<2>>) -> Tensor<2> {
        let around = |h, layer: &Dense| layer.around(Activation::Silu, h);
        let h = self.hidden.iter().fold(self.first(x, t, context), around);
        self.output.after(Activation::Silu, h)
    }

    /// The value and the derivative along `u`.
    ///
    /// # Shapes
    /// `x`, `u`: `[n, inputs]`; returns two `[n, outputs]`.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    #[must_use]
    pub fn jvp(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
        u: Tensor<2>,
    ) -> (Tensor<2>, Tensor<2>) {
        let rows = Rows { x, t, context, along: Some(u) };
        match self.tracked() {
            true => self.jvp_of(rows),
            false => rows.share(|rows| self.jvp_of(rows)),
        }
    }

    fn jvp_of(&self, rows: Rows<'_>) -> (Tensor<2>, Tensor<2>) {
        let Rows { x, t, context, along } = rows;
        let mut dh = self.input.tangent(along.unwrap_or_else(|| x.zeros_like()));
        let mut h = self.first(x, t, context);
        for layer in &self.hidden {
            let (value, slope) = silu_with_slope(h.clone());
            h = layer.onto(h, value);
            dh = layer.tangent_after(slope, dh, true);
        }
        let (value, slope) = silu_with_slope(h);
        (self.output.forward(value), self.output.tangent_after(slope, dh, false))
    }

    /// The value, and the derivative along a direction where one is carried; features are dropped
    /// where there is noise.
    ///
    /// # Shapes
    /// `x`: `[n, inputs]`; returns `[n, outputs]`.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    #[must_use]
    pub fn dual(
        &self,
        x: Dual<2>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
        noise: Option<&Noise>,
    ) -> Dual<2> {
        let Some(noise) = noise.filter(|_| self.dropout.rate > 0.0) else {
            return match x.along {
                None => self.forward(x.value, t, context).into(),
                Some(u) => {
                    let (value, along) = self.jvp(x.value, t, context, u);
                    Dual::new(value, Some(along))
                }
            };
        };
        let bent = |h: Dual<2>, k: usize| {
            let noise = noise.purpose(&format!("hidden.{k}"));
            self.dropout.apply(h.silu(), Some(&noise))
        };
        let mut h = x.affine(|x| self.first(x, t, context), |u| self.input.tangent(u));
        for (k, layer) in self.hidden.iter().enumerate() {
            h = h.clone() + layer.dual(bent(h, k));
        }
        self.output.dual(bent(h, self.hidden.len()))
    }

    /// The value and the divergence `Σᵢ ∂outᵢ/∂xᵢ`, all directions in one pass.
    ///
    /// ```text
    /// Hᵢ = Wᵢ,   Hᵢ ← Hᵢ + (f′(hₖ) ⊙ Hᵢ) Wₖ,   ∇·out = Σ_j f′(h)_j Σᵢ Hᵢⱼ Vⱼᵢ
    /// ```
    ///
    /// # Shapes
    /// `x`: `[n, d]`, as many inputs as outputs; returns `[n, d]` and `[n]`.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    #[must_use]
    pub fn divergence(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        context: Option<Tensor<2>>,
    ) -> (Tensor<2>, Tensor<1>) {
        let rows = Rows { x, t, context, along: None };
        match self.tracked() {
            true => self.divergence_of(rows),
            false => rows.share(|rows| self.divergence_of(rows)),
        }
    }

    fn divergence_of(&self, rows: Rows<'_>) -> (Tensor<2>, Tensor<1>) {
        let Rows { x, t, context, .. } = rows;
        let [n, d] = x.dims();
        let rows = self.input.jacobian();
        let width = rows.dims()[1];
        let mut dh = rows.reshape([d, 1, width]).expand([d, n, width]).reshape([d * n, width]);
        let mut h = self.first(x, t, context);
        for layer in &self.hidden {
            let (value, slope) = silu_with_slope(h.clone());
            h = layer.onto(h, value);
            dh = layer.tangent_after(slope, dh, true);
        }
        let (value, slope) = silu_with_slope(h);
        let columns = self.output.jacobian().transpose().reshape([d, 1, width]);
        let through = (dh.reshape([d, n, width]) * columns).sum_dim(0).reshape([n, width]);
        (self.output.forward(value), (slope * through).sum_dim(1).reshape([n]))
    }
}
