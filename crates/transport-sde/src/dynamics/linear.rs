//! The linear noising processes as SDEs.

use super::{Diffusion, DivSigma, LinearInState, Sde};
use burn::tensor::Tensor;
use transport_core::{LinearSde, Times};

/// `dX = −λ(s) X ds + g(s) dW`, a [`LinearSde`] as an [`Sde`] on its own clock.
///
/// Here `Σ = g² I` and `∇·Σ = 0`, so that the reversal and the probability flow are
///
/// ```text
/// λ x + g² ∇log q  (noise g, forward-running clock),     v = −λ x − ½ g² ∇log q
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear<P>(pub P);

impl<P: LinearSde> Sde for Linear<P> {
    fn drift(&self, x: Tensor<2>, s: Times<'_>) -> Tensor<2> {
        s.scale(x, |s| -self.0.lambda(s))
    }

    fn diffusion(&self, x: &Tensor<2>, s: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, s, |s| self.0.g(s))
    }
}

impl<P: LinearSde> DivSigma for Linear<P> {
    fn div_sigma(&self, x: &Tensor<2>, _s: Times<'_>) -> Tensor<2> {
        x.zeros_like()
    }
}

impl<P: LinearSde> LinearInState for Linear<P> {}
