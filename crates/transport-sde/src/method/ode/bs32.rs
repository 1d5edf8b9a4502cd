//! Bogacki–Shampine 3(2).

use super::runge_kutta::{Embedded, RungeKutta};
use super::tableau::{Estimate, Tableau};

/// Order 3, three evaluations, with an embedded method of order 2 that reads the next step's
/// first stage. Between its ends a step is interpolated by Hermite's cubic.
///
/// # References
/// Bogacki & Shampine (1989), "A 3(2) pair of Runge–Kutta formulas", Appl. Math. Lett. 2, 321.
/// # Checked by
/// `tests/it/ode_orders.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Bs32;

impl RungeKutta for Bs32 {
    const TABLEAU: Tableau = Tableau {
        order: 3,
        c: &[0.0, 0.5, 0.75],
        a: &[&[], &[0.5], &[0.0, 0.75]],
        b: &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0],
    };
}

impl Embedded for Bs32 {
    const ESTIMATE: Estimate = Estimate {
        orders: &[2],
        rows: &[&[
            2.0 / 9.0 - 7.0 / 24.0,
            1.0 / 3.0 - 1.0 / 4.0,
            4.0 / 9.0 - 1.0 / 3.0,
            -1.0 / 8.0,
        ]],
    };
}
