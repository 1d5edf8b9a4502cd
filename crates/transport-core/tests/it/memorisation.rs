//! The excess loss on a denoiser that memorises and on one that knows the law.

use transport_core::law::{Empirical, Gaussian, OracleFlow, PointLaw, excess_loss};
use transport_core::process::Vp;
use transport_core::schedule::Noising;
use transport_core::{Noise, Schedule, Space, device};

fn rows(n: usize) -> Empirical {
    let law = Gaussian::standard(2);
    Empirical::new(law.draws(&Noise::new(0, n)), 2).unwrap()
}

#[test]
fn the_noised_rows_have_no_excess_and_the_law_behind_them_has() {
    let (rows, schedule) = (rows(200), Noising::new(Vp::default()));
    let space = Space::f64(&device::select(None).unwrap());
    let (noise, times) = (Noise::new(1, 4000), [0.3, 0.9, 0.995]);
    let memory = OracleFlow { law: rows.clone(), schedule };
    for found in excess_loss(&memory, &rows, &times, &noise, &space) {
        assert!(found.excess == 0.0 && found.memorised() == 1.0, "{found:?}");
    }
    let knowing = OracleFlow { law: Gaussian::standard(2), schedule };
    let found = excess_loss(&knowing, &rows, &times, &noise, &space);
    // Under heavy noise both know the same; near the rows the memory knows which row it was.
    assert!(found[0].memorised() > 0.95, "{:?}", found[0]);
    assert!(found[2].memorised() < 0.2, "{:?}", found[2]);
    // E‖x₀ − σ x‖²/d = 1 − σ² + …: for N(0, I) the loss is α² in each coordinate, whatever the
    // rows but for their sample moments (200 rows: 10 %, five standard errors of the 8000 draws).
    let alpha = schedule.at(0.3).alpha;
    let loss = found[0].optimum + found[0].excess;
    assert!((loss - alpha * alpha).abs() < 0.15 * alpha * alpha + 0.02, "{loss} {alpha}");
}
