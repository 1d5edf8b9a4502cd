//! The sinusoidal embedding of time.

use burn::tensor::Tensor;
use std::f64::consts::TAU;
use transport_core::{Space, Times};

/// `t ↦ (sin 2πf₁t, …, sin 2πf_K t, cos 2πf₁t, …, cos 2πf_K t)`, geometric frequencies
/// `f₁ = ¼ … f_K = 16`.
///
/// The lowest frequency tells `t = 0` from `t = 1`; the highest resolves 1/64 of the clock.
/// Computed on the host in f64, once for a batch at one time.
///
/// # References
/// Vaswani et al. (2017), §3.5, with the scale of a unit clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// The number of frequencies `K`; the embedding has `2K` features.
    pub frequencies: usize,
}

const LOWEST: f64 = 0.25;
const HIGHEST: f64 = 16.0;

impl Embedding {
    fn frequency(&self, k: usize) -> f64 {
        let fraction = k as f64 / (self.frequencies.max(2) - 1) as f64;
        TAU * LOWEST * (HIGHEST / LOWEST).powf(fraction)
    }

    /// The features, `[1, 2K]` for one time and `[n, 2K]` for one per row.
    #[must_use]
    pub fn forward(&self, t: Times<'_>, space: &Space) -> Tensor<2> {
        let frequencies: Vec<f64> = (0..self.frequencies).map(|k| self.frequency(k)).collect();
        let times = match &t {
            Times::Same(t) => std::slice::from_ref(t),
            Times::Each(times) => times,
        };
        let mut values = Vec::with_capacity(times.len() * 2 * self.frequencies);
        for t in times {
            values.extend(frequencies.iter().map(|f| (f * t).sin()));
            values.extend(frequencies.iter().map(|f| (f * t).cos()));
        }
        space.tensor(values, [times.len(), 2 * self.frequencies])
    }
}
