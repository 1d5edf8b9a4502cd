//! The theory of the adversarial game, by quadrature in f64.

use std::f64::consts::LN_2;
use transport_core::device::{Space, select};
use transport_core::law::{Gaussian, Mixture};
use transport_models::gan::{Divergence, Game};
use transport_sde::fokker_planck::{Axis, Mesh};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

fn line() -> Mesh {
    Mesh::new(vec![Axis::new(-12.0, 12.0, 8000)]).unwrap()
}

fn two_modes() -> Mixture {
    let modes = vec![Gaussian::isotropic(vec![-1.5], 0.5), Gaussian::isotropic(vec![1.0], 0.8)];
    Mixture::new(vec![0.4, 0.6], modes).unwrap()
}

/// A mixture against a mixture on the line, and one against a Gaussian in the plane.
fn games() -> Vec<Game> {
    let other = Mixture::new(
        vec![0.7, 0.3],
        vec![Gaussian::isotropic(vec![-0.5], 1.0), Gaussian::isotropic(vec![2.0], 0.6)],
    )
    .unwrap();
    let plane = Mesh::new(vec![Axis::new(-9.0, 9.0, 400); 2]).unwrap();
    let (ring, wide) = (Mixture::circle(5, 1.5, 0.4), Gaussian::isotropic(vec![0.1, 0.0], 1.3));
    vec![
        Game::new(&two_modes(), &other, &line(), &space()),
        Game::new(&ring, &wide, &plane, &space()),
    ]
}

#[test]
fn the_best_critic_sees_the_jensen_shannon_divergence() {
    for game in games() {
        let (p, q) = game.masses();
        assert!((p - 1.0).abs() < 1e-9 && (q - 1.0).abs() < 1e-9);
        let best = game.optimum();
        let value = game.value(&best);
        let theory = -2.0 * LN_2 + 2.0 * game.jensen_shannon();
        assert!((value - theory).abs() < 1e-10, "{value} against {theory}");
        // Any other critic sees less.
        for change in [|t: f64| 0.5 * t, |t: f64| t + 0.1, |t: f64| 1.2 * t - 0.3, |_| 0.0] {
            let worse: Vec<f64> = best.iter().map(|t| change(*t)).collect();
            assert!(game.value(&worse) < value - 1e-4);
        }
    }
}

#[test]
fn equal_laws_leave_minus_log_four() {
    let game = Game::new(&two_modes(), &two_modes(), &line(), &space());
    assert!((game.value(&game.optimum()) + 4f64.ln()).abs() < 1e-10);
    assert!(game.jensen_shannon().abs() < 1e-12);
    assert!(Divergence::ALL.iter().all(|f| game.divergence(*f).abs() < 1e-10));
}

/// `sup_v E_P g(v) − E_Q f*(g(v)) = D_f`, attained at `g(v) = f′(p/q)` and nowhere exceeded.
#[test]
fn the_variational_form_attains_every_f_divergence() {
    let game = games().swap_remove(0);
    for f in Divergence::ALL {
        let exact = game.divergence(f);
        let v: Vec<f64> = game.optimum().iter().map(|r| f.optimum(*r)).collect();
        let bound = game.bound(f, &v, &space());
        assert!((bound - exact).abs() < 1e-9, "{f:?}: {bound} against {exact}");
        for change in [|v: f64| 0.8 * v, |v: f64| v + 0.2, |v: f64| v - 0.2] {
            let finite = |v: f64| v.clamp(-3.0, 3.0);
            let other: Vec<f64> = v.iter().map(|v| change(finite(*v))).collect();
            assert!(game.bound(f, &other, &space()) < exact - 1e-6, "{f:?}");
        }
    }
    assert!(
        (game.divergence(Divergence::JensenShannon) - 2.0 * game.jensen_shannon()).abs() < 1e-10
    );
}

/// Closed forms between `N(0, 1)` and `N(m, s²)`: KL in both directions, the squared Hellinger
/// distance and Pearson's χ².
#[test]
fn divergences_of_gaussians_are_the_closed_forms() {
    let (m, s) = (0.7f64, 1.3f64);
    let (p, q) = (Gaussian::isotropic(vec![0.0], 1.0), Gaussian::isotropic(vec![m], s));
    let game = Game::new(&p, &q, &line(), &space());
    let kl = s.ln() + (1.0 + m * m) / (2.0 * s * s) - 0.5;
    let reverse = -s.ln() + 0.5 * (s * s + m * m) - 0.5;
    let overlap = (2.0 * s / (1.0 + s * s)).sqrt() * (-0.25 * m * m / (1.0 + s * s)).exp();
    // ∫ p²/q: a Gaussian integral with precision 2 − 1/s².
    let precision = 2.0 - 1.0 / (s * s);
    let peak = m * m / (2.0 * s * s) + m * m / (2.0 * s.powi(4) * precision);
    let chi = s / precision.sqrt() * peak.exp() - 1.0;
    for (f, exact) in [
        (Divergence::Kl, kl),
        (Divergence::ReverseKl, reverse),
        (Divergence::Hellinger, 2.0 - 2.0 * overlap),
        (Divergence::Pearson, chi),
    ] {
        let got = game.divergence(f);
        assert!((got - exact).abs() < 1e-9, "{f:?}: {got} against {exact}");
    }
}

/// A narrow and a wide Gaussian, whose ratio vanishes and overflows on the mesh.
#[test]
fn far_tails_weigh_nothing() {
    let (p, q) = (Gaussian::isotropic(vec![0.0], 0.25), Gaussian::standard(1));
    let game = Game::new(&p, &q, &line(), &space());
    let kl = |a: f64, b: f64| 0.5 * (a / b - 1.0 - (a / b).ln());
    for (f, exact) in [(Divergence::Kl, kl(0.0625, 1.0)), (Divergence::ReverseKl, kl(1.0, 0.0625))]
    {
        assert!((game.divergence(f) - exact).abs() < 1e-6, "{f:?}: {}", game.divergence(f));
    }
    let best = game.value(&game.optimum());
    assert!((best + 2.0 * 2f64.ln() - 2.0 * game.jensen_shannon()).abs() < 1e-10, "{best}");
    for f in Divergence::ALL {
        assert!(game.divergence(f).is_finite(), "{f:?}");
    }
}
