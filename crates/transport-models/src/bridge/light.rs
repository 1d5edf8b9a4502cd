//! The light Schrödinger bridge: potentials that are mixtures, no network.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use transport_core::device::to_host;
use transport_core::{Field, Noise, Space, Times};
use transport_sde::bridge::{BridgeError, MixtureBridge};

/// The parameters of a [`MixtureBridge`], to be learned from samples of the two ends.
///
/// ```text
/// v(y) = Σₖ αₖ N(y; rₖ, ε Sₖ),    c(x) = Σₖ αₖ exp((xᵀ Sₖ x + 2 rₖᵀ x)/(2ε))
/// L = E_{x ~ source} log c(x) − E_{y ~ target} log v(y)
/// ```
///
/// `L` is `KL(bridge ‖ model)` up to a constant, and needs no pairs, no simulation and no inner
/// problem. `Sₖ` is diagonal.
///
/// # References
/// Korotin, Gushchin & Burnaev (2024), "Light Schrödinger bridge"; Gushchin, Kholkin, Burnaev &
/// Korotin (2024), "Light and optimal Schrödinger bridge matching", for learning by [`Self::drift`].
/// # Checked by
/// `crates/transport-train/tests/it/bridges.rs`
#[derive(Module, Debug)]
pub struct LightBridge {
    log_weights: Param<Tensor<2>>,
    shifts: Param<Tensor<2>>,
    log_scales: Param<Tensor<2>>,
    #[module(skip)]
    epsilon: f64,
}

impl LightBridge {
    /// `count` components of scale `scale`, with shifts drawn from the rows of a sample of the
    /// target, `[m, d]` row-major.
    ///
    /// # Panics
    /// When the sample is empty or a number is not above 0.
    #[must_use]
    pub fn new(
        count: usize,
        epsilon: f64,
        scale: f64,
        target: &[f64],
        dim: usize,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        assert!(count > 0 && dim > 0 && epsilon > 0.0 && scale > 0.0, "an empty mixture");
        let rows = target.len().div_euclid(dim);
        let draws = noise.purpose("light").resized(count);
        let shifts = (0..count).flat_map(|k| {
            let row = draws.stream(k).below(rows);
            target[row * dim..(row + 1) * dim].to_vec()
        });
        let learned = |values: Vec<f64>, shape| Param::from_tensor(space.tensor(values, shape));
        Self {
            shifts: learned(shifts.collect(), [count, dim]),
            log_weights: learned(vec![-(count as f64).ln(); count], [1, count]),
            log_scales: learned(vec![scale.ln(); count * dim], [count, dim]),
            epsilon,
        }
    }

    /// `log c(x)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, 1]`.
    #[must_use]
    pub fn log_normaliser(&self, x: Tensor<2>) -> Tensor<2> {
        let (half, shifts) = (0.5 / self.epsilon, self.shifts.val());
        let quadratic = x.clone().powi_scalar(2).matmul(self.log_scales.val().exp().transpose());
        let linear = x.matmul(shifts.transpose()).mul_scalar(2.0);
        log_sum_exp((quadratic + linear).mul_scalar(half) + self.log_weights.val())
    }

    /// `log v(y)` up to the constant `−½ d log(2πε)`.
    ///
    /// # Shapes
    /// `y`: `[n, d]`; returns `[n, 1]`.
    #[must_use]
    pub fn log_potential(&self, y: Tensor<2>) -> Tensor<2> {
        let (half, shifts, log_scales) =
            (0.5 / self.epsilon, self.shifts.val(), self.log_scales.val());
        let inverse = log_scales.clone().neg().exp();
        let scaled = shifts.clone() * inverse.clone();
        let squares = y.clone().powi_scalar(2).matmul(inverse.transpose());
        let crossed = y.matmul(scaled.clone().transpose()).mul_scalar(2.0);
        let own =
            (shifts * scaled).sum_dim(1).mul_scalar(half) + log_scales.sum_dim(1).mul_scalar(0.5);
        let exponents = (crossed - squares).mul_scalar(half) - own.transpose();
        log_sum_exp(exponents + self.log_weights.val())
    }

    /// The drift of the bridge, to be differentiated in its parameters: see [`MixtureBridge`].
    ///
    /// ```text
    /// f(x, t) = Σₖ wₖ(x, t) D⁻¹ ((Sₖ − I) x + rₖ),    D = 1 − t + t Sₖ
    /// ```
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns `[n, d]`.
    #[must_use]
    pub fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let ([n, d], half) = (x.dims(), 0.5 / self.epsilon);
        let row = |p: Tensor<2>| p.unsqueeze_dim::<3>(0);
        let t = t.column(&Space::of(&x), |t| t).unsqueeze_dim::<3>(2);
        let (shifts, x) = (row(self.shifts.val()), x.unsqueeze_dim::<3>(1));
        let less = row(self.log_scales.val().exp()).sub_scalar(1.0);
        let spread = (t.clone() * less.clone()).add_scalar(1.0);
        let pulled = less.clone() * x.clone() + shifts.clone();
        // (s − 1) x² + 2 x r − t r² = (pulled + r) x − t r²
        let square = (pulled.clone() + shifts.clone()) * x - t * shifts.powi_scalar(2);
        let terms =
            (square / spread.clone()).mul_scalar(half) - spread.clone().log().mul_scalar(0.5);
        let count = self.log_weights.dims()[1];
        let logits = terms.sum_dim(2).reshape([n, count]) + self.log_weights.val();
        let weights = softmax(logits, 1).unsqueeze_dim::<3>(2);
        (weights * pulled / spread).sum_dim(1).reshape([n, d])
    }

    /// `ε`.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The bridge that these parameters make.
    ///
    /// # Errors
    /// [`BridgeError`] when training has left a parameter that is not finite.
    pub fn bridge(&self) -> Result<MixtureBridge, BridgeError> {
        let host = |p: &Param<Tensor<2>>| to_host(p.val().inner());
        let weights: Vec<f64> = host(&self.log_weights).into_iter().map(f64::exp).collect();
        let scales = host(&self.log_scales).into_iter().map(f64::exp).collect();
        MixtureBridge::new(self.epsilon, &weights, host(&self.shifts), scales)
    }
}

/// The drift.
impl Field for LightBridge {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.drift(x, t)
    }
}

/// `log Σₖ exp(aₖ)` along the columns, `[n, 1]`, without overflow.
fn log_sum_exp(a: Tensor<2>) -> Tensor<2> {
    let top = a.clone().max_dim(1).detach();
    (a - top.clone()).exp().sum_dim(1).log() + top
}
