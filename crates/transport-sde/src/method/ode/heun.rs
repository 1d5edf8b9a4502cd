//! Heun's method: the explicit trapezoidal rule.

use super::runge_kutta::{Embedded, RungeKutta};
use super::tableau::{Dense, Estimate, Tableau};

/// Order 2, two evaluations; Euler's method is embedded.
///
/// ```text
/// k₁ = v(x, t),   k₂ = v(x + h k₁, t + h),   x(t+h) = x + ½ h (k₁ + k₂)
/// ```
///
/// # References
/// Hairer, Nørsett & Wanner (1993), §II.1.
/// # Checked by
/// `tests/it/ode_orders.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Heun;

impl RungeKutta for Heun {
    const TABLEAU: Tableau =
        Tableau { order: 2, c: &[0.0, 1.0], a: &[&[], &[1.0]], b: &[0.5, 0.5] };
    // Hermite's cubic between ends of order 2.
    const DENSE: Dense = Dense { order: 2, ..Dense::HERMITE };
}

impl Embedded for Heun {
    const ESTIMATE: Estimate = Estimate { orders: &[1], rows: &[&[-0.5, 0.5]] };
}
