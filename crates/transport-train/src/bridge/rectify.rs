//! Rectified flow: a flow's own pairs, and the flow in one step.

use super::source::Source;
use crate::batch::Rows;
use crate::objective::{Batch, Objective};
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Noise, Space, Times};
use transport_kernels::ops;
use transport_models::net::TimeMlp;
use transport_sde::{Grid, OdeFlow, SolveError, Solver};

/// Steps of Heun's method along a flow.
const STEPS: usize = 100;

/// Pairs `[x₀, Φ(x₀)]` of a flow, one for each sample of `noise`: what
/// [`Ends::Given`](super::Ends::Given) learns the next flow from.
///
/// ```text
/// (x₀, x₁) → v(x, t) = E[x₁ − x₀ | x_t = x] → (x₀, Φ_v(x₀)) → …
/// ```
///
/// The law of the ends is kept, and `E c(x₁ − x₀)` does not rise for any convex `c`: by Jensen's
/// inequality a path of `v` costs at most the mean of the straight lines that it was made of.
///
/// # Errors
/// [`SolveError`] when a state is not finite.
///
/// # Panics
/// Never: the grid has steps.
///
/// # References
/// Liu, Gong & Liu (2023), "Flow straight and fast", thms. 3.3 and 3.5.
/// # Checked by
/// `tests/it/rectify.rs`
pub fn rectified(
    field: &dyn Field,
    source: &Source,
    noise: &Noise,
    space: &Space,
) -> Result<Rows, SolveError> {
    let (d, starts) = (source.dim(), source.draws(noise));
    // Equal steps on [0, 1] make a grid.
    #[allow(clippy::expect_used)]
    let grid = Grid::uniform(Interval::UNIT, STEPS).expect("some steps");
    let flow = OdeFlow { field, grid, solver: Solver::Heun };
    let ends = to_host(flow.solve(space.tensor(starts.clone(), [noise.len(), d]))?);
    let pairs = starts.chunks_exact(d).zip(ends.chunks_exact(d));
    Ok(Rows::plain(pairs.flat_map(|(a, b)| a.iter().chain(b)).copied(), 2 * d))
}

/// Distillation into one step, from pairs `[x₀, x₁]`.
///
/// ```text
/// L = E ‖ x₀ + v_θ(x₀, 0) − x₁ ‖²/d,    the map x₀ ↦ x₀ + v_θ(x₀, 0)
/// ```
///
/// The minimiser is `E[x₁ | x₀]`: the flow itself where the pairs are its own. It is one step of
/// Euler's method, and the nearer to it a flow starts the straighter it is.
///
/// # References
/// Liu, Gong & Liu (2023), on distillation.
#[derive(Clone, Copy, Debug)]
pub struct Distillation;

impl Objective<TimeMlp> for Distillation {
    type Draw = ();

    fn draw(&self, _model: &TimeMlp, _batch: &Batch) {}

    fn loss(&self, model: &TimeMlp, batch: &Batch, (): ()) -> Tensor<1> {
        let d = batch.data.dims()[1] >> 1;
        let end = |k: usize| batch.data.clone().narrow(1, k * d, d);
        ops::mean_square_error(model.eval(end(0), Times::Same(0.0)), end(1) - end(0))
    }
}
