//! Dropout.

use super::Dual;
use serde::{Deserialize, Serialize};
use transport_core::{Noise, Space};

/// Sets features to zero at random while a network is trained, and makes up for it in the others.
///
/// ```text
/// y = m ⊙ x/(1 − p),     m ~ Bernoulli(1 − p),     E[y] = x
/// ```
///
/// The mask of a row is drawn from that row's noise at that step: a function of the seed, the layer,
/// the row and the step, so that a resumed run sees the masks of an uninterrupted one. Without noise
/// nothing is dropped: that is how a network is sampled.
///
/// # References
/// Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
/// # Checked by
/// `tests/it/image_dynamics.rs`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// `p`, at least 0 and below 1.
    pub rate: f64,
}

impl Dropout {
    /// `x` with features dropped where there is noise to say which.
    ///
    /// # Panics
    /// When the noise is not of as many rows as `x`.
    #[must_use]
    pub fn apply<const D: usize>(self, x: Dual<D>, noise: Option<&Noise>) -> Dual<D> {
        let Some(noise) = noise.filter(|_| self.rate > 0.0) else { return x };
        let shape = x.value.dims();
        assert_eq!(noise.len(), shape[0], "the noise of {} rows", shape[0]);
        let kept = 1.0 / (1.0 - self.rate);
        let factor = |u: f64| if u < self.rate { 0.0 } else { kept };
        let draws = noise.uniform_values(shape[1..].iter().product());
        let mask = draws.into_iter().map(factor).collect();
        let mask = Space::of(&x.value).tensor(mask, shape);
        x.times(mask)
    }
}
