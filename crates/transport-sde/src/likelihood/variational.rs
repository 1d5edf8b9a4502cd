//! The variational bound of a diffusion: no integration, no divergence.
//!
//! ```text
//! log p(x) ≥ E log N(x; x_{t₁}/α₁, (σ₁/α₁)² I) − ∫_{λ₀}^{λ₁} E ‖x₀ − x̂₀(x_t)‖² dλ − KL(q(x_{t₀}|x) ‖ N(0, σ₀² I))
//! x_t = α x + σ x₀,   x₀ ~ N(0, I),   λ = ln(α/σ),   x̂₀ = E[x₀ | x_t] as the model has it
//! ```
//!
//! The law bounded is that of the chain with a start at λ₀, the model's steps and a last Gaussian of
//! width σ₁/α₁ around `x_{t₁}/α₁`; with the exact posterior mean the bound is `log p` as λ₀ → −∞
//! and λ₁ → ∞. The first term is `−½d (1 + ln 2π) + d λ₁`, the last `½ e^{2λ₀} ‖x‖²`.
//!
//! # References
//! Kingma, Salimans, Poole & Ho (2021), "Variational diffusion models", eqs. (11)–(18), whose
//! log-SNR is 2λ; Song, Durkan, Murray & Ermon (2021), "Maximum likelihood training of score-based
//! diffusion models", thm. 3, the same bound with the weight `g²` on the score.

use crate::driver::SolveError;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Denoiser, Noise, Space, StdErr, Times};

/// Between which noise levels a bound is taken, and from how many draws a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variational {
    least: f64,
    most: f64,
    draws: usize,
}

/// Levels or draws that make no bound.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "a bound from λ = {least} to {most} with {draws} draws: λ rises, and 2 draws have an error"
)]
pub struct NoBound {
    /// λ₀.
    pub least: f64,
    /// λ₁.
    pub most: f64,
    /// Draws a row.
    pub draws: usize,
}

impl Variational {
    /// λ beyond which a schedule that reaches σ = 0 or α = 0 is not followed: `σ/α = 9·10⁻⁴`.
    pub const FAR: f64 = 7.0;

    /// A bound between two levels; the schedule's domain may narrow them.
    ///
    /// # Errors
    /// [`NoBound`] unless `least < most`, both finite, and there are two draws or more.
    pub fn new(least: f64, most: f64, draws: usize) -> Result<Self, NoBound> {
        let rises = least.is_finite() && most.is_finite() && least < most;
        if rises && draws >= 2 {
            return Ok(Self { least, most, draws });
        }
        Err(NoBound { least, most, draws })
    }

    /// A bound over all levels of the schedule within `±`[`Variational::FAR`].
    ///
    /// # Errors
    /// [`NoBound`] for fewer than two draws.
    pub fn whole(draws: usize) -> Result<Self, NoBound> {
        Self::new(-Self::FAR, Self::FAR, draws)
    }

    /// The levels that the schedule has of these.
    fn levels(&self, model: &dyn Denoiser) -> (f64, f64) {
        let (schedule, domain) = (model.schedule(), model.schedule().domain());
        let (first, last) = (schedule.log_snr(domain.start), schedule.log_snr(domain.end));
        let (least, most) = (self.least.max(first), self.most.min(last));
        assert!(
            least < most,
            "levels {} to {} on a schedule of {first} to {last}",
            self.least,
            self.most
        );
        (least, most)
    }

    /// An unbiased estimate of the bound for each row, and its standard error.
    ///
    /// The levels are spread over strata, one draw in each; neighbours are paired for the error,
    /// which is thereby too large rather than too small (Cochran 1977, §5A.12).
    ///
    /// # Errors
    /// [`SolveError`] with the row and the time at which a prediction is not finite.
    ///
    /// # Shapes
    /// `x`: `[n, d]`, and `noise` names its `n` samples; returns two `[n]`.
    ///
    /// # Panics
    /// When the schedule has none of the levels.
    ///
    /// # Checked by
    /// `tests/it/variational.rs`
    pub fn bound(
        &self,
        model: &dyn Denoiser,
        x: &Tensor<2>,
        noise: &Noise,
    ) -> Result<(Tensor<1>, StdErr), SolveError> {
        let ([n, d], space) = (x.dims(), Space::of(x));
        let (least, most) = self.levels(model);
        let (draws, length) = (self.draws, most - least);
        let mut errors = Vec::with_capacity(draws);
        for k in 0..draws {
            let noise = noise.purpose("bound").at_step(k as u64);
            let place = |u: f64| least + length * (k as f64 + u) / draws as f64;
            let u = noise.purpose("level").uniform_values(1);
            let times: Vec<f64> =
                u.into_iter().map(|u| model.schedule().time_of_log_snr(place(u))).collect();
            errors.push(to_host(square_error(model, x, &times, noise.normal(d, &space))));
            finite(&errors[k], &times, k)?;
        }
        let squares = to_host(x.clone().powi_scalar(2).sum_dim(1));
        let own = d as f64 * (most - 0.5 * (1.0 + (2.0 * std::f64::consts::PI).ln()));
        let (mut values, mut spread) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for (row, square) in squares.iter().enumerate() {
            let at = |k: usize| errors[k][row];
            let mean = (0..draws).map(at).sum::<f64>() / draws as f64;
            let prior = 0.5 * (2.0 * least).exp() * square;
            values.push(own - length * mean - prior);
            spread.push(length * paired(draws, at));
        }
        Ok((space.tensor(values, [n]), StdErr(space.tensor(spread, [n]))))
    }
}

/// `‖x₀ − x̂₀(α x + σ x₀)‖²`, `[n, 1]`.
fn square_error(model: &dyn Denoiser, x: &Tensor<2>, times: &[f64], x0: Tensor<2>) -> Tensor<2> {
    let (schedule, t) = (model.schedule(), Times::Each(times));
    let noised = t.scale(x.clone(), |t| schedule.at(t).alpha)
        + t.scale(x0.clone(), |t| schedule.at(t).sigma);
    let (_, found) = model.posterior(noised, t);
    (x0 - found).powi_scalar(2).sum_dim(1)
}

fn finite(errors: &[f64], times: &[f64], k: usize) -> Result<(), SolveError> {
    match errors.iter().position(|error| !error.is_finite()) {
        Some(row) => Err(SolveError::NotFinite { t: times[row], row, step: k + 1, evals: k + 1 }),
        None => Ok(()),
    }
}

/// The standard error of a mean over strata from the differences of neighbours; the last of an odd
/// number is paired with the one before it.
fn paired(draws: usize, at: impl Fn(usize) -> f64) -> f64 {
    let pairs = (0..draws / 2).map(|j| (at(2 * j) - at(2 * j + 1)).powi(2)).sum::<f64>();
    let rest = match draws % 2 {
        0 => 0.0,
        _ => 0.5 * (at(draws - 2) - at(draws - 1)).powi(2),
    };
    (pairs + rest).sqrt() / draws as f64
}
