//! A network that is a contraction.

use super::norm::operator_norm_bound;
use super::{ConditionerConfig, Dense};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, softplus};
use burn::tensor::module::linear;
use transport_core::{Noise, Space};

/// A network `g` with `‖g(x, c) − g(y, c)‖ ≤ κ ‖x − y‖`.
///
/// ```text
/// h₁ = x W̃₀ + c C + b₀,   hₖ₊₁ = a(hₖ) W̃ₖ + bₖ,   g = a(h_depth) Ṽ + b        V, b start at 0
/// W̃ = W / max(1, s(W)/κ^{1/L}),   L = depth + 1
/// a(h) = h σ(βh) / 1.1,   β = softplus(b)                                       (LipSwish)
/// ```
///
/// `s` is [`operator_norm_bound`], so that each dense layer's norm is at most `κ^{1/L}`; `a′ ≤ 1`
/// for every β, since `(h σ(h))′ < 1.0999`. The bound holds for the weights as they are, whatever
/// the training did before.
///
/// # References
/// Chen, Behrmann, Duvenaud & Jacobsen (2019), "Residual flows for invertible generative modeling",
/// §3; Behrmann et al. (2019), "Invertible residual networks".
/// # Checked by
/// `tests/it/residual.rs`
#[derive(Module, Debug)]
pub struct Contraction {
    layers: Vec<Dense>,
    context: Option<Dense>,
    sharpness: Param<Tensor<1>>,
    #[module(skip)]
    lipschitz: f64,
}

/// What makes the slope of `h σ(βh)` at most 1.
const SWISH: f64 = 1.1;

impl Contraction {
    /// A network on `dim` coordinates whose Lipschitz constant is at most `lipschitz`, with
    /// `context` columns beside them when that is not 0.
    #[must_use]
    pub fn new(
        config: &ConditionerConfig,
        lipschitz: f64,
        dim: usize,
        context: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let ConditionerConfig { width, depth } = *config;
        // √3 makes the variance of a uniform draw on ±gain/√n equal to 1/n.
        let unit = 3f64.sqrt();
        let dense = |name: &str, from: usize, to: usize, gain: f64| {
            Dense::new(from, to, gain, &noise.purpose(name), space)
        };
        let mut layers = vec![dense("input", dim, width, unit)];
        layers.extend((1..depth).map(|k| dense(&format!("hidden.{k}"), width, width, unit)));
        layers.push(dense("output", width, dim, 0.0));
        Self {
            layers,
            context: (context > 0).then(|| dense("context", context, width, unit)),
            sharpness: Param::from_tensor(space.tensor(vec![0.5; depth], [depth])),
            lipschitz,
        }
    }

    /// The network with its weights normalised and its context bound: once for many points.
    ///
    /// # Panics
    /// When a context is given to a network without one, or not given to one with it.
    #[must_use]
    pub fn given(&self, context: Option<&Tensor<2>>) -> Bounded {
        let count = self.layers.len();
        let most = self.lipschitz.powf(1.0 / count as f64);
        let normalised = |layer: &Dense| {
            let weight = layer.jacobian();
            let excess = operator_norm_bound(weight.clone()).div_scalar(most).clamp_min(1.0);
            weight / excess
        };
        let shift = match (&self.context, context) {
            (Some(layer), Some(c)) => Some(layer.forward(c.clone())),
            (None, None) => None,
            (expected, given) => panic!(
                "a network {} context was given {}",
                if expected.is_some() { "with" } else { "without" },
                if given.is_some() { "one" } else { "none" },
            ),
        };
        let beta = softplus(self.sharpness.val(), 1.0);
        Bounded {
            weights: self.layers.iter().map(normalised).collect(),
            biases: self.layers.iter().map(Dense::bias).collect(),
            shift,
            betas: (1..count).map(|k| beta.clone().narrow(0, k - 1, 1).reshape([1, 1])).collect(),
        }
    }
}

/// A [`Contraction`] with its weights normalised.
#[derive(Clone, Debug)]
pub struct Bounded {
    weights: Vec<Tensor<2>>,
    biases: Vec<Tensor<1>>,
    shift: Option<Tensor<2>>,
    betas: Vec<Tensor<2>>,
}

impl Bounded {
    /// The same network as constants: no gradient is tracked through its weights.
    #[must_use]
    pub fn detached(&self) -> Self {
        let all = |tensors: &[Tensor<2>]| tensors.iter().map(|t| t.clone().detach()).collect();
        Self {
            weights: all(&self.weights),
            biases: self.biases.iter().map(|b| b.clone().detach()).collect(),
            shift: self.shift.clone().map(Tensor::detach),
            betas: all(&self.betas),
        }
    }

    /// Whether gradients are tracked through its weights.
    #[must_use]
    pub fn is_tracked(&self) -> bool {
        self.weights[0].device().is_autodiff()
    }

    fn first(&self, x: Tensor<2>) -> Tensor<2> {
        let h = linear(x, self.weights[0].clone(), Some(self.biases[0].clone()));
        match &self.shift {
            Some(shift) => h + shift.clone(),
            None => h,
        }
    }

    /// `g(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns the same.
    #[must_use]
    pub fn value(&self, x: Tensor<2>) -> Tensor<2> {
        let mut h = self.first(x);
        for (k, beta) in self.betas.iter().enumerate() {
            let a = (h.clone() * sigmoid(h * beta.clone())).div_scalar(SWISH);
            h = linear(a, self.weights[k + 1].clone(), Some(self.biases[k + 1].clone()));
        }
        h
    }

    /// `g(x)` and its derivative there.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns the same.
    #[must_use]
    pub fn linearised(&self, x: Tensor<2>) -> (Tensor<2>, Derivative<'_>) {
        let mut slopes = Vec::with_capacity(self.betas.len());
        let mut h = self.first(x);
        for (k, beta) in self.betas.iter().enumerate() {
            let scaled = h.clone() * beta.clone();
            let gate = sigmoid(scaled.clone());
            let bend = scaled * gate.clone() * gate.clone().neg().add_scalar(1.0);
            slopes.push((gate.clone() + bend).div_scalar(SWISH));
            let a = (h * gate).div_scalar(SWISH);
            h = linear(a, self.weights[k + 1].clone(), Some(self.biases[k + 1].clone()));
        }
        (h, Derivative { weights: &self.weights, slopes })
    }
}

/// The derivative of a [`Bounded`] network at the rows of a batch, made of operations that can be
/// differentiated once more.
#[derive(Clone, Debug)]
pub struct Derivative<'a> {
    weights: &'a [Tensor<2>],
    slopes: Vec<Tensor<2>>,
}

impl Derivative<'_> {
    /// The space that it is computed in.
    #[must_use]
    pub fn space(&self) -> Space {
        Space::of(&self.weights[0])
    }

    /// `J u` at the first rows, as many as `u` has.
    ///
    /// # Shapes
    /// `u`: `[m, d]`, m ≤ n; returns the same.
    #[must_use]
    pub fn along(&self, u: Tensor<2>) -> Tensor<2> {
        let m = u.dims()[0];
        let mut dh = u.matmul(self.weights[0].clone());
        for (slope, weight) in self.slopes.iter().zip(&self.weights[1..]) {
            dh = (dh * slope.clone().narrow(0, 0, m)).matmul(weight.clone());
        }
        dh
    }

    /// The rows in another order.
    #[must_use]
    pub fn select(&self, rows: &Tensor<1, burn::tensor::Int>) -> Self {
        let slopes = self.slopes.iter().map(|s| s.clone().select(0, rows.clone())).collect();
        Self { weights: self.weights, slopes }
    }

    /// A range of the rows.
    #[must_use]
    pub fn rows(&self, first: usize, count: usize) -> Self {
        let slopes = self.slopes.iter().map(|s| s.clone().narrow(0, first, count)).collect();
        Self { weights: self.weights, slopes }
    }

    /// `∂g_i/∂x_j`, all directions in one pass.
    ///
    /// # Shapes
    /// Returns `[n, d, d]`.
    #[must_use]
    pub fn jacobian(&self) -> Tensor<3> {
        let [d, width] = self.weights[0].dims();
        let n = self.slopes[0].dims()[0];
        let mut dh = self.weights[0].clone().reshape([1, d, width]).expand([n, d, width]);
        for (slope, weight) in self.slopes.iter().zip(&self.weights[1..]) {
            let [from, to] = weight.dims();
            let scaled = dh * slope.clone().reshape([n, 1, from]);
            dh = scaled.reshape([n * d, from]).matmul(weight.clone()).reshape([n, d, to]);
        }
        // Row j holds the derivative along e_j.
        dh.swap_dims(1, 2)
    }
}
