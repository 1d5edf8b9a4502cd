//! A trained model at work: draws, paths, densities and bounds in its own space.

use super::Estimated;
use crate::config::SampleConfig;
use transport_core::Noise;
use transport_models::flow::Outside;
use transport_sde::SolveError;
use transport_sde::guide::Strength;
use transport_sde::inverse::{InverseError, Linear, Method};
use transport_sde::likelihood::{Hutchinson, Variational};

/// A trained model, for inference: states in the model's own space, on the host.
pub trait Generator: Send + Sync {
    /// Draws a state for each sample of `noise`.
    ///
    /// # Shapes
    /// `context`: `[n, c]` row-major when the model has one; returns `[n, d]` row-major.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn sample(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Vec<f64>, SolveError>;

    /// The states at `knots` on the way to [`Generator::sample`], or `None` when there is no way.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn trace(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        knots: &[f64],
    ) -> Result<Option<Vec<Vec<f64>>>, SolveError> {
        let _ = (noise, context, plan, knots);
        Ok(None)
    }

    /// [`Generator::sample`] by classifier-free guidance, or `None` when the model was not trained
    /// without its context too ([`Generator::knows_null`]).
    ///
    /// # Shapes
    /// As [`Generator::sample`].
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn guided(
        &self,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
        strength: Strength,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (noise, context, plan, strength);
        Ok(None)
    }

    /// Whether a model with a context may be asked without one.
    fn knows_null(&self) -> bool {
        false
    }

    /// A draw for each sample of `noise` given what was observed of it, or `None` when the model has no
    /// denoiser.
    ///
    /// # Shapes
    /// As [`Generator::sample`].
    ///
    /// # Errors
    /// [`InverseError`] when the observation or the plan does not fit, or a state is not finite.
    fn condition(
        &self,
        conditions: &Conditions<'_>,
        noise: &Noise,
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, InverseError> {
        let _ = (conditions, noise, context, plan);
        Ok(None)
    }

    /// States carried along the model's flow, to codes of unit variance or back, or `None` when it
    /// has none.
    ///
    /// # Shapes
    /// `x`: `[n, d]` row-major; returns the same.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn carry(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        way: Way,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (x, context, plan, way);
        Ok(None)
    }

    /// The first of the states that a law on a bounded support cannot have made.
    ///
    /// # Shapes
    /// `x`: `[n, d]` row-major.
    fn outside(&self, x: &[f64]) -> Option<Outside> {
        let _ = x;
        None
    }

    /// The log-density of states, in nats, or `None` when the model has none.
    ///
    /// # Shapes
    /// `x`: `[n, d]` row-major; returns `[n]`.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn log_prob(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (x, context, plan);
        Ok(None)
    }

    /// An unbiased estimate of the log-density of states by random probes, in nats, or `None` when
    /// the model follows no flow. A row's estimate depends on its own probes only.
    ///
    /// # Shapes
    /// As [`Generator::log_prob`]; `noise` names the `n` rows.
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn estimate(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        trace: Hutchinson,
        noise: &Noise,
    ) -> Result<Option<Estimated>, SolveError> {
        let _ = (x, context, plan, trace, noise);
        Ok(None)
    }

    /// A lower bound of the log-density of states, estimated from `draws` draws a row, or `None`
    /// when the model has none. A row's estimate depends on its own draws only.
    ///
    /// # Shapes
    /// As [`Generator::log_prob`]; `noise` names the `n` rows.
    ///
    /// # Errors
    /// [`SolveError`] when a value is not finite.
    fn bound(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        draws: usize,
        noise: &Noise,
    ) -> Result<Option<Bound>, SolveError> {
        let _ = (x, context, draws, noise);
        Ok(None)
    }

    /// The variational bound of the log-density of states, in nats, from `draws` noise levels a row:
    /// for a diffusion, which has the density itself only along its flow. `None` for others.
    ///
    /// # Shapes
    /// As [`Generator::log_prob`]; `noise` names the `n` rows.
    ///
    /// # Errors
    /// [`SolveError`] when a prediction is not finite.
    fn variational(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        levels: Variational,
        noise: &Noise,
    ) -> Result<Option<Estimated>, SolveError> {
        let _ = (x, context, levels, noise);
        Ok(None)
    }

    /// For whole-number levels, each a box of volume 1 around it: a draw whose mean over `noise` is
    /// at most the log-probability of the box, in nats. `None` when the model has no noise of its
    /// own within a box; [`crate::bits`] then takes uniform noise and [`Generator::log_prob`].
    ///
    /// # Shapes
    /// As [`Generator::log_prob`].
    ///
    /// # Errors
    /// [`SolveError`] when a state is not finite.
    fn log_mass(
        &self,
        x: &[f64],
        context: Option<&[f32]>,
        plan: &SampleConfig,
        noise: &Noise,
    ) -> Result<Option<Vec<f64>>, SolveError> {
        let _ = (x, context, plan, noise);
        Ok(None)
    }
}

/// What was observed of states, in the model's space.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// The observations, `[n, m]` row-major.
    pub values: &'a [f64],
    /// What they are observations of.
    pub seen: Seen<'a>,
    /// The standard deviation of their noise.
    pub noise: f64,
    /// How they enter.
    pub method: Method,
}

/// Which part of a state is observed.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Some coordinates, `[n, d]` row-major; the observation holds 0 for the others.
    Mask(&'a [bool]),
    /// Linear functions, the same for all rows.
    Linear(&'a Linear),
}

/// Which way a flow is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From data to their codes.
    ToNoise,
    /// From codes to data.
    ToData,
}

/// Lower bounds of log-densities, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// One for each row.
    pub values: Vec<f64>,
    /// The standard error of each, NaN where one draw does not tell.
    pub std_errs: Vec<f64>,
    /// Whether they bound the probability of discrete data: then no change of units applies.
    pub discrete: bool,
}
