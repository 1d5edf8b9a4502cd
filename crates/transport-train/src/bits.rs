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
use crate::registry::Generator;
use std::f64::consts::LN_2;
use transport_core::Noise;
use transport_sde::SolveError;

/// Draws of the noise within a box that the bound is averaged over.
const DRAWS: u64 = 4;

/// Bits per dimension of a law on images, or `None` when the problem's data are no images of whole
/// numbers or the law has no density.
///
/// # Shapes
/// `states`: `[n, d]` row-major in the model's space; `contexts`: `[n, c]`.
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
) -> Result<Option<f64>, SolveError> {
    let (spacing, d) = (problem.spacing(), problem.schema.scaler.output_dim());
    let Some(image) = problem.schema.image.filter(|_| spacing > 0.0) else { return Ok(None) };
    let n = states.len() / d;
    let noise = Noise::new(seed, n).purpose("bits");
    let mut total = 0.0;
    for draw in 0..DRAWS {
        let noise = noise.at_step(draw);
        let log_mass = match law.log_mass(states, contexts, plan, &noise)? {
            Some(log_mass) => Some(log_mass),
            None => uniform(law, plan, spacing, states, contexts, &noise)?,
        };
        let Some(log_mass) = log_mass else { return Ok(None) };
        total += log_mass.iter().sum::<f64>();
    }
    let images = (n as u64 * DRAWS) as f64;
    Ok(Some(-total / (images * image.len() as f64 * LN_2)))
}

/// `log p_z(z + w u) + d log w`, u uniform on `[−½, ½]ᵈ`, w the spacing of levels.
fn uniform(
    law: &dyn Generator,
    plan: &SampleConfig,
    spacing: f64,
    states: &[f64],
    contexts: Option<&[f32]>,
    noise: &Noise,
) -> Result<Option<Vec<f64>>, SolveError> {
    let d = states.len() / noise.len();
    let shifts = noise.uniform_values(d);
    let points: Vec<f64> =
        states.iter().zip(shifts).map(|(z, u)| z + spacing * (u - 0.5)).collect();
    let volume = d as f64 * spacing.ln();
    let log_prob = law.log_prob(&points, contexts, plan)?;
    Ok(log_prob.map(|values| values.into_iter().map(|v| v + volume).collect()))
}
