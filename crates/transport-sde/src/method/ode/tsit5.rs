//! Tsitouras 5(4).

use super::runge_kutta::{Embedded, RungeKutta};
use super::tableau::{Dense, Estimate, Tableau};

/// Order 5, six evaluations, with an embedded method of order 4 that reads the next step's first
/// stage, and a continuous extension of order 4: [`Dopri5`](super::Dopri5)'s shape with smaller
/// error constants.
///
/// # References
/// Tsitouras (2011), "Runge–Kutta pairs of order 5(4) satisfying only the first column
/// simplifying assumption", Comput. Math. Appl. 62, 770.
/// # Checked by
/// `tests/it/ode_orders.rs`, `tests/it/ode_reference.rs`
#[derive(Clone, Copy, Debug, Default)]
pub struct Tsit5;

impl RungeKutta for Tsit5 {
    const TABLEAU: Tableau = Tableau {
        order: 5,
        c: &[0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0],
        a: &[
            &[],
            &[0.161],
            &[-0.008480655492356989, 0.335480655492357],
            &[2.8971530571054935, -6.359448489975075, 4.3622954328695815],
            &[5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
            &[
                5.86145544294642,
                -12.92096931784711,
                8.159367898576159,
                -0.071584973281401,
                -0.028269050394068383,
            ],
        ],
        b: &[
            0.09646076681806523,
            0.01,
            0.4798896504144996,
            1.379008574103742,
            -3.290069515436081,
            2.324710524099774,
        ],
    };
    // The θ⁴ coefficients of the paper's interpolant; its lower ones are Hermite's.
    const DENSE: Dense = Dense {
        order: 4,
        c: &[],
        a: &[],
        d: &[&[
            -1.0530884977290216,
            0.1017,
            2.490627285651253,
            -16.548102889244902,
            47.37952196281928,
            -34.87065786149661,
            2.5,
        ]],
    };
}

impl Embedded for Tsit5 {
    const ESTIMATE: Estimate = Estimate {
        orders: &[4],
        rows: &[&[
            0.0017800110522257714,
            0.0008164344596567469,
            -0.007880878010261995,
            0.1447110071732629,
            -0.5823571654525552,
            0.45808210592918697,
            -0.015151515151515152,
        ]],
    };
}
