//! The evidence bound of an autoencoder.

use super::{Batch, Objective};
use burn::tensor::Tensor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use transport_core::{Noise, Space};
use transport_models::Vae;

/// The evidence bound, negative and per coordinate.
///
/// ```text
/// k = 1:   L = −E [ log p(x | z) − β Σ_j max(λ, K_j) ] / d,    K_j = KL(q_j ‖ N(0, 1))
/// k > 1:   L = −E log 1/k Σᵢ p(x | zᵢ) N(zᵢ; 0, I)/q(zᵢ | x) / d
/// ```
///
/// `z ~ q(z | x)` through `z = μ + σ ε`. Coordinate `j` of a code costs at least the free nats λ,
/// in the mean over a shard's rows, so that it is not given up before it is of use. With `β = 1`
/// and `λ = 0` the first is the evidence bound itself; the second is nearer to the log-likelihood
/// for each `k`.
///
/// # References
/// Kingma & Welling (2014), eq. (10); Higgins et al. (2017), β; Kingma et al. (2016), appendix C.8,
/// free bits; Burda, Grosse & Salakhutdinov (2016), eq. (8).
/// # Checked by
/// `tests/it/vae.rs`
#[derive(Clone, Debug)]
pub struct EvidenceBound {
    /// The weight β of the divergence.
    pub beta: f64,
    /// The free nats λ of each coordinate of a code.
    pub free_nats: f64,
    /// The draws `k` of a row.
    pub draws: usize,
    /// Where the loss leaves its two parts.
    pub tally: Tally,
}

/// The parts of the bound at the last step, in nats per row: what is rebuilt, and what the codes
/// cost.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Vec<Part>>>);

#[derive(Clone, Copy, Debug)]
struct Part {
    first: usize,
    share: f64,
    likelihood: f64,
    divergence: f64,
}

impl Tally {
    /// Forgets the last step.
    pub fn clear(&self) {
        self.parts().clear();
    }

    /// Does something whose losses are not to be counted.
    pub fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        let kept = self.parts().clone();
        let done = work();
        *self.parts() = kept;
        done
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Part>> {
        // A thread that panicked left whole parts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, part: Part) {
        self.parts().push(part);
    }

    /// The means over the batch of `log p(x | z)` and of the divergence.
    #[must_use]
    pub fn means(&self) -> (f64, f64) {
        let mut parts = self.parts().clone();
        // Shards finish in any order: the sum is taken in theirs.
        parts.sort_by_key(|part| part.first);
        let sum = |f: fn(&Part) -> f64| parts.iter().map(|p| p.share * f(p)).sum();
        (sum(|p| p.likelihood), sum(|p| p.divergence))
    }
}

fn mean(x: Tensor<1>) -> f64 {
    x.inner().mean().into_scalar::<f64>()
}

impl Objective<Vae> for EvidenceBound {
    /// The noise of what is seen, and the draws ε of the codes.
    type Draw = (Noise, Vec<Tensor<2>>);

    fn draw(&self, model: &Vae, batch: &Batch) -> Self::Draw {
        let space = Space::of(&batch.data);
        let normal = |j: usize| {
            let noise = batch.noise.purpose("posterior").purpose(&j.to_string());
            noise.normal(model.latent(), &space)
        };
        (batch.noise.clone(), (0..self.draws).map(normal).collect())
    }

    fn loss(&self, model: &Vae, batch: &Batch, (noise, draws): Self::Draw) -> Tensor<1> {
        let ([n, d], context) = (batch.data.dims(), batch.context.as_ref());
        let x = model.observation().seen(batch.data.clone(), &noise);
        let q = model.posterior(x.clone(), context);
        let divergence = q.divergence();
        let (bound, likelihood) = if let [e] = &draws[..] {
            let likelihood = model.log_likelihood(x, q.at(e.clone()), context);
            let cost = divergence.clone().mean_dim(0).clamp_min(self.free_nats).sum();
            (likelihood.clone().mean() - cost.mul_scalar(self.beta), mean(likelihood))
        } else {
            let weights: Vec<Tensor<2>> = draws
                .into_iter()
                .map(|e| model.log_weight(x.clone(), &q, e, context).reshape([n, 1]))
                .collect();
            let weights = Tensor::cat(weights, 1);
            let likelihood = mean(weights.clone().mean_dim(1).reshape([n]));
            (log_mean_exp(weights).mean(), likelihood + mean(rows(&divergence)))
        };
        let divergence = mean(rows(&divergence));
        let share = n as f64 / batch.whole as f64;
        self.tally.add(Part { first: batch.first, share, likelihood, divergence });
        bound.div_scalar(-(d as f64))
    }
}

fn rows(x: &Tensor<2>) -> Tensor<1> {
    x.clone().sum_dim(1).squeeze_dim(1)
}

/// `log 1/k Σⱼ exp aⱼ` of each row.
fn log_mean_exp(a: Tensor<2>) -> Tensor<1> {
    let k = a.dims()[1] as f64;
    let top = a.clone().detach().max_dim(1);
    ((a - top.clone()).exp().sum_dim(1).div_scalar(k).log() + top).squeeze_dim(1)
}
