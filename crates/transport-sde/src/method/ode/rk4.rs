//! The classical Runge–Kutta method.

use super::runge_kutta::RungeKutta;
use super::tableau::Tableau;

/// Order 4, four evaluations.
///
/// ```text
/// x(t+h) = x + h (k₁ + 2 k₂ + 2 k₃ + k₄)/6
/// ```
///
/// # References
/// Kutta (1901); Hairer, Nørsett & Wanner (1993), table II.1.2.
/// # Checked by
/// `tests/it/ode_orders.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Rk4;

impl RungeKutta for Rk4 {
    const TABLEAU: Tableau = Tableau {
        order: 4,
        c: &[0.0, 0.5, 0.5, 1.0],
        a: &[&[], &[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
        b: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
    };
}
