//! Posterior draws by a diffusion sampler.

use super::dps::Descent;
use super::replacement::Replacing;
use super::{InverseError, Observation, Operator, PiGdm};
use crate::driver::{Stepper, drive};
use crate::grid::Grid;
use crate::guide::{Steered, Strength};
use crate::method::Solver;
use burn::tensor::Tensor;
use transport_core::{Denoiser, Interval, Noise};

/// How the observation enters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Put in after each step, which is taken `resample` times; the observation is taken as exact.
    Replacement {
        /// Times that each step is taken, at least 1.
        resample: usize,
    },
    /// A step of length `2 scale` down the misfit after each step.
    Dps {
        /// `ζ`.
        scale: f64,
    },
    /// The pseudoinverse's gradient in the score ([`PiGdm`]).
    PiGdm {
        /// The variance of a coordinate of the data, in the model's space.
        variance: f64,
        /// The `α/σ` from which on the gradient is used; 0 for always. Where the state hardly knows
        /// the data, the derivative of a learned denoiser is its error over α: the steps there are
        /// left unguided, which shifts the start by `from` standard deviations at most.
        from: f64,
    },
}

impl Method {
    /// Checks the settings, for an observation with this noise.
    ///
    /// # Errors
    /// [`InverseError::Setting`].
    pub fn check(&self, noise: f64) -> Result<(), InverseError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let (what, value, expected) = match *self {
            Self::Replacement { resample: 0 } => ("resample", 0.0, "a whole number of at least 1"),
            Self::Replacement { .. } if noise > 0.0 => {
                ("the observation's noise", noise, "0 for replacement, which takes it as exact")
            }
            Self::Dps { scale } if !positive(scale) => ("scale", scale, "a finite number above 0"),
            Self::PiGdm { variance, .. } if !positive(variance) => {
                ("the data's variance", variance, "a finite number above 0")
            }
            Self::PiGdm { from, .. } if !(0.0..=1.0).contains(&from) => {
                ("from", from, "between 0 and 1")
            }
            _ => return Ok(()),
        };
        Err(InverseError::Setting { what, value, expected })
    }
}

/// The law of `x₁` given an observation, with a denoiser as the law of `x₁`.
///
/// # Checked by
/// `tests/it/inverse.rs`
#[derive(Clone, Copy, Debug)]
pub struct Posterior<'a, D, O> {
    /// The model of the data.
    pub model: &'a D,
    /// What was observed.
    pub observation: &'a Observation<O>,
    /// How it enters.
    pub method: Method,
}

impl<D: Denoiser, O: Operator> Posterior<'_, D, O> {
    /// A draw for each row, from the reference `z` along `grid`.
    ///
    /// # Errors
    /// [`InverseError`] when the solver is no diffusion sampler, a setting is out of range or a state
    /// is not finite.
    ///
    /// # Shapes
    /// `z`: `[n, d]`, `noise` names its `n` rows; returns `[n, d]`.
    pub fn draw(
        &self,
        solver: Solver,
        grid: &Grid,
        z: Tensor<2>,
        noise: &Noise,
    ) -> Result<Tensor<2>, InverseError> {
        self.method.check(self.observation.noise)?;
        let (model, observation) = (self.model, self.observation);
        let wrong = || InverseError::Solver { solver: solver.name() };
        match self.method {
            Method::PiGdm { variance, from } => {
                let guidance = PiGdm { model, observation, variance };
                let steered = Steered { model, guidance, strength: strength(model, from) };
                let mut stepper = solver.on_denoiser(&steered, grid, noise).ok_or_else(wrong)?;
                Ok(drive(&mut *stepper, z, grid, |_, _, _| {})?)
            }
            Method::Dps { scale } => {
                let inner = solver.on_denoiser(model, grid, noise).ok_or_else(wrong)?;
                let mut stepper = Descent { inner, model, observation, scale, evals: 0 };
                Ok(drive(&mut stepper, z, grid, |_, _, _| {})?)
            }
            Method::Replacement { resample } => {
                let round = |k: usize| -> Result<Box<dyn Stepper + '_>, InverseError> {
                    let noise = noise.purpose(&format!("round.{k}"));
                    solver.on_denoiser(model, grid, &noise).ok_or_else(wrong)
                };
                let inner = (0..resample).map(round).collect::<Result<_, _>>()?;
                let (schedule, noise) = (model.schedule(), noise.purpose("replacement"));
                let mut stepper =
                    Replacing { inner, schedule, observation, noise, times: grid.times() };
                Ok(drive(&mut stepper, z, grid, |_, _, _| {})?)
            }
        }
    }
}

/// The weight 1 from the time at which `α/σ = from`.
fn strength(model: &impl Denoiser, from: f64) -> Strength {
    if from == 0.0 {
        return Strength::FULL;
    }
    let start = model.schedule().time_of_log_snr(from.ln());
    // A schedule that begins later is guided from its start.
    Strength::within(1.0, Interval { start, end: 1.0 }).unwrap_or(Strength::FULL)
}
