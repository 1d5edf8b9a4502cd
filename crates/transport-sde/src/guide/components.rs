//! The oracle of classifier guidance: a mixture's components as classes.

use super::Likelihood;
use burn::tensor::Tensor;
use transport_core::law::{Mixture, Noisable, by_time};
use transport_core::{Schedule, Times};

/// `p(y | x_t)` of a Gaussian mixture whose components are the classes.
///
/// ```text
/// p(y | x_t = x) = Σ_{k ∈ y} w_k N(x; α m_k, α² Σ_k + σ² I) / Σ_k w_k N(x; α m_k, α² Σ_k + σ² I)
/// ```
///
/// # Checked by
/// `tests/it/guidance.rs`
#[derive(Clone, Debug, PartialEq)]
pub struct Components<S> {
    /// The law of the data.
    pub law: Mixture,
    /// The schedule.
    pub schedule: S,
    /// The components of the class `y`, counted from 0.
    pub class: Vec<usize>,
}

impl<S: Schedule> Likelihood for Components<S> {
    /// # Panics
    /// When the law has no such component.
    fn log_likelihood(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<1> {
        let n = x.dims()[0];
        let log = |x: Tensor<2>, t: f64| {
            let shares = self.law.noised(&self.schedule.at(t)).responsibilities(&x);
            let own = self.class.iter().map(|k| shares.clone().narrow(1, *k, 1)).collect();
            Tensor::cat(own, 1).sum_dim(1).log()
        };
        by_time(x, t, log).reshape([n])
    }
}
