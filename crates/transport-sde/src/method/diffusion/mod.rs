//! Samplers for a denoiser: methods that know that the flow is `x_t = α x₁ + σ x₀`.
//!
//! With `λ = ln(α/σ)`, `D(x, t) = E[x₁ | x_t = x]` and `ε(x, t) = E[x₀ | x_t = x]`, the
//! probability flow and the family around it are linear up to `D` or `ε`,
//!
//! ```text
//! d(x/σ) = e^λ D dλ,     d(x/α) = −e^{−λ} ε dλ
//! ```
//!
//! so that a step solves the linear part exactly and interpolates the rest. Only `α` and `σ` at
//! the two ends of a step are read, never a derivative: a last step to `t = 1`, where `σ = 0`, is
//! legal. Where `λ` is infinite at either end of a step there is nothing to interpolate, and every
//! method takes the first-order step, the exponential Euler step.
//!
//! | file | method |
//! |---|---|
//! | [`Ddim`], [`Ddpm`] | one evaluation, first order, with noise by choice |
//! | [`EdmHeun`] | Heun's method in `σ/α`, with churn |
//! | [`Singlestep`], [`OnGrid`] | DPM-Solver++ 1S, 2S, 3S: stages inside a step, or steps as stages |
//! | [`Dpmpp2M`], [`Dpmpp3M`], [`DpmppSde2M`] | DPM-Solver++ from earlier evaluations |
//! | [`UniPc`] | predictor and corrector at one evaluation a step |
//! | [`Deis`] | exponential Adams–Bashforth in the noise |
//! | [`SaSolver`] | stochastic Adams, predictor and corrector |
//! | [`Thresholded`] | a denoiser whose data prediction is kept in range |

mod ddim;
mod ddpm;
mod deis;
mod dpmpp_2m;
mod dpmpp_3m;
mod dpmpp_sde_2m;
mod edm_heun;
mod exponential;
mod leap;
mod on_grid;
mod sa_solver;
mod singlestep;
mod stepper;
mod thresholding;
mod unipc;

pub use ddim::Ddim;
pub use ddpm::{Ddpm, PosteriorVariance};
pub use deis::Deis;
pub use dpmpp_2m::{Dpmpp2M, SecondOrder};
pub use dpmpp_3m::{Coefficients, Dpmpp3M};
pub use dpmpp_sde_2m::DpmppSde2M;
pub use edm_heun::{Churn, EdmHeun};
pub use leap::{Ends, Leap, Scales};
pub use on_grid::OnGrid;
pub use sa_solver::SaSolver;
pub use singlestep::{Dpmpp1S, Dpmpp2S, Dpmpp3S, Singlestep};
pub use stepper::{DiffusionStepper, SettingError};
pub use thresholding::{Threshold, Thresholded};
pub use unipc::{Bh, UniPc};

use burn::tensor::Tensor;
use std::fmt::Debug;
use transport_core::Denoiser;

/// A sampler for a [`Denoiser`], one step at a time, forwards on the transport clock.
pub trait DiffusionMethod: Clone + Debug + Default + Send + Sync {
    /// What it carries from step to step.
    type Memory: Default + Send;

    /// The order of the end point's error: on the probability flow where the method is
    /// deterministic, weak where it is not.
    fn order(&self) -> usize;

    /// Evaluations of the denoiser in a step; a start may take more, a last step fewer.
    fn stages(&self) -> usize;

    /// Whether the step draws noise.
    fn is_stochastic(&self) -> bool;

    /// Whether the settings make a method.
    ///
    /// # Errors
    /// [`SettingError`] with the first that does not.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// The state at the end of `leap` from the state at its start.
    ///
    /// # Shapes
    /// `x`: `[n, d]`.
    fn step(
        &self,
        denoiser: &dyn Denoiser,
        x: Tensor<2>,
        leap: &Leap<'_>,
        memory: &mut Self::Memory,
    ) -> Tensor<2>;
}

/// How a multistep method of order 3 or more begins, when it has no past yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the orders that its past allows, as in the papers: one of order 1 costs the method
    /// its order, but no evaluation.
    Lower,
    /// With a [`Singlestep`] of the order that the method needs: one or two evaluations more in
    /// the first step.
    #[default]
    Singlestep,
}
