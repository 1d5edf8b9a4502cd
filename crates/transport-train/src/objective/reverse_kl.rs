//! Reverse Kullback–Leibler divergence to an unnormalised density, and its mixture with the forward
//! one.

use super::{Batch, MaximumLikelihood, Objective};
use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::{Density, Space};
use transport_models::Flow;

/// The mixture of both divergences, per coordinate and up to constants.
///
/// ```text
/// L = [ (1 − λ) E_{x~q} (log q(x) − log p̃(x)) + λ E_{x~data} (−log q(x)) ] / d
/// ```
///
/// The first mean is `KL(q ‖ p) − log Z`, over points that the flow makes of its reference, so that
/// the gradient goes through the points. Where a learned reference chooses a component the point
/// is no smooth function of the weights; there the gradient of the choice is the score function's,
/// with the batch's mean as a baseline. With λ = 0 no data are read: a batch only says how many
/// points.
///
/// By the path alone, `log q` is evaluated at the points by a copy of the flow that is held fixed:
/// the part left out, `E_q ∇ log q = 0`, is nothing but noise, and what remains has no variance where
/// `q = p`. It costs a pass of each point back to the reference.
///
/// # References
/// Rezende & Mohamed (2015), "Variational inference with normalizing flows"; Roeder, Wu & Duvenaud
/// (2017), "Sticking the landing", for the path; Noé et al. (2019), "Boltzmann generators", for the
/// mixture.
/// # Checked by
/// `tests/it/variational.rs`
#[derive(Clone, Copy)]
pub struct ReverseKl<'a> {
    /// `log p̃`, as differentiable tensor operations.
    pub target: &'a dyn Density,
    /// The weight λ of the forward divergence, in `[0, 1]`.
    pub forward: f64,
    /// Whether the reverse gradient is the path's alone.
    pub path: bool,
}

impl std::fmt::Debug for ReverseKl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReverseKl").field("forward", &self.forward).finish_non_exhaustive()
    }
}

impl ReverseKl<'_> {
    /// `E_q (log q − log p̃) / d`.
    fn reverse(&self, model: &Flow, batch: &Batch) -> Tensor<1> {
        let [n, d] = batch.data.dims();
        let noise = batch.noise.purpose("reverse");
        let context = batch.context.as_ref();
        let points = model.draw(&noise, context, &Space::of(&batch.data));
        let log_q = match self.path {
            true => model.clone().valid().log_prob(points.x.clone(), context),
            false => points.log_prob,
        };
        let mut gap = log_q - self.target.log_prob(points.x);
        if let Some(log_weight) = points.log_weight {
            let baseline = gap.clone().detach().mean();
            let ratio = (log_weight.clone() - log_weight.detach()).exp();
            gap = (gap - baseline.clone()) * ratio + baseline;
        }
        gap.sum_dim(0).div_scalar((n * d) as f64)
    }
}

impl Objective<Flow> for ReverseKl<'_> {
    /// The points are functions of a learned reference: they are made in the loss, from the batch's
    /// counter-based noise.
    type Draw = ();

    fn draw(&self, _model: &Flow, _batch: &Batch) {}

    fn loss(&self, model: &Flow, batch: &Batch, (): ()) -> Tensor<1> {
        if self.forward == 0.0 {
            return self.reverse(model, batch);
        }
        let forward = MaximumLikelihood::default().loss(model, batch, batch.data.clone());
        if self.forward == 1.0 {
            return forward;
        }
        forward.mul_scalar(self.forward) + self.reverse(model, batch).mul_scalar(1.0 - self.forward)
    }
}
