//! Objectives: all the randomness of a step in a draw, and a loss that is a function of it.

mod context_dropout;
mod continuous;
mod denoising;
mod evidence;
mod flow_matching;
mod image;
mod likelihood;
mod reverse_kl;

pub use context_dropout::{ContextDropout, with_null};
pub use continuous::{ContinuousDraw, ContinuousLikelihood};
pub use denoising::DenoisingScoreMatching;
pub use evidence::{EvidenceBound, Tally};
pub use flow_matching::FlowMatching;
pub use image::ImageLikelihood;
pub use likelihood::MaximumLikelihood;
pub use reverse_kl::ReverseKl;
mod error;
mod explicit;
mod finite_difference;
mod implicit;
mod sliced;
mod times;
mod weighting;
pub use error::ObjectiveError;
pub use explicit::{ExplicitScoreMatching, explicit};
pub use finite_difference::{FiniteDifferenceScoreMatching, finite_difference};
pub use implicit::{ImplicitScoreMatching, implicit};
pub use sliced::{SlicedScoreMatching, sliced};
pub(crate) use times::bounded;
pub use times::{TimeLaw, geometric};
pub use weighting::Weighting;

use crate::optim::FlatGradients;
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Interval, Noise, Space};
use transport_kernels::ops;
use transport_models::Dynamics;

/// The part of a batch that one shard sees.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The data, `[n, d]`.
    pub data: Tensor<2>,
    /// The contexts, `[n, c]`.
    pub context: Option<Tensor<2>>,
    /// The draws of these rows, already at this step.
    pub noise: Noise,
    /// The position of the first row in the whole batch.
    pub first: usize,
    /// The size of the whole batch.
    pub whole: usize,
}

impl Batch {
    /// One time per row, uniform on `interval` and evenly spread over the whole batch:
    ///
    /// ```text
    /// tᵢ = start + length · frac(u + i/whole),    u uniform, shared by the batch
    /// ```
    ///
    /// Each time is uniform; together they leave the loss less variance than independent ones.
    #[must_use]
    pub fn times(&self, interval: Interval) -> Vec<f64> {
        // The batch's own stream, not a row's, so that shards agree on it.
        let u = self.noise.purpose("time").shared().stream(0).uniform();
        let at = |i: usize| (u + (self.first + i) as f64 / self.whole as f64).fract();
        (0..self.data.dims()[0]).map(|i| interval.start + interval.length() * at(i)).collect()
    }
}

/// A loss whose minimiser is the model.
pub trait Objective<M>: Send + Sync {
    /// The random numbers of a step.
    type Draw: Send + Sync;

    /// Whether draws look at nothing of the model and are worth making for several steps at once,
    /// one on each thread.
    const AHEAD: bool = false;

    /// Draws them.
    fn draw(&self, model: &M, batch: &Batch) -> Self::Draw;

    /// The mean loss over the batch, a scalar tensor.
    fn loss(&self, model: &M, batch: &Batch, draw: Self::Draw) -> Tensor<1>;

    /// The loss and its gradient in the parameters of `model`, which are leaves: one backward pass
    /// through [`Objective::loss`], unless an objective has a way of its own.
    fn gradient(&self, model: &M, batch: &Batch, draw: Self::Draw) -> (f64, FlatGradients)
    where
        M: Module,
    {
        let loss = self.loss(model, batch, draw);
        let gradients = FlatGradients::take(model, loss.backward());
        (loss.into_scalar::<f64>(), gradients)
    }
}

/// What every simulation-free objective draws: a reference point and a time for each row.
fn pair(times: TimeLaw, model: &Dynamics, batch: &Batch) -> (Tensor<2>, Vec<f64>) {
    let d = batch.data.dims()[1];
    let x0 = batch.noise.purpose("reference").normal(d, &Space::of(&batch.data));
    (x0, times.draw(model.schedule(), batch))
}

/// The mean over rows and columns of `(a − b)²`, with one weight per row.
fn weighted_square_error(a: Tensor<2>, b: Tensor<2>, weight: Option<Tensor<2>>) -> Tensor<1> {
    if weight.is_none() {
        return ops::mean_square_error(a, b);
    }
    let d = a.dims()[1] as f64;
    row_mean((a - b).powi_scalar(2).sum_dim(1).div_scalar(d), weight)
}

/// The mean of a column, with one weight per row.
///
/// Summed along the rows: the order of additions is fixed by the shape, not by the threads.
fn row_mean(rows: Tensor<2>, weight: Option<Tensor<2>>) -> Tensor<1> {
    let n = rows.dims()[0] as f64;
    let rows = match weight {
        Some(weight) => rows * weight,
        None => rows,
    };
    rows.sum_dim(0).reshape([1]).div_scalar(n)
}
