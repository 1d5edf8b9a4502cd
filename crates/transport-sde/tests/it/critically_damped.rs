//! The closed form of critically damped Langevin against its moment equations, its composition and
//! its simulation.

use crate::carried::{critically_damped, furthest, in_chunks};
use crate::space;
use transport_core::Noise;
use transport_core::law::Law;
use transport_core::process::CriticallyDamped;
use transport_sde::drive;
use transport_sde::method::SdeStepper;
use transport_sde::method::sde::StochasticHeun;

fn processes() -> [CriticallyDamped; 2] {
    let ramp = CriticallyDamped { beta_min: 0.5, beta_max: 6.0, mass: 1.7, gamma: 0.3 };
    [CriticallyDamped::default(), ramp]
}

type Square = [[f64; 2]; 2];

fn product(a: Square, b: Square) -> Square {
    let entry = |i: usize, j: usize| a[i][0] * b[0][j] + a[i][1] * b[1][j];
    [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]]
}

fn transposed(a: Square) -> Square {
    [[a[0][0], a[1][0]], [a[0][1], a[1][1]]]
}

fn plus(a: Square, b: Square, h: f64) -> Square {
    [[a[0][0] + h * b[0][0], a[0][1] + h * b[0][1]], [a[1][0] + h * b[1][0], a[1][1] + h * b[1][1]]]
}

fn gap(a: Square, b: Square) -> f64 {
    plus(a, b, -1.0).concat().into_iter().fold(0.0, |m, v| v.abs().max(m))
}

/// `E′ = A E`, `Q′ = A Q + Q Aᵀ + 2Γβ diag(0, 1)` by RK4 with 4000 steps.
fn by_quadrature(process: &CriticallyDamped, end: f64) -> (Square, Square) {
    let slope = |s: f64, e: Square, q: Square| {
        let beta = process.beta(s);
        let pull = process.friction() / process.mass;
        let a = [[0.0, beta / process.mass], [-beta, -beta * pull]];
        let spread = plus(product(a, q), product(q, transposed(a)), 1.0);
        let noise = [[0.0, 0.0], [0.0, 2.0 * process.friction() * beta]];
        (product(a, e), plus(spread, noise, 1.0))
    };
    let (steps, mut e, mut q) = (4000, [[1.0, 0.0], [0.0, 1.0]], [[0.0; 2]; 2]);
    let h = end / f64::from(steps);
    for k in 0..steps {
        let s = f64::from(k) * h;
        let k1 = slope(s, e, q);
        let k2 = slope(s + 0.5 * h, plus(e, k1.0, 0.5 * h), plus(q, k1.1, 0.5 * h));
        let k3 = slope(s + 0.5 * h, plus(e, k2.0, 0.5 * h), plus(q, k2.1, 0.5 * h));
        let k4 = slope(s + h, plus(e, k3.0, h), plus(q, k3.1, h));
        for (k, weight) in [(k1, 1.0), (k2, 2.0), (k3, 2.0), (k4, 1.0)] {
            e = plus(e, k.0, weight * h / 6.0);
            q = plus(q, k.1, weight * h / 6.0);
        }
    }
    (e, q)
}

#[test]
fn the_closed_form_solves_the_moment_equations() {
    for process in processes() {
        for end in [0.02, 0.1, 0.4, 1.0] {
            let (e, q) = by_quadrature(&process, end);
            let exact = process.transition(0.0, end);
            assert!(gap(exact.mean, e) < 1e-10, "{process:?} at {end}: {exact:?}, {e:?}");
            assert!(gap(exact.covariance, q) < 1e-10, "{process:?} at {end}: {exact:?}, {q:?}");
            let start = [[0.0, 0.0], [0.0, process.gamma * process.mass]];
            let spread = product(product(e, start), transposed(e));
            let marginal = process.marginal(end).covariance;
            assert!(gap(marginal, plus(spread, q, 1.0)) < 1e-10, "{process:?} at {end}");
        }
    }
}

#[test]
fn transitions_compose() {
    for process in processes() {
        let (a, b) = (process.transition(0.1, 0.35), process.transition(0.35, 0.9));
        let both = process.transition(0.1, 0.9);
        let spread = product(product(b.mean, a.covariance), transposed(b.mean));
        assert!(gap(both.mean, product(b.mean, a.mean)) < 1e-14);
        assert!(gap(both.covariance, plus(spread, b.covariance, 1.0)) < 1e-14);
    }
}

/// Q_xx ≈ y³/6 for small y, to nine digits at y = 10⁻⁹, where 1 − (…) would leave none; and the
/// two branches of its formula meet at y = 1.
#[test]
fn small_steps_keep_their_digits() {
    let process = CriticallyDamped::default();
    let at = |y: f64| process.transition(0.0, y / 16.0).covariance;
    assert!((at(1e-9)[0][0] / (1e-27 / 6.0) - 1.0).abs() < 1e-8);
    let (below, above) = (at(1.0 - 1e-9)[0][0], at(1.0 + 1e-9)[0][0]);
    // Its slope at y = 1 is e⁻¹/2.
    assert!((above - below - 1e-9 * (-1f64).exp()).abs() < 1e-14, "{below}, {above}");
}

/// 10⁵ paths of the SDE from the data's joint law: six statistics within four standard errors.
#[test]
fn simulation_has_the_exact_law() {
    for process in processes() {
        let case = critically_damped("CLD", process);
        let end = 0.3;
        let grid = transport_sde::Grid::uniform(transport_core::Interval { start: 0.0, end }, 100);
        let (grid, start) = (grid.unwrap(), case.law_at(0.0));
        let points = in_chunks(&Noise::new(61, 100_000), |noise| {
            let z = start.sample(&noise.purpose("start"), &space());
            let mut stepper = SdeStepper::<StochasticHeun>::new(&process, noise);
            drive(&mut stepper, z, &grid, |_, _, _| {}).unwrap()
        });
        let (z, which) = furthest(&points, &case.law_at(end));
        assert!(z.abs() < 4.0, "{process:?}: {which} at {z:+.2} standard errors");
    }
}
