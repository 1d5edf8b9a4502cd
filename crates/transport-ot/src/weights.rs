//! The weights of a discrete measure, `μ = Σᵢ aᵢ δ_{xᵢ}`.

use crate::error::OtError;

/// The relative difference up to which two masses count as equal.
pub const BALANCE: f64 = 1e-9;

/// Equal weights that sum to one.
///
/// # Example
/// ```
/// assert_eq!(transport_ot::weights::uniform(4), [0.25; 4]);
/// ```
#[must_use]
pub fn uniform(n: usize) -> Vec<f64> {
    vec![1.0 / n as f64; n]
}

/// Checks the weights of one side and returns their sum.
pub(crate) fn mass(weights: &[f64], points: usize, side: &'static str) -> Result<f64, OtError> {
    if points == 0 {
        return Err(OtError::TooFewPoints { side, points, needed: 1 });
    }
    if weights.len() != points {
        let what = match side {
            "source" => "weights of the source",
            "target" => "weights of the target",
            _ => "weights of the measures",
        };
        return Err(OtError::Size { what, expected: points, found: weights.len() });
    }
    if let Some(index) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(OtError::Weight { side, index, value: weights[index] });
    }
    let total = weights.iter().sum::<f64>();
    match total {
        _ if total.is_infinite() => Err(OtError::Overflow { side }),
        _ if total > 0.0 => Ok(total),
        _ => Err(OtError::NoMass { side }),
    }
}

/// Checks both sides of a balanced problem and returns the common mass.
pub(crate) fn balanced(a: &[f64], b: &[f64], shape: [usize; 2]) -> Result<f64, OtError> {
    let (source_mass, target_mass) = (mass(a, shape[0], "source")?, mass(b, shape[1], "target")?);
    if (source_mass - target_mass).abs() > BALANCE * source_mass.max(target_mass) {
        return Err(OtError::Unbalanced { source_mass, target_mass });
    }
    Ok(source_mass)
}

/// Checks that a parameter is a positive finite number.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), OtError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(OtError::Parameter { name, value, allowed: "a positive finite number belongs here" })
}
