//! Dormand–Prince 5(4).

use super::runge_kutta::{Embedded, RungeKutta};
use super::tableau::{Dense, Estimate, Tableau};

/// Order 5, six evaluations, with an embedded method of order 4 that reads the next step's first
/// stage, and a continuous extension of order 4.
///
/// # References
/// Dormand & Prince (1980), "A family of embedded Runge–Kutta formulae", J. Comp. Appl. Math. 6,
/// 19; Hairer, Nørsett & Wanner (1993), table II.5.2 and §II.6 (Shampine's extension).
/// # Checked by
/// `tests/it/ode_orders.rs`, `tests/it/ode_reference.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Dopri5;

impl RungeKutta for Dopri5 {
    const TABLEAU: Tableau = Tableau {
        order: 5,
        c: &[0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0],
        a: &[
            &[],
            &[1.0 / 5.0],
            &[3.0 / 40.0, 9.0 / 40.0],
            &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
            &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
            &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        ],
        b: &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    };
    const DENSE: Dense = Dense {
        order: 4,
        c: &[],
        a: &[],
        d: &[&[
            -12715105075.0 / 11282082432.0,
            0.0,
            87487479700.0 / 32700410799.0,
            -10690763975.0 / 1880347072.0,
            701980252875.0 / 199316789632.0,
            -1453857185.0 / 822651844.0,
            69997945.0 / 29380423.0,
        ]],
    };
}

impl Embedded for Dopri5 {
    const ESTIMATE: Estimate = Estimate {
        orders: &[4],
        rows: &[&[
            71.0 / 57600.0,
            0.0,
            -71.0 / 16695.0,
            71.0 / 1920.0,
            -17253.0 / 339200.0,
            22.0 / 525.0,
            -1.0 / 40.0,
        ]],
    };
}
