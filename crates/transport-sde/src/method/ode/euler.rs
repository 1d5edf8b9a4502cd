//! Euler's method.

use super::runge_kutta::RungeKutta;
use super::tableau::{Dense, Tableau};

/// `x(t+h) = x + h v(x, t)`: order 1, one evaluation.
///
/// # Checked by
/// `tests/it/ode_orders.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Euler;

impl RungeKutta for Euler {
    const TABLEAU: Tableau = Tableau { order: 1, c: &[0.0], a: &[&[]], b: &[1.0] };
    const DENSE: Dense = Dense { order: 1, ..Dense::HERMITE };
}
