//! The code of a point: where the probability flow takes it, and what lies between two codes.

use crate::driver::SolveError;
use crate::flow::OdeFlow;
use crate::grid::Grid;
use crate::method::Solver;
use burn::tensor::Tensor;
use transport_core::{Field, Space};

/// The reference point that the flow of `field` carries to `x`: the grid is walked backwards.
///
/// # Errors
/// [`SolveError`] when a state is not finite.
///
/// # Panics
/// When `solver` is no ODE method.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n, d]`.
///
/// # References
/// Song et al. (2021), "Score-based generative modeling through SDEs", §4.3.
/// # Checked by
/// `tests/it/latent.rs`
pub fn encode(
    field: impl Field,
    grid: &Grid,
    solver: Solver,
    x: Tensor<2>,
) -> Result<Tensor<2>, SolveError> {
    OdeFlow { field, grid: grid.reversed(), solver }.solve(x)
}

/// The point that the flow of `field` carries a code to; undoes [`encode`] up to the solver's error.
///
/// # Errors
/// As [`encode`].
///
/// # Panics
/// As [`encode`].
pub fn decode(
    field: impl Field,
    grid: &Grid,
    solver: Solver,
    z: Tensor<2>,
) -> Result<Tensor<2>, SolveError> {
    OdeFlow { field, grid: grid.clone(), solver }.solve(z)
}

/// Spherical interpolation: the path between two codes on which the norm runs as a Gaussian's does.
///
/// ```text
/// slerp(a, b; u) = [ sin((1 − u) θ) a + sin(u θ) b ] / sin θ,     cos θ = a·b / |a||b|
/// ```
///
/// A straight line between two draws of a Gaussian in many dimensions passes through points whose norm
/// no draw has. Where `θ` is 0 or π the arc is not one, and the line is taken.
///
/// # Shapes
/// `a`, `b`: `[n, d]`; returns `[n, d]`.
///
/// # References
/// Shoemake (1985), "Animating rotation with quaternion curves".
/// # Checked by
/// `tests/it/latent.rs`
#[must_use]
pub fn slerp(a: Tensor<2>, b: Tensor<2>, u: f64) -> Tensor<2> {
    let space = Space::of(&a);
    let host = |x: &Tensor<2>| transport_core::device::to_host(x.clone());
    let (d, left, right) = (a.dims()[1], host(&a), host(&b));
    let weights = left.chunks_exact(d).zip(right.chunks_exact(d)).map(|(a, b)| arc(a, b, u));
    let (on_a, on_b): (Vec<f64>, Vec<f64>) = weights.unzip();
    a * space.column(&on_a) + b * space.column(&on_b)
}

/// The weights of the two ends.
fn arc(a: &[f64], b: &[f64], u: f64) -> (f64, f64) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let angle = (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).clamp(-1.0, 1.0).acos();
    let sine = angle.sin();
    // Below it the quotient of sines loses more digits than the line errs by.
    match sine > 1e-6 {
        true => (((1.0 - u) * angle).sin() / sine, (u * angle).sin() / sine),
        false => (1.0 - u, u),
    }
}
