//! Linear processes as SDEs, run forwards on their own clock.

use super::{Diffusion, Sde};
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
/// transport's: 0 is the data.
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
}

impl<P: LinearSde> Sde for Around<P> {
    fn drift(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(self.centred(x), |s| -self.process.lambda(s))
    }

    fn diffusion(&self, x: &Tensor<2>, t: Times<'_>) -> Diffusion {
        Diffusion::of_time(x, t, |s| self.process.g(s))
    }
}
