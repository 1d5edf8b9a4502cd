//! Linear processes as SDEs, run forwards on their own clock.

use super::{
    AdditiveNoise, Capabilities, DiagonalNoise, Diffusion, DivSigma, LinearInState, Sde, SemiLinear,
};
use burn::tensor::Tensor;
use transport_core::process::Around;
use transport_core::{LinearSde, Times};

/// A linear process as an [`Sde`] to integrate: noising, forwards.
///
/// ```text
/// a(x, s) = −λ(s) x,     b(s) = g(s)
/// ```
///
/// [`Around`] is an [`Sde`] itself, with a = −λ (x − m). The clock is the process's own, not the
/// transport's: 0 is the data. Here `Σ = g² I` and `∇·Σ = 0`, so that the reversal and the
/// probability flow are
///
/// ```text
/// λ x + g² ∇log q  (noise g, forward-running clock),     v = −λ x − ½ g² ∇log q
/// ```
///
/// # Example
/// ```
/// # #[cfg(feature = "flex")] {
/// use transport_core::{Interval, Noise, Space, device, process::{LinearSde, Vp}};
/// use transport_sde::{Forward, Grid, SdeFlow, Solver};
/// let grid = Grid::uniform(Interval { start: 0.0, end: 0.5 }, 100).unwrap();
/// let flow = SdeFlow { sde: Forward(Vp::default()), grid, solver: Solver::EulerMaruyama };
/// let x = Space::f64(&device::select(None).unwrap()).tensor(vec![1.0; 4000], [4000, 1]);
/// let mean = flow.solve(x, &Noise::new(0, 4000)).unwrap().mean().into_scalar::<f64>();
/// assert!((mean - Vp::default().marginal(0.5).0).abs() < 0.06);
/// # }
/// ```
/// # Checked by
/// `tests/it/forward.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forward<P>(pub P);

impl<P: LinearSde> Sde for Forward<P> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(x, |s| -self.0.lambda(s))
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, |s| self.0.g(s))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities { semi_linear: Some(self), ..Capabilities::additive(self) }
    }
}

impl<P: LinearSde> AdditiveNoise for Forward<P> {}
impl<P: LinearSde> DiagonalNoise for Forward<P> {}
impl<P: LinearSde> LinearInState for Forward<P> {}

impl<P: LinearSde> DivSigma for Forward<P> {
    fn div_sigma(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}

impl<P: LinearSde> SemiLinear for Forward<P> {
    fn relaxation(&self, t: f64, h: f64) -> f64 {
        -self.0.transition(t, t + h).scale.ln()
    }

    fn force(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}

impl<P: LinearSde> Sde for Around<P> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(self.centred(x), |s| -self.process.lambda(s))
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, |s| self.process.g(s))
    }

    fn capabilities(&self) -> Capabilities<'_> {
        Capabilities::additive(self)
    }
}

impl<P: LinearSde> AdditiveNoise for Around<P> {}
impl<P: LinearSde> DiagonalNoise for Around<P> {}

impl<P: LinearSde> DivSigma for Around<P> {
    fn div_sigma(&self, x: &Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}
