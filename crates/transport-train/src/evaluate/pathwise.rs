//! The log-density of held-out rows along a flow by probes, and the variational bound of a
//! diffusion: for many columns, where the exact divergence is dear.

use super::on_support;
use crate::bits::bits_by_estimate;
use crate::registry::Estimated;
use crate::run::{Run, RunError};
use serde::Serialize;
use transport_core::Noise;
use transport_data::Table;
use transport_sde::SolveError;
use transport_sde::likelihood::{Hutchinson, Probe, Variational};

/// A mean over rows with its standard error over rows, of which `own` is the estimates' part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub std_err: f64,
    /// What the probes or noise levels contribute to that.
    pub own: f64,
}

/// What is known of held-out rows without the exact divergence, in the data's units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeldOutPath {
    /// Rows that it is over: those on the support of the training rows.
    pub rows: usize,
    /// The log-density along the flow by probes; `None` where the exact one is cheap.
    pub log_prob: Option<Mean>,
    /// The variational bound of the log-density, from below, where the model is a diffusion.
    pub bound: Option<Mean>,
    /// Bits per dimension of images of whole numbers, by probes.
    pub bits: Option<Mean>,
    /// Bits per dimension, from above, by the variational bound.
    pub bits_bound: Option<Mean>,
}

impl Mean {
    fn of(found: &Estimated) -> Self {
        let n = found.values.len() as f64;
        let value = found.values.iter().sum::<f64>() / n;
        let square = found.values.iter().map(|v| (v - value).powi(2)).sum::<f64>();
        let own = found.std_errs.iter().map(|e| e * e).sum::<f64>().sqrt() / n;
        Self { value, std_err: (square / (n - 1.0).max(1.0) / n).sqrt(), own }
    }
}

/// Estimates over a run's held-out rows, `None` when the model follows no flow or nothing was held
/// out.
///
/// # Errors
/// [`RunError`] when the data cannot be loaded again or a state is not finite.
pub fn held_out_path(
    run: &Run,
    probes: usize,
    draws: usize,
    seed: u64,
) -> Result<Option<HeldOutPath>, RunError> {
    if !run.capabilities()?.path {
        return Ok(None);
    }
    let config = run.config();
    let problem = run.problem()?;
    let (scaler, width) = (&problem.schema.scaler, problem.rows.context_dim);
    let on = on_support(scaler, &problem.test);
    let (Ok(trace), Ok(levels)) =
        (Hutchinson::new(Probe::Rademacher, probes), Variational::whole(draws))
    else {
        return Ok(None);
    };
    if on.is_empty() {
        return Ok(None);
    }
    let test: Table = problem.test.select_rows(&on);
    let states = scaler.transform(&test)?;
    let row = |i: &usize| problem.test_contexts[i * width..(i + 1) * width].iter().copied();
    let contexts: Vec<f32> = on.iter().flat_map(row).collect();
    let contexts = (width > 0).then_some(&contexts[..]);
    let (model, plan) = (run.generator(), &config.sample);
    let cheap = super::likelihood_is_cheap(run)?;
    let probed = |x: &[f64], noise: &Noise| match cheap {
        true => Ok(None),
        false => model.estimate(x, contexts, plan, trace, noise),
    };
    let bounded = |x: &[f64], noise: &Noise| model.variational(x, contexts, levels, noise);
    let noise = Noise::new(seed, on.len()).purpose("held-out");
    let log_det = scaler.log_abs_dets(&test);
    let nats = |found: Result<Option<Estimated>, SolveError>| -> Result<Option<Mean>, RunError> {
        let shifted = |mut found: Estimated| {
            found.values.iter_mut().zip(&log_det).for_each(|(v, log_det)| *v += log_det);
            Mean::of(&found)
        };
        Ok(found?.map(shifted))
    };
    let bits = |found: Option<Estimated>| found.map(|found| Mean::of(&found));
    let discrete = problem.spacing() > 0.0;
    let path = HeldOutPath {
        rows: on.len(),
        // The density at the levels themselves is no fair number for discrete data.
        log_prob: if discrete { None } else { nats(probed(&states, &noise))? },
        bound: if discrete { None } else { nats(bounded(&states, &noise))? },
        bits: bits(bits_by_estimate(&problem, &states, seed, probed)?),
        bits_bound: bits(bits_by_estimate(&problem, &states, seed, bounded)?),
    };
    let known = [path.log_prob, path.bound, path.bits, path.bits_bound].iter().any(Option::is_some);
    Ok(known.then_some(path))
}
