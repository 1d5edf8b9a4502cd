//! Markov kernels: many outputs for one input, against the exact conditional law.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Density, Gamma, Law, PointLaw, Score};
use transport_core::map::PushForward;
use transport_core::process::{
    Around, CondOt, DoubleWell, Edm, GaussianKernel, GeometricBrownian, LinearSde, NotFeller,
    OrnsteinUhlenbeck, SquareRoot, Transition, Vp,
};
use transport_core::testkit::{draws_are_normal, kolmogorov_distance, score_is_the_gradient};
use transport_core::{Noise, Trajectory};

const DRAWS: usize = 20_000;

fn column(x: &Tensor<2>, j: usize) -> Vec<f64> {
    to_host(x.clone().narrow(1, j, 1))
}

#[test]
fn draws_of_a_linear_kernel_follow_the_exact_conditional() {
    fn check(process: impl LinearSde, from: f64, to: f64) {
        let x = [1.5, -0.4];
        let kernel = process.transition(from, to);
        let draws = kernel.draws_at(space().tensor(x.to_vec(), [1, 2]), &Noise::new(31, DRAWS));
        assert_eq!(draws.dims(), [DRAWS, 2]);
        let law = kernel.law(&x);
        for j in 0..2 {
            let std = law.covariance()[3 * j].sqrt();
            draws_are_normal(&column(&draws, j), law.mean()[j], std)
                .unwrap_or_else(|e| panic!("{process:?}: {e}"));
        }
    }
    check(Vp::default(), 0.2, 0.5);
    check(Edm::default(), 1.0, 40.0);
    check(OrnsteinUhlenbeck::default(), 3.0, 4.5);
    check(CondOt, 0.3, 0.9);
}

/// A kernel whose noise is 3 % too large, or whose factor is that of the whole time instead of
/// the rest of it, is not the conditional law.
#[test]
fn wrong_kernels_are_rejected() {
    let (vp, noise) = (Vp::default(), Noise::new(31, DRAWS));
    let exact = vp.transition(0.3, 0.45);
    let x = space().tensor(vec![1.5], [1, 1]);
    let judge = |kernel: GaussianKernel| {
        let law = exact.law(&[1.5]);
        let draws = to_host(kernel.draws_at(x.clone(), &noise));
        draws_are_normal(&draws, law.mean()[0], law.covariance()[0].sqrt())
    };
    judge(exact).unwrap();
    assert!(judge(GaussianKernel { std: 1.03 * exact.std, ..exact }).is_err());
    assert!(judge(GaussianKernel { scale: vp.marginal(0.45).0, ..exact }).is_err());
    assert!(judge(GaussianKernel { std: vp.marginal(0.45).1, ..exact }).is_err());
}

/// The mean reached by a process around a point, from closed forms and from draws.
#[test]
fn a_process_around_a_point() {
    let process = OrnsteinUhlenbeck { theta: 0.7, sigma: 1.1, horizon: 9.0 };
    let around = Around { process, mean: vec![2.0, -1.0] };
    let (mean, variance) = around.moments(&[0.5, 0.5], &[0.0, 0.0], 0.0, 1.3);
    let x = space().tensor(vec![0.5, 0.5], [1, 2]).expand([DRAWS, 2]);
    let draws = around.advance(x, 0.0, 1.3, &Noise::new(7, DRAWS));
    for j in 0..2 {
        draws_are_normal(&column(&draws, j), mean[j], variance[j].sqrt()).unwrap();
    }
    let decay = (-0.7f64 * 1.3).exp();
    assert!((mean[0] - (2.0 - 1.5 * decay)).abs() < 1e-12);
    assert!((variance[1] - 1.21 / 1.4 * (1.0 - decay * decay)).abs() < 1e-12);
}

/// log X is Gaussian in each coordinate, with the correlation that was asked for.
#[test]
fn geometric_brownian_motion_is_log_normal() {
    let process = GeometricBrownian::new(0.3, 0.5, 0.6, 2).unwrap();
    assert!(!process.is_diagonal());
    let x = space().tensor(vec![2.0, 0.5], [1, 2]).expand([DRAWS, 2]);
    let draws = process.advance(x, 1.0, 3.0, &Noise::new(3, DRAWS)).log();
    let std = 0.5 * 2f64.sqrt();
    let drift = (0.3 - 0.125) * 2.0;
    for (j, start) in [2f64, 0.5].into_iter().enumerate() {
        draws_are_normal(&column(&draws, j), start.ln() + drift, std).unwrap();
    }
    // The sum of the two logarithms has variance 2 σ² t (1 + ρ).
    let sum = column(&draws.clone().sum_dim(1), 0);
    draws_are_normal(&sum, 2.0 * drift, std * (2.0f64 * 1.6).sqrt()).unwrap();
    assert!(draws_are_normal(&sum, 2.0 * drift, std * (2.0f64 * 1.5).sqrt()).is_err());
    assert!(GeometricBrownian::new(0.0, 1.0, -0.9, 3).is_err(), "ρ below −1/(d − 1)");
    // Moments: E X = x e^{μt}, E X² = x² e^{(2μ + σ²)t}.
    let (mean, variance) = process.moments(&[2.0], &[0.3], 0.0, 2.0);
    assert!((mean[0] - 2.0 * 0.6f64.exp()).abs() < 1e-12);
    let second = (0.3 + 4.0) * f64::exp(2.0 * (0.6 + 0.25));
    assert!((variance[0] - (second - mean[0] * mean[0])).abs() < 1e-9);
}

/// Conditional moments, the stationary law, and Chapman–Kolmogorov (one step of 1 against ten of
/// 0.1), for δ > 2 and for δ = 2, the edge of Feller's condition.
#[test]
fn the_square_root_process_has_its_moments_and_its_law() {
    for (kappa, theta, sigma) in [(1.5, 0.8, 0.6), (1.0, 0.5, 1.0)] {
        let process = SquareRoot::new(kappa, theta, sigma).unwrap();
        let start = |x: f64| space().tensor(vec![x], [1, 1]).expand([DRAWS, 1]);
        let noise = Noise::new(5, DRAWS);
        let once = to_host(process.advance(start(2.0), 0.0, 1.0, &noise));
        let (mean, variance) = process.moments(&[2.0], &[0.0], 0.0, 1.0);
        let ten = (0..10).fold(start(2.0), |x, k| {
            process.advance(
                x,
                0.1 * f64::from(k),
                0.1 * f64::from(k + 1),
                &noise.at_step(k as u64 + 1),
            )
        });
        for values in [once, to_host(ten)] {
            let m = values.iter().sum::<f64>() / DRAWS as f64;
            let v = values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / DRAWS as f64;
            let fourth = values.iter().map(|x| (x - m).powi(4)).sum::<f64>() / DRAWS as f64;
            let error = (variance[0] / DRAWS as f64).sqrt();
            assert!((m - mean[0]).abs() < 4.0 * error, "mean {m}, {mean:?} ± {error}");
            let error = ((fourth - v * v) / DRAWS as f64).sqrt();
            assert!((v - variance[0]).abs() < 4.0 * error, "variance {v}, {variance:?} ± {error}");
            assert!(values.iter().all(|x| *x > 0.0));
        }
        // From the stationary law to the stationary law, at a false-alarm rate of 1e-6.
        let law = process.stationary(1);
        let x = law.sample(&noise.purpose("start"), &space());
        let later = to_host(process.advance(x, 0.0, 0.7, &noise.purpose("later")));
        let distance = kolmogorov_distance(&later, |x| gamma_cdf(&law, x));
        assert!(distance < 2.69 / (DRAWS as f64).sqrt(), "{distance}");
    }
    assert_eq!(
        SquareRoot::new(1.0, 0.1, 1.0),
        Err(NotFeller { kappa: 1.0, theta: 0.1, sigma: 1.0 })
    );
    assert!(SquareRoot::new(1.0, f64::NAN, 1.0).is_err());
}

/// `∫₀ˣ p` from the density itself, by the midpoint rule.
fn gamma_cdf(law: &Gamma, x: f64) -> f64 {
    let cells = 400;
    let at = |k: usize| x * (k as f64 + 0.5) / cells as f64;
    let points = space().tensor((0..cells).map(at).collect(), [cells, 1]);
    to_host(law.log_prob(points)).iter().map(|l| l.exp()).sum::<f64>() * x / cells as f64
}

#[test]
fn gamma_draws_have_gamma_moments_and_a_score() {
    for shape in [0.4, 1.0, 7.5] {
        let law = Gamma { shape, rate: 2.0, dim: 1 };
        let values = law.draws(&Noise::new(6, 50_000));
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let log = values.iter().map(|v| v.ln()).sum::<f64>() / n;
        // E log X = ψ(k) − log β; ψ by differences of log Γ inside the density at x = 1.
        let at_one = |k: f64| {
            let law = Gamma { shape: k, rate: 1.0, dim: 1 };
            -to_host(law.log_prob(space().tensor(vec![1.0], [1, 1])))[0] - 1.0
        };
        let psi = (at_one(shape + 1e-5) - at_one(shape - 1e-5)) / 2e-5;
        let var_log = values.iter().map(|v| (v.ln() - log).powi(2)).sum::<f64>() / n;
        assert!((mean - shape / 2.0).abs() < 5.0 * (shape / 4.0 / n).sqrt(), "{shape}: {mean}");
        let gap = log - (psi - 2f64.ln());
        assert!(gap.abs() < 5.0 * (var_log / n).sqrt(), "{shape}: E log differs by {gap}");
        let x = space().tensor(vec![0.3, 1.0, 2.5], [3, 1]);
        score_is_the_gradient(&law, &x, 1e-6).unwrap();
    }
    let outside = Gamma { shape: 2.0, rate: 1.0, dim: 1 };
    let value = to_host(outside.log_prob(space().tensor(vec![-1.0], [1, 1])))[0];
    assert_eq!(value, f64::NEG_INFINITY);
}

/// The stationary density integrates to one over the plane and its score is 2/σ² times the force.
#[test]
fn the_double_well_has_its_stationary_law() {
    let law = DoubleWell { height: 1.3, width: 0.8, sigma: 0.7 }.stationary();
    let x = Noise::new(1, 30).normal(2, &space());
    score_is_the_gradient(&law, &x, 1e-6).unwrap();
    transport_core::testkit::density_integrates_to_one(&law, 3.0, 400, 1e-10, &space()).unwrap();
    let at = |v: f64| to_host(law.score(space().tensor(vec![v], [1, 1])))[0];
    assert_eq!(at(0.8), 0.0);
    assert!(at(0.1) > 0.0 && at(-0.1) < 0.0, "the barrier pushes towards the wells");
}

#[test]
fn a_trajectory_is_a_family_of_laws() {
    let states = vec![Noise::new(0, 5).normal(2, &space()); 2];
    let family = Trajectory { times: vec![0.0, 0.5], states }.laws().unwrap();
    assert_eq!((family.len(), family[1].0, family[1].1.len()), (2, 0.5, 5));
    assert_eq!(Law::dim(&family[0].1), 2);
}
