//! The sinusoidal embedding of time.

use burn::tensor::{DType, Tensor};
use std::f64::consts::TAU;
use transport_core::{Space, Times};
use transport_kernels::embedding::sinusoids;

/// `t ↦ (sin 2πf₁t, …, sin 2πf_K t, cos 2πf₁t, …, cos 2πf_K t)`, geometric frequencies
/// `f₁ = ¼ … f_K = 16`.
///
/// The lowest frequency tells `t = 0` from `t = 1`; the highest resolves 1/64 of the clock.
/// Computed on the host, once for a batch at one time: phases in f64, in f32 their sines.
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
    /// `f₁ … f_K`: turns per unit of the clock.
    #[must_use]
    pub fn turns(&self) -> Vec<f64> {
        let fraction = |k: usize| k as f64 / (self.frequencies.max(2) - 1) as f64;
        (0..self.frequencies).map(|k| LOWEST * (HIGHEST / LOWEST).powf(fraction(k))).collect()
    }

    /// The features, `[1, 2K]` for one time and `[n, 2K]` for one per row.
    #[must_use]
    pub fn forward(&self, t: Times<'_>, space: &Space) -> Tensor<2> {
        let times = match &t {
            Times::Same(t) => std::slice::from_ref(t),
            Times::Each(times) => times,
        };
        let shape = [times.len(), 2 * self.frequencies];
        if space.dtype == DType::F32 && transport_kernels::enabled() {
            return space.tensor_f32(sinusoids(times, &self.turns()), shape);
        }
        space.tensor(exact(times, &self.turns()), shape)
    }
}

fn exact(times: &[f64], turns: &[f64]) -> Vec<f64> {
    let mut values = Vec::with_capacity(times.len() * 2 * turns.len());
    for t in times {
        values.extend(turns.iter().map(|f| (TAU * f * t).sin()));
        values.extend(turns.iter().map(|f| (TAU * f * t).cos()));
    }
    values
}
