//! The densities that samplers can be pointed at, by name.

use crate::error::{self, CliError};
use transport_core::law::{Banana, Density, Funnel, Gaussian, Mixture, plane};
use transport_sde::langevin::{LogDensity, Smoothed, Target};

/// What `--target` can name.
pub(crate) const NAMES: [&str; 8] = [
    "gaussian",
    "mixture",
    "8gaussians",
    "banana",
    "funnel",
    "neal-funnel",
    "rings",
    "checkerboard",
];

/// The density of that name in `dim` dimensions, which is positive and smooth everywhere: what a flow
/// can be fitted to.
pub(crate) fn everywhere(name: &str, dim: usize) -> Result<Box<dyn Density>, CliError> {
    if name == "checkerboard" {
        let known: Vec<&str> = NAMES.into_iter().filter(|known| *known != name).collect();
        return Err(CliError::Usage(format!(
            "`{name}` is 0 outside of its squares, where no flow has a finite divergence from it. \
             Targets: {}",
            known.join(", ")
        )));
    }
    density(name, dim)
}

/// The density of that name in `dim` dimensions, in closed form and normalised.
fn density(name: &str, dim: usize) -> Result<Box<dyn Density>, CliError> {
    if dim < 2 {
        return Err(CliError::Usage(format!("--dim is {dim}: at least 2")));
    }
    if dim > 2 && !["banana", "funnel", "neal-funnel"].contains(&name) && NAMES.contains(&name) {
        return Err(CliError::Usage(format!(
            "`{name}` is a law of the plane: --dim goes with banana, funnel and neal-funnel"
        )));
    }
    if let Some(mixture) = blurrable(name) {
        return Ok(Box::new(mixture));
    }
    Ok(match name {
        "banana" => Box::new(Banana::haario(dim)),
        "funnel" => Box::new(Funnel { dim, ..Funnel::default() }),
        "neal-funnel" => Box::new(Funnel::neal(dim)),
        "rings" => Box::new(plane::Rings::default()),
        "checkerboard" => Box::new(plane::Checkerboard),
        _ => return Err(unknown(name)),
    })
}

/// The density of that name.
pub(crate) fn target(name: &str) -> Result<Box<dyn Target>, CliError> {
    if let Some(mixture) = blurrable(name) {
        return Ok(Box::new(mixture));
    }
    Ok(match name {
        "banana" => Box::new(Banana::default()),
        "funnel" => Box::new(Funnel::default()),
        "neal-funnel" => Box::new(Funnel::neal(2)),
        "rings" => by_tape(plane::Rings::default()),
        "checkerboard" => by_tape(plane::Checkerboard),
        _ => return Err(unknown(name)),
    })
}

/// The same law at several noise levels, where its noised version is known.
pub(crate) fn ladder(name: &str, sigmas: Vec<f64>) -> Result<Smoothed<Mixture>, CliError> {
    let law = blurrable(name).ok_or_else(|| match target(name) {
        Ok(_) => CliError::Usage(format!(
            "`{name}` has no noised version in closed form, which annealed needs: tempered works \
             on the density alone. Annealed knows gaussian, mixture, 8gaussians"
        )),
        Err(error) => error,
    })?;
    Ok(Smoothed { law, sigmas })
}

/// The laws that stay in closed form under noise.
fn blurrable(name: &str) -> Option<Mixture> {
    let round = |x: f64, y: f64, std: f64| Gaussian::isotropic(vec![x, y], std);
    match name {
        "gaussian" => {
            let law = Gaussian::new(vec![0.0, 0.0], vec![1.0, 0.8, 0.8, 1.0]).ok()?;
            Mixture::new(vec![1.0], vec![law]).ok()
        }
        "mixture" => {
            let modes = vec![round(-3.0, 0.0, 0.5), round(3.0, 1.0, 0.8)];
            Mixture::new(vec![0.25, 0.75], modes).ok()
        }
        "8gaussians" => Some(Mixture::circle(8, 3.0, 0.2)),
        _ => None,
    }
}

fn by_tape(law: impl Density + 'static) -> Box<dyn Target> {
    Box::new(LogDensity::new(move |x| law.log_prob(x)))
}

fn unknown(name: &str) -> CliError {
    let known = NAMES.join(", ");
    if plane::NAMES.contains(&name) {
        return CliError::Usage(format!(
            "`{name}` is known by its samples only and has no density. Targets: {known}"
        ));
    }
    error::unknown("target", name, &NAMES)
}
