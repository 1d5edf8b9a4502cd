//! The Schrödinger bridge by iterative proportional fitting of a discretised process.

use super::alternate::{Alternating, Direction, ImfConfig, Scheme};
use super::legs::Simulated;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Times};
use transport_kernels::ops;
use transport_models::bridge::Piecewise;

/// Drift matching: the reversal of a chain of Gaussian steps.
///
/// ```text
/// X_{k+1} = X_k + h f(X_k, t_k) + σ √h Z
/// b(X_{k+1}, t_{k+1}) ← (X_k − X_{k+1})/h,     E|b − target|² · h/σ²
/// ```
///
/// Of all chains with steps `N(x + h b, σ² h)` the minimiser is the nearest, in relative entropy, to
/// the reversed one; as `h → 0` it is Nelson's `b = −f + σ² ∇ log q`. The weight makes the noise of
/// the target 1 between two laws; through several the steps of a short interval are shorter, and count
/// for more. Rows of data are `[X_{k+1}, target, t_{k+1}]`, the steps numbered in the order in
/// which they were made.
///
/// # References
/// De Bortoli, Thornton, Heng & Doucet (2021), "Diffusion Schrödinger bridge with applications to
/// score-based generative modeling", whose target `F(X_k) − F(X_{k+1})`, `F(x) = x + h f`, has the
/// same mean to first order in `h`; Vargas et al. (2021), "Solving Schrödinger
/// bridges via maximum likelihood".
#[derive(Clone, Copy, Debug)]
pub struct DriftMatching {
    weight: f64,
}

impl Objective<Piecewise> for DriftMatching {
    type Draw = ();

    fn draw(&self, _model: &Piecewise, _batch: &Batch) {}

    fn loss(&self, model: &Piecewise, batch: &Batch, (): ()) -> Tensor<1> {
        let d = (batch.data.dims()[1] - 1) >> 1;
        let part = |start: usize, count: usize| batch.data.clone().narrow(1, start, count);
        let times = to_host(part(2 * d, 1));
        let drift = model.eval(part(0, d), Times::Each(&times));
        ops::mean_square_error(drift, part(d, d)).mul_scalar(self.weight)
    }
}

impl Scheme for DriftMatching {
    const WHOLE: bool = true;

    fn objective(_direction: Direction, config: &ImfConfig) -> Self {
        let step = (config.simulation as f64).recip();
        Self { weight: step / (config.sigma * config.sigma) }
    }

    fn columns(d: usize) -> usize {
        2 * d + 1
    }

    fn rows(paths: &Simulated) -> Vec<f32> {
        let d = paths.dim;
        let mut rows = Vec::with_capacity(paths.times.len() * paths.states[0].len() * 3);
        for (times, states) in paths.times.windows(2).zip(paths.states.windows(2)) {
            let step = (times[1] - times[0]).abs();
            for (before, after) in states[0].chunks_exact(d).zip(states[1].chunks_exact(d)) {
                let back = before.iter().zip(after).map(|(a, b)| (a - b) / step);
                rows.extend(after.iter().copied().chain(back).map(|v| v as f32));
                rows.push(times[1] as f32);
            }
        }
        rows
    }
}

/// The diffusion Schrödinger bridge (DSB): iterative proportional fitting.
///
/// ```text
/// paths⁰: dX = σ dW from the source;   each fit reverses the last process, from the other end
/// ```
///
/// Fit `k` is half a step of Sinkhorn's algorithm on path space. Start it from
/// [`Start::Reference`](super::Start::Reference): any other first coupling has no reference in it.
///
/// # References
/// De Bortoli, Thornton, Heng & Doucet (2021), alg. 1.
/// # Checked by
/// `tests/it/proportional.rs`, iterate by iterate against [`transport_sde::bridge::GaussianIpf`]
pub type Dsb = Alternating<DriftMatching>;
