//! The reverse step of a linear process when the data point is known: DDPM's posterior.

use burn::tensor::Tensor;
use transport_core::{LinearSde, Noise, PushForward, Space};

/// `q(x_s | x_t, x₁) = N(on_x x_t + on_data x₁, std² I)` for any `s < t` of a linear process, `x₁`
/// the data.
///
/// ```text
/// a = α_t/α_s,    τ² = σ_t² − a² σ_s²          (X_t | X_s ~ N(a X_s, τ² I))
/// on_x = a σ_s²/σ_t²,    on_data = α_s τ²/σ_t²,    std² = σ_s² τ²/σ_t²
/// ```
///
/// # Example
/// ```
/// use transport_core::process::Vp;
/// use transport_sde::dynamics::DdpmPosterior;
/// // At the data's own time nothing is left to chance.
/// let step = DdpmPosterior::new(&Vp::default(), 0.5, 0.0);
/// assert_eq!((step.on_x, step.on_data, step.std), (0.0, 1.0, 0.0));
/// ```
///
/// # References
/// Ho, Jain & Abbeel (2020), eqs. (6)–(7); Kingma et al. (2021), app. A.2.
/// # Checked by
/// `tests/it/explicit_reverse.rs`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DdpmPosterior {
    /// The weight of `x_t`.
    pub on_x: f64,
    /// The weight of the data point.
    pub on_data: f64,
    /// The standard deviation.
    pub std: f64,
}

impl DdpmPosterior {
    /// The posterior at time `to` given the state at the later time `from`.
    ///
    /// # Panics
    /// Unless `0 ≤ to < from`.
    #[must_use]
    pub fn new(process: &impl LinearSde, from: f64, to: f64) -> Self {
        assert!(
            0.0 <= to && to < from,
            "a reverse step goes to an earlier time, not {from} → {to}"
        );
        let ((alpha_t, sigma_t), (alpha_s, sigma_s)) =
            (process.marginal(from), process.marginal(to));
        let a = alpha_t / alpha_s;
        let tau2 = (sigma_t * sigma_t - a * a * sigma_s * sigma_s).max(0.0);
        Self {
            on_x: a * (sigma_s / sigma_t).powi(2),
            on_data: alpha_s * tau2 / (sigma_t * sigma_t),
            std: sigma_s * tau2.sqrt() / sigma_t,
        }
    }

    /// The kernel `x_t ↦ x_s` with the data points bound, one for each row.
    ///
    /// # Shapes
    /// `data`: `[n, d]`.
    #[must_use]
    pub fn given(self, data: Tensor<2>) -> PosteriorKernel {
        PosteriorKernel { step: self, data }
    }
}

/// [`DdpmPosterior`] as a Markov kernel: a bridge's step towards known data.
#[derive(Clone, Debug)]
pub struct PosteriorKernel {
    step: DdpmPosterior,
    data: Tensor<2>,
}

impl PushForward for PosteriorKernel {
    fn push(&self, x: Tensor<2>, noise: &Noise) -> Tensor<2> {
        let z = noise.purpose("posterior").normal(x.dims()[1], &Space::of(&x));
        x.mul_scalar(self.step.on_x)
            + self.data.clone().mul_scalar(self.step.on_data)
            + z.mul_scalar(self.step.std)
    }
}
