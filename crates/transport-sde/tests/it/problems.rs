//! SDEs with known solutions, one for each kind of noise.

use crate::space;
use burn::tensor::Tensor;
use transport_core::field::AffineField;
use transport_core::{Field, Space, Times};
use transport_sde::dynamics::{
    AdditiveNoise, Capabilities, DiagonalNoise, DiffusionJacobian, Relaxing, SemiLinear,
};
use transport_sde::{Diffusion, Sde};

/// `dX = μ X dt + σ X dW` in Itô's sense, each coordinate by itself.
///
/// ```text
/// X_t = X₀ exp((μ − σ²/2) t + σ W_t),   E X_t = X₀ e^{μt},   E X_t² = X₀² e^{(2μ + σ²)t}
/// ```
///
/// Read in Stratonovich's sense the `−σ²/2` is missing: a method that converges to the wrong
/// solution is found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Geometric {
    /// `μ`.
    pub(crate) growth: f64,
    /// `σ`.
    pub(crate) volatility: f64,
}

impl Geometric {
    /// `X_t` from `X₀` and `W_t`.
    ///
    /// # Shapes
    /// `x0`, `w`: `[n, d]`; returns `[n, d]`.
    pub(crate) fn solution(&self, x0: Tensor<2>, t: f64, w: Tensor<2>) -> Tensor<2> {
        let rate = self.growth - 0.5 * self.volatility * self.volatility;
        x0 * (w.mul_scalar(self.volatility).add_scalar(rate * t)).exp()
    }
}

impl Sde for Geometric {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(self.growth)
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(x.clone().mul_scalar(self.volatility))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { jacobian: Some(self), diagonal: Some(self), ..Capabilities::default() }
    }
}

impl DiffusionJacobian for Geometric {
    fn diffusion_jvp(
        &self,
        _x: &Tensor<2>,
        _t: Times<'_>,
        u: Tensor<2>,
        w: Tensor<2>,
    ) -> Tensor<2> {
        (u * w).mul_scalar(self.volatility)
    }

    fn ito_correction(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.clone().mul_scalar(self.volatility * self.volatility)
    }
}

impl DiagonalNoise for Geometric {}

pub(crate) const GEOMETRIC: Geometric = Geometric { growth: 0.5, volatility: 0.8 };

/// `f(x) = sin 2x`.
#[derive(Clone, Copy)]
pub(crate) struct Sine;

impl Field for Sine {
    fn eval(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(2.0).sin()
    }
}

/// `dX = (−X + sin 2X) dt + 0.7 dW`.
pub(crate) const BENT: Relaxing<Sine> = Relaxing { rate: 1.0, noise: 0.7, force: Sine };

/// `dX = −λ X dt + σ dW`, for one column.
pub(crate) fn ornstein_uhlenbeck(rate: f64, noise: f64) -> Relaxing<AffineField> {
    let force = AffineField { matrix: vec![0.0], offset: vec![0.0], rate: vec![0.0] };
    Relaxing { rate, noise, force }
}

/// `dX = λ(β sin 2X − X) dt + (1 + ½ sin 3t) dW`; linear when `β = bend = 0`.
#[derive(Clone, Copy)]
pub(crate) struct Pulsed {
    pub(crate) bend: f64,
}

impl Pulsed {
    pub(crate) const RATE: f64 = 1.5;

    pub(crate) fn noise(t: f64) -> f64 {
        1.0 + 0.5 * (3.0 * t).sin()
    }
}

impl Sde for Pulsed {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.force(x.clone(), t) - x.mul_scalar(Self::RATE)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, Self::noise)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { semi_linear: Some(self), ..Capabilities::additive(self) }
    }
}

impl AdditiveNoise for Pulsed {}
impl DiagonalNoise for Pulsed {}

impl SemiLinear for Pulsed {
    fn relaxation(&self, _t: f64, h: f64) -> f64 {
        Self::RATE * h
    }

    fn force(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(2.0).sin().mul_scalar(self.bend * Self::RATE)
    }
}

/// `dX = (½X + √(1 + X²)) dt + √(1 + X²) dW`, solved by `X_t = sinh(t + W_t + arsinh X₀)`
/// (Kloeden & Platen 1992, eq. 4.4.50).
pub(crate) struct Sinh;

impl Sinh {
    fn root(x: &Tensor<2>) -> Tensor<2> {
        x.clone().powi_scalar(2).add_scalar(1.0).sqrt()
    }

    /// From `X₀ = 0`.
    pub(crate) fn solution(w: Tensor<2>, t: f64) -> Tensor<2> {
        let y = w.add_scalar(t);
        (y.clone().exp() - y.neg().exp()).mul_scalar(0.5)
    }
}

impl Sde for Sinh {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.clone().mul_scalar(0.5) + Self::root(&x)
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(Self::root(x))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { jacobian: Some(self), diagonal: Some(self), ..Capabilities::default() }
    }
}

impl DiagonalNoise for Sinh {}

impl DiffusionJacobian for Sinh {
    fn diffusion_jvp(&self, x: &Tensor<2>, _t: Times<'_>, u: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
        x.clone() / Self::root(x) * u * w
    }
}

/// Commutative noise that is not diagonal: growth and rotation of the plane,
/// `dX = a X dt + σ X dW₁ + τ J X dW₂`, solved by
/// `X_t = e^{(a − ½(σ² − τ²)) t + σW₁} R(τ W₂) X₀`.
pub(crate) struct Spiral;

impl Spiral {
    pub(crate) const GROWTH: f64 = 0.3;
    pub(crate) const SIGMA: f64 = 0.6;
    pub(crate) const TAU: f64 = 0.9;

    /// `J x = (−x₂, x₁)`.
    fn turned(x: &Tensor<2>) -> Tensor<2> {
        Tensor::cat(vec![x.clone().narrow(1, 1, 1).neg(), x.clone().narrow(1, 0, 1)], 1)
    }

    /// From `X₀ = (1, 0)`.
    pub(crate) fn solution(w: Tensor<2>, t: f64) -> Tensor<2> {
        let rate = Self::GROWTH - 0.5 * (Self::SIGMA.powi(2) - Self::TAU.powi(2));
        let (first, second) = (w.clone().narrow(1, 0, 1), w.narrow(1, 1, 1));
        let radius = first.mul_scalar(Self::SIGMA).add_scalar(rate * t).exp();
        let angle = second.mul_scalar(Self::TAU);
        Tensor::cat(vec![radius.clone() * angle.clone().cos(), radius * angle.sin()], 1)
    }
}

impl Sde for Spiral {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(Self::GROWTH)
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        let columns = [x.clone().mul_scalar(Self::SIGMA), Self::turned(x).mul_scalar(Self::TAU)];
        Diffusion::Matrix(Tensor::stack(columns.to_vec(), 2))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { jacobian: Some(self), ..Capabilities::default() }
    }
}

impl DiffusionJacobian for Spiral {
    fn diffusion_jvp(
        &self,
        _x: &Tensor<2>,
        _t: Times<'_>,
        u: Tensor<2>,
        w: Tensor<2>,
    ) -> Tensor<2> {
        u.clone().mul_scalar(Self::SIGMA) * w.clone().narrow(1, 0, 1)
            + Self::turned(&u).mul_scalar(Self::TAU) * w.narrow(1, 1, 1)
    }
}

/// Geometric Brownian motion whose growth is its linear part.
pub(crate) struct Split(pub(crate) Geometric);

impl Sde for Split {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.drift(x, t)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.0.diffusion(x, t)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { semi_linear: Some(self), ..Capabilities::default() }
    }
}

impl SemiLinear for Split {
    fn relaxation(&self, _t: f64, h: f64) -> f64 {
        -self.0.growth * h
    }

    fn force(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}

/// A derivative of `b` that is a multiple of the right one: −1 is a wrong sign, 0 forgets it.
pub(crate) struct Misjudged(pub(crate) Geometric, pub(crate) f64);

impl Sde for Misjudged {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.drift(x, t)
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        self.0.diffusion(x, t)
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { jacobian: Some(self), ..Capabilities::default() }
    }
}

impl DiffusionJacobian for Misjudged {
    fn diffusion_jvp(&self, x: &Tensor<2>, t: Times<'_>, u: Tensor<2>, w: Tensor<2>) -> Tensor<2> {
        self.0.diffusion_jvp(x, t, u, w).mul_scalar(self.1)
    }
}

/// `n` copies of a row.
pub(crate) fn rows(n: usize, row: &[f64]) -> Tensor<2> {
    let space: Space = space();
    space.tensor(row.repeat(n), [n, row.len()])
}
