//! A velocity and a denoiser, learned side by side.

use crate::net::{TimeMlp, TimeMlpConfig};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Field, Jvp, Noise, ScoredField, Space, Times};
use transport_kernels::Activation;
use transport_sde::bridge::Blur;

/// A stochastic interpolant `x_t = I(t, x₀, x₁) + γ(t) z` as learned: its velocity and its denoiser.
///
/// ```text
/// b(x, t) = E[∂_t I + γ′ z | x_t = x],    η(x, t) = E[z | x_t = x],    ∇ log q_t = −η/γ
/// dX = b dt                                        the flow
/// dX = [ b − (ε/γ) η ] dt + √(2ε) dW               for any ε(t) ≥ 0, with the same marginals
/// ```
///
/// As a [`Field`] it is the flow, with its divergence by [`Jvp`] (so that
/// [`transport_core::map::Transport`] over it has a density); as a [`ScoredField`] it drives
/// [`transport_sde::Family`] with the blur as the schedule.
///
/// # References
/// Albergo, Boffi & Vanden-Eijnden (2023), "Stochastic interpolants: a unifying framework for flows
/// and diffusions".
/// # Checked by
/// `crates/transport-train/tests/it/interpolants.rs`
#[derive(Module, Debug)]
pub struct Interpolated {
    velocity: TimeMlp,
    denoiser: TimeMlp,
    #[module(skip)]
    blur: Blur,
}

impl Interpolated {
    /// Networks on `dim` coordinates.
    #[must_use]
    pub fn new(
        config: &TimeMlpConfig,
        dim: usize,
        activation: Activation,
        blur: Blur,
        noise: &Noise,
        space: &Space,
    ) -> Self {
        let net =
            |name: &str| TimeMlp::new(config, dim, 0, activation, &noise.purpose(name), space);
        Self { velocity: net("velocity"), denoiser: net("denoiser"), blur }
    }

    /// `b(x, t)` and `η(x, t)`.
    ///
    /// # Shapes
    /// `x`: `[n, d]`; returns two `[n, d]`.
    #[must_use]
    pub fn both(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        (self.velocity.eval(x.clone(), t), self.denoiser.eval(x, t))
    }
}

impl Field for Interpolated {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.velocity.eval(x, t)
    }
}

impl Jvp for Interpolated {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.velocity.jvp(x, t, u)
    }
}

/// The score is infinite where `γ = 0`; the noise is not.
impl ScoredField for Interpolated {
    fn velocity_and_score(&self, x: Tensor<2>, t: Times<'_>) -> (Tensor<2>, Tensor<2>) {
        let (velocity, noise) = self.both(x, t);
        (velocity, t.scale(noise, |t| -self.blur.at(t)[0].recip()))
    }

    /// `sigma` is the blur's own.
    fn velocity_and_noise(
        &self,
        x: Tensor<2>,
        t: Times<'_>,
        _sigma: &dyn Fn(f64) -> f64,
    ) -> (Tensor<2>, Tensor<2>) {
        self.both(x, t)
    }
}
