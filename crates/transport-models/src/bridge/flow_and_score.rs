//! A velocity and a score, learned side by side.

use crate::net::{TimeMlp, TimeMlpConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Field, Noise, ScoredField, Space, Times};
use transport_kernels::Activation;
use transport_sde::dynamics::{AdditiveNoise, Capabilities, DiagonalNoise};
use transport_sde::{Diffusion, Sde};

/// Two networks `v` and `g = ½ σ² ∇ log q_t`: the probability flow and the process of one law of
/// paths.
///
/// ```text
/// dX = v(X, t) dt                     the flow
/// dX = [ v(X, t) + g(X, t) ] dt + σ dW    the process, with the same marginals
/// ```
///
/// # References
/// Tong et al. (2024), "Simulation-free Schrödinger bridges via score and flow matching".
#[derive(Module, Debug)]
pub struct FlowAndScore {
    velocity: TimeMlp,
    correction: TimeMlp,
    #[module(skip)]
    sigma: f64,
}

impl FlowAndScore {
    /// Networks on `dim` coordinates for a reference of standard deviation `sigma`.
    #[must_use]
    pub fn new(
        config: &TimeMlpConfig,
        dim: usize,
        activation: Activation,
        sigma: f64,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let net =
            |name: &str| TimeMlp::new(config, dim, 0, activation, &noise.purpose(name), space);
        Self { velocity: net("velocity"), correction: net("correction"), sigma }
    }

    /// `σ`.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// `v(x, t)` and `g(x, t)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    #[must_use]
    pub fn both(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (self.velocity.eval(x.clone(), t), self.correction.eval(x, t))
    }
}

impl Field for FlowAndScore {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.velocity.eval(x, t)
    }
}

impl ScoredField for FlowAndScore {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let (velocity, correction) = self.both(x, t);
        (velocity, correction.mul_scalar(2.0 / (self.sigma * self.sigma)))
    }
}

impl Sde for FlowAndScore {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        let (velocity, correction) = self.both(x, t);
        velocity + correction
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(self.sigma)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl AdditiveNoise for FlowAndScore {}
impl DiagonalNoise for FlowAndScore {}
