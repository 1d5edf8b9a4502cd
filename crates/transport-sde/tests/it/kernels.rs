//! A transport as a Markov kernel: one x, many outputs, against the exact conditional law.

use crate::space;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, OracleFlow};
use transport_core::process::{LinearSde, Vp};
use transport_core::schedule::{Noising, Schedule};
use transport_core::testkit::draws_are_normal;
use transport_core::{Interval, Noise, PushForward};
use transport_sde::dynamics::Epsilon;
use transport_sde::{Family, Forward, Grid, SdeFlow, Solver};

const DRAWS: usize = 10_000;

/// A solver's kernel of the forward process is `N(a x, b² I)`.
#[test]
fn forward_steps_are_the_conditional() {
    let vp = Vp::default();
    let grid = Grid::uniform(Interval { start: 0.2, end: 0.5 }, 800).unwrap();
    let flow = SdeFlow { sde: Forward(vp), grid, solver: Solver::EulerMaruyama };
    let draws = to_host(flow.draws_at(space().tensor(vec![1.4], [1, 1]), &Noise::new(61, DRAWS)));
    let exact = vp.transition(0.2, 0.5);
    draws_are_normal(&draws, 1.4 * exact.scale, exact.std).unwrap();
}

/// Anderson's reversal is more than its marginals: given x at t its output is the posterior of the
/// data. For data N(m, v) and x = α x₁ + σ x₀ that is
///
/// ```text
/// x₁ | x ~ N(m + v α (x − α m)/(α² v + σ²), v σ²/(α² v + σ²))
/// ```
///
/// Another member of the family, with the same marginals, has another kernel and is rejected.
#[test]
fn the_reversal_is_a_kernel_with_the_exact_posterior() {
    let (m, v, x) = (0.6, 0.5, 0.9);
    let schedule = Noising { process: Vp::default(), start: 1e-6, end: 1.0 };
    let law = Gaussian::new(vec![m], vec![v]).unwrap();
    let interval = Interval { start: 0.75, end: 1.0 - 1e-6 };
    let c = schedule.at(interval.start);
    let total = c.alpha * c.alpha * v + c.sigma * c.sigma;
    let mean = m + v * c.alpha * (x - c.alpha * m) / total;
    let std = (v * c.sigma * c.sigma / total).sqrt();
    let judge = |epsilon| {
        let field = OracleFlow { law: law.clone(), schedule };
        let sde = Family { field, schedule, epsilon };
        let grid = Grid::uniform(interval, 800).unwrap();
        let flow = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
        let noise = Noise::new(62, DRAWS);
        let draws = to_host(flow.draws_at(space().tensor(vec![x], [1, 1]), &noise));
        draws_are_normal(&draws, mean, std)
    };
    judge(Epsilon::Reversal(1.0)).unwrap();
    assert!(judge(Epsilon::Reversal(0.5)).is_err(), "half the noise keeps more of x");
    assert!(judge(Epsilon::Reversal(2.0)).is_err());
}
