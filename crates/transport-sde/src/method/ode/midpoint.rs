//! The explicit midpoint rule.

use super::runge_kutta::RungeKutta;
use super::tableau::{Dense, Tableau};

/// Order 2, two evaluations.
///
/// ```text
/// k₁ = v(x, t),   x(t+h) = x + h v(x + ½ h k₁, t + ½ h)
/// ```
///
/// # References
/// Runge (1895); Hairer, Nørsett & Wanner (1993), §II.1.
/// # Checked by
/// `tests/it/ode_orders.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Midpoint;

impl RungeKutta for Midpoint {
    const TABLEAU: Tableau =
        Tableau { order: 2, c: &[0.0, 0.5], a: &[&[], &[0.5]], b: &[0.0, 1.0] };
    const DENSE: Dense = Dense { order: 2, ..Dense::HERMITE };
}
