//! Bits per dimension: what a law of images costs as a code.
//!
//! ```text
//! bits/dim = −E log₂ P(v) / d,     P(v) = ∫ p(v + u) du,  u ∈ [−½, ½]ᵈ,   v whole numbers
//! ```
//!
//! in the units of a level, d all values of an image. What is reported is a bound from above,
//!
//! ```text
//! −E [ log p(v + u) − log q(u | v) ] / (d log 2),     u ~ q(· | v)
//! ```
//!
//! with the model's own q where it has one, else uniform, `log q = 0`. A model whose states are
//! `z = (v − m) / s` has `log p(v) = log p_z(z) − d log s`, and one that looks at `[0, 1]` has
//! `log p(v) = log p_s − d log L`: with L levels the uniform law costs log₂ L bits. A pixel that
//! never changed in training is a constant that costs nothing, and counts in d.
//!
//! # References
//! Theis, van den Oord & Bethge (2016), "A note on the evaluation of generative models", §3.1.

use crate::config::SampleConfig;
use crate::problem::Problem;
use crate::registry::{Estimated, Generator};
use std::f64::consts::LN_2;
use transport_core::Noise;
use transport_sde::SolveError;

/// Draws of the noise within a box that the bound is averaged over.
const DRAWS: u64 = 4;

/// Bits per dimension of each image, averaged over draws; `None` when the problem's data are no
/// images of whole numbers or the law has no density.
///
/// # Shapes
/// `states`: `[n, d]` row-major in the model's space; `contexts`: `[n, c]`; returns `[n]`.
///
/// # Errors
/// [`SolveError`] when a density is not finite.
///
/// # Checked by
/// `tests/it/images.rs`
pub fn bits_per_dim(
    law: &dyn Generator,
    plan: &SampleConfig,
    problem: &Problem,
    states: &[f64],
    contexts: Option<&[f32]>,
    seed: u64,
) -> Result<Option<Vec<f64>>, SolveError> {
    let Some(code) = Code::of(problem) else { return Ok(None) };
    code.bits(states, seed, |noise| match law.log_mass(states, contexts, plan, noise)? {
        Some(log_mass) => Ok(Some(log_mass)),
        None => code.uniform(states, noise, |points| law.log_prob(points, contexts, plan)),
    })
}

/// Bits per dimension of each image by one draw of uniform noise, with the error of its estimate;
/// `None` as for [`bits_per_dim`].
///
/// ```text
/// −[ log p_z(z + w u) + d log w ] / (D log 2),     u ~ U[−½, ½]ᵈ
/// ```
///
/// `z` the state, `w` the distance of two levels there, `d` its coordinates, `D` the values of an
/// image: `−d log₂ w / D` is the whole offset between nats of states and bits of levels, and with
/// `z = (v − m)/s` it is `(d/D) log₂ s`. `estimate` stands for `log p_z`, or bounds it.
///
/// # Errors
/// What the estimate fails with.
///
/// # Checked by
/// `tests/it/likelihoods.rs`
pub fn bits_by_estimate<E>(
    problem: &Problem,
    states: &[f64],
    seed: u64,
    estimate: impl Fn(&[f64], &Noise) -> Result<Option<Estimated>, E>,
) -> Result<Option<Estimated>, E> {
    let Some(code) = Code::of(problem) else { return Ok(None) };
    let noise = Noise::new(seed, states.len() / code.dim).purpose("bits");
    let (share, volume) = (1.0 / (code.values as f64 * LN_2), code.dim as f64 * code.spacing.ln());
    let Some(found) = estimate(&code.shaken(states, &noise), &noise.purpose("probes"))? else {
        return Ok(None);
    };
    let values = found.values.iter().map(|v| -share * (v + volume)).collect();
    let std_errs = found.std_errs.iter().map(|e| share * e).collect();
    Ok(Some(Estimated { values, std_errs }))
}

/// Images of whole numbers as states in a model's space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Code {
    /// The distance of two levels there.
    spacing: f64,
    /// Coordinates of a state.
    dim: usize,
    /// Values of an image.
    values: usize,
}

impl Code {
    /// That of a problem's data, when they are images of whole numbers.
    #[must_use]
    pub fn of(problem: &Problem) -> Option<Self> {
        let (spacing, dim) = (problem.spacing(), problem.schema.scaler.output_dim());
        let image = problem.schema.image.filter(|_| spacing > 0.0)?;
        Some(Self { spacing, dim, values: image.len() })
    }

    /// `z + w u`, u uniform on `[−½, ½]ᵈ`.
    fn shaken(&self, states: &[f64], noise: &Noise) -> Vec<f64> {
        let shift = |(z, u): (&f64, f64)| z + self.spacing * (u - 0.5);
        states.iter().zip(noise.uniform_values(self.dim)).map(shift).collect()
    }

    /// Bits per dimension from draws of `log P(v)` or of what bounds it.
    ///
    /// # Errors
    /// The first that a draw fails with.
    pub fn bits<E>(
        &self,
        states: &[f64],
        seed: u64,
        log_mass: impl Fn(&Noise) -> Result<Option<Vec<f64>>, E>,
    ) -> Result<Option<Vec<f64>>, E> {
        let mut bits = vec![0.0; states.len() / self.dim];
        let noise = Noise::new(seed, bits.len()).purpose("bits");
        let share = -1.0 / (DRAWS as f64 * self.values as f64 * LN_2);
        for draw in 0..DRAWS {
            let Some(log_mass) = log_mass(&noise.at_step(draw))? else { return Ok(None) };
            bits.iter_mut().zip(log_mass).for_each(|(b, l)| *b += share * l);
        }
        Ok(Some(bits))
    }

    /// `log p_z(z + w u) + d log w`, u uniform on `[−½, ½]ᵈ`, w the spacing of levels: a draw for
    /// [`Code::bits`] of a model that has a density of states and no noise of its own.
    ///
    /// # Errors
    /// What the density fails with.
    pub fn uniform<E>(
        &self,
        states: &[f64],
        noise: &Noise,
        log_prob: impl Fn(&[f64]) -> Result<Option<Vec<f64>>, E>,
    ) -> Result<Option<Vec<f64>>, E> {
        let volume = self.dim as f64 * self.spacing.ln();
        let points = self.shaken(states, noise);
        Ok(log_prob(&points)?.map(|values| values.into_iter().map(|v| v + volume).collect()))
    }
}
