//! Entropy production.

use super::current::{CurrentVelocity, mean_force};
use super::energy::trapezoid;
use super::{Estimate, FokkerPlanckError};
use crate::dynamics::{Diffusion, Sde};
use burn::tensor::Tensor;
use transport_core::linalg::{cholesky, gram, invert_lower};
use transport_core::{Field, Space, Times, Trajectory, device::to_host};

/// Rates of entropy production at points, in nats per unit of the SDE's clock, whose means under
/// `q_t` are the rates of the ensemble.
///
/// With `D = ½Σ`, `F = a − ½∇·Σ`, `s = ∇ log q` and `v = F − D s`,
///
/// ```text
/// total   vᵀ D⁻¹ v  ≥ 0           mean: Ṡ_tot = ∫ jᵀ D⁻¹ j / q
/// system  −v·s                    mean: d/dt of −∫ q log q
/// medium  vᵀ D⁻¹ F                mean: heat given off, over the temperature
/// total = system + medium, point by point
/// ```
///
/// For `F = −∇V`, `D = ½g²` the total is `½g² E‖∇log q − ∇log q_∞‖² = −d/dt KL(q‖q_∞)` with
/// `q_∞ ∝ exp(−2V/g²)`. All variables are even under time reversal: noise in every direction, no
/// velocities among the coordinates.
///
/// # References
/// Seifert (2005), PRL 95, 040602; Seifert (2012), Rep. Prog. Phys. 75, 126001, §2.
#[derive(Clone, Debug)]
pub struct EntropyRates {
    /// `vᵀ D⁻¹ v`, `[n]`.
    pub total: Tensor<1>,
    /// `−v·s`, `[n]`.
    pub system: Tensor<1>,
    /// `vᵀ D⁻¹ F`, `[n]`.
    pub medium: Tensor<1>,
}

/// The rates at `x` for an exact or learned score.
///
/// # Errors
/// [`FokkerPlanckError::Degenerate`] where `Σ` is singular.
///
/// # Shapes
/// `x`: `[n, d]`.
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
pub fn entropy_rates(
    sde: &dyn Sde,
    score: &dyn Field,
    x: &Tensor<2>,
    t: f64,
) -> Result<EntropyRates, FokkerPlanckError> {
    let at = Times::Same(t);
    let velocity = CurrentVelocity { sde, score }.eval(x.clone(), at);
    let force = mean_force(sde, x.clone(), at);
    let thrust = solve_half_sigma(sde.diffusion(x, at), velocity.clone(), t)?;
    let score = score.eval(x.clone(), at);
    Ok(EntropyRates {
        total: dot(velocity.clone(), thrust.clone()),
        system: dot(velocity, score).neg(),
        medium: dot(force, thrust),
    })
}

/// The house-keeping (adiabatic) part `v_∞ᵀ D⁻¹ v_∞` of the total, with `v_∞` the velocity under
/// the law that would be stationary if the coefficients stayed as they are at `t`; zero where
/// detailed balance holds. The rest of the mean total is the excess, `−d/dt KL(q‖q_∞)` when the
/// coefficients do stay.
///
/// # Errors
/// [`FokkerPlanckError::Degenerate`] where `Σ` is singular.
///
/// # Shapes
/// `x`: `[n, d]`; returns `[n]`.
/// # References
/// Hatano & Sasa (2001); Speck & Seifert (2005); Esposito & Van den Broeck (2010).
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
pub fn house_keeping(
    sde: &dyn Sde,
    stationary_score: &dyn Field,
    x: &Tensor<2>,
    t: f64,
) -> Result<Tensor<1>, FokkerPlanckError> {
    Ok(entropy_rates(sde, stationary_score, x, t)?.total)
}

/// Entropy produced along particles, over the whole of their clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EntropyProduction {
    /// `∫ E[vᵀ D⁻¹ v] dt`.
    pub total: Estimate,
    /// The change of the law's own entropy.
    pub system: Estimate,
    /// What went to the medium.
    pub medium: Estimate,
}

/// `∫ … dt` of [`entropy_rates`] along particles that follow the law, by the trapezoidal rule over
/// the knots, with standard errors over paths.
///
/// # Errors
/// [`FokkerPlanckError::Degenerate`] where `Σ` is singular.
///
/// # Checked by
/// `tests/it/fokker_planck_energy.rs`
pub fn entropy_production(
    sde: &dyn Sde,
    score: &dyn Field,
    path: &Trajectory,
) -> Result<EntropyProduction, FokkerPlanckError> {
    let knots = path.states.iter().zip(&path.times);
    let rates: Vec<EntropyRates> =
        knots.map(|(x, t)| entropy_rates(sde, score, x, *t)).collect::<Result<_, _>>()?;
    let integral = |read: fn(&EntropyRates) -> &Tensor<1>| {
        Estimate::of(&trapezoid(&path.times, |k| read(&rates[k]).clone()))
    };
    Ok(EntropyProduction {
        total: integral(|r| &r.total),
        system: integral(|r| &r.system),
        medium: integral(|r| &r.medium),
    })
}

fn dot(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    (a * b).sum_dim(1).squeeze_dim(1)
}

/// `(½ b bᵀ)⁻¹ w`, row by row.
fn solve_half_sigma(b: Diffusion, w: Tensor<2>, t: f64) -> Result<Tensor<2>, FokkerPlanckError> {
    let [n, d] = w.dims();
    let half = match b {
        Diffusion::Scalar(0.0) => return Err(FokkerPlanckError::Degenerate { row: 0, t }),
        Diffusion::Scalar(b) => return Ok(w.div_scalar(0.5 * b * b)),
        Diffusion::Diagonal(b) => {
            let b = b.expand([n, d]);
            if let Some(k) = to_host(b.clone()).iter().position(|b| *b == 0.0) {
                return Err(FokkerPlanckError::Degenerate { row: (k - k % d) / d, t });
            }
            return Ok(w / b.powi_scalar(2).mul_scalar(0.5));
        }
        Diffusion::Matrix(b) => to_host(b.clone().matmul(b.transpose()).mul_scalar(0.5)),
    };
    let mut inverse = Vec::with_capacity(half.len());
    for (row, matrix) in half.chunks_exact(d * d).enumerate() {
        let lower = cholesky(matrix, d).map_err(|_| FokkerPlanckError::Degenerate { row, t })?;
        inverse.extend(gram(&invert_lower(&lower, d), d));
    }
    let inverse: Tensor<3> = Space::of(&w).tensor(inverse, [n, d, d]);
    Ok(inverse.matmul(w.unsqueeze_dim(2)).squeeze_dim(2))
}
