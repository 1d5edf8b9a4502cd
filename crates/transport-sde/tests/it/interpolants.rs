//! The interpolant between Gaussians: its flow, its SDEs and its density.

use crate::space;
use transport_core::device::to_host;
use transport_core::law::{Density, Gaussian, Law};
use transport_core::linalg::mean_and_covariance;
use transport_core::map::Transport;
use transport_core::testkit::max_or_nan;
use transport_core::{Interval, Noise, Schedule, ScoredField, Times};
use transport_sde::bridge::{Blur, BridgeError, GaussianInterpolant};
use transport_sde::dynamics::Epsilon;
use transport_sde::{Family, Grid, OdeFlow, SdeFlow, Solver};

const BLURS: [Blur; 3] = [Blur::Root(0.8), Blur::Parabola(1.5), Blur::Sine(0.6)];

fn ends() -> (Gaussian, Gaussian) {
    (
        Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap(),
        Gaussian::new(vec![-2.0, 0.5], vec![0.5, -0.3, -0.3, 1.5]).unwrap(),
    )
}

fn between(blur: Blur) -> GaussianInterpolant {
    let (a, b) = ends();
    GaussianInterpolant::new(a, b, blur).unwrap()
}

/// γ′ is the derivative of γ, and γ vanishes at the ends alone.
#[test]
fn blurs_are_zero_at_the_ends_and_know_their_derivative() {
    for blur in BLURS {
        for t in [0.1, 0.35, 0.5, 0.8] {
            let h = 1e-6;
            let slope = (blur.at(t + h)[0] - blur.at(t - h)[0]) / (2.0 * h);
            assert!((blur.at(t)[1] - slope).abs() < 1e-8, "{blur:?} at {t}");
            assert!(blur.at(t)[0] > 0.05);
        }
        assert!([0.0, 1.0].iter().all(|t| blur.at(*t)[0].abs() < 1e-15));
        let domain = blur.domain();
        assert!(
            [domain.start, domain.end].iter().all(|t| Schedule::at(&blur, *t).d_sigma.is_finite())
        );
    }
}

/// `b = v − γγ′ s` with `v = E[x₁ − x₀ | x_t]`: from the blur 0 and the score, by another route than
/// the closed form. And the noise is `η = −γ s = γ Σ⁻¹(x − μ)`.
#[test]
fn velocity_is_that_of_the_mean_less_the_score_of_the_blur() {
    let s = space();
    let x = Noise::new(1, 5).normal(2, &s);
    for blur in BLURS {
        for t in [0.2, 0.5, 0.7] {
            let at = Times::Same(t);
            let (b, score) = between(blur).velocity_and_score(x.clone(), at);
            let [gamma, rate] = blur.at(t);
            let (a, c) = ends();
            let (p, q) = (a.covariance(), c.covariance());
            let sigma: Vec<f64> = (0..4)
                .map(|k| {
                    let own = if k % 3 == 0 { gamma * gamma } else { 0.0 };
                    (1.0 - t) * (1.0 - t) * p[k] + t * t * q[k] + own
                })
                .collect();
            let det = sigma[0] * sigma[3] - sigma[1] * sigma[2];
            let inverse = [sigma[3] / det, -sigma[1] / det, -sigma[2] / det, sigma[0] / det];
            let rows = to_host(x.clone());
            let (mut expected, mut noise) = (Vec::new(), Vec::new());
            for row in rows.chunks_exact(2) {
                let away: Vec<f64> =
                    (0..2).map(|i| row[i] - (1.0 - t) * a.mean()[i] - t * c.mean()[i]).collect();
                let whitened: Vec<f64> = (0..2)
                    .map(|i| inverse[2 * i] * away[0] + inverse[2 * i + 1] * away[1])
                    .collect();
                noise.extend(whitened.iter().map(|v| gamma * v));
                for i in 0..2 {
                    let carried: f64 = (0..2)
                        .map(|j| (t * q[2 * i + j] - (1.0 - t) * p[2 * i + j]) * whitened[j])
                        .sum();
                    expected.push(c.mean()[i] - a.mean()[i] + carried);
                }
            }
            let route = s.tensor(expected, [5, 2]) - score.mul_scalar(gamma * rate);
            let gap = to_host(b - route);
            assert!(gap.iter().all(|v| v.abs() < 1e-12), "{blur:?} at {t}: {gap:?}");
            let (_, found) =
                between(blur).velocity_and_noise(x.clone(), Times::Same(t), &|t| blur.at(t)[0]);
            let gap = to_host(found - s.tensor(noise, [5, 2]));
            assert!(gap.iter().all(|v| v.abs() < 1e-12), "{blur:?} at {t}: {gap:?}");
        }
    }
}

/// The flow carries the source to the target, with its density: both against the closed form.
#[test]
fn the_flow_has_the_density_of_the_target() {
    let s = space();
    let (source, target) = ends();
    let x = target.sample(&Noise::new(2, 40), &s);
    for blur in BLURS {
        let grid = Grid::uniform(Interval::UNIT, 100).unwrap();
        let map = OdeFlow { field: between(blur), grid, solver: Solver::Rk4 };
        let law = Transport { reference: source.clone(), map };
        let gap = to_host(law.log_prob(x.clone()) - target.log_prob(x.clone()));
        assert!(gap.iter().all(|v| v.abs() < 1e-5), "{blur:?}: {gap:?}");
    }
}

/// Every ε has the same marginals: 20,000 particles with ε = c γ end in the target's moments, within
/// 5 standard errors and the bias of the steps; with the sign of the score turned they do not.
#[test]
fn every_amount_of_noise_ends_in_the_target() {
    let s = space();
    let (source, target) = ends();
    let n = 20_000;
    let noise = Noise::new(3, n);
    let start = source.sample(&noise, &s);
    let error = |blur: Blur, c: f64, planted: bool| -> f64 {
        let grid = Grid::uniform(Interval::UNIT, 200).unwrap();
        let field = Planted { of: between(blur), sign: if planted { -1.0 } else { 1.0 } };
        let sde = Family { field, schedule: blur, epsilon: Epsilon::Sigma(c) };
        let flow = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
        let end = to_host(flow.solve(start.clone(), &noise.purpose("path")).unwrap());
        let (mean, cov) = mean_and_covariance(&end, 2);
        let own = |i: usize| target.covariance()[3 * i];
        let mean = (0..2).map(|i| (mean[i] - target.mean()[i]).abs() / (own(i) / n as f64).sqrt());
        let spread = (0..2).map(|i| {
            ((cov[3 * i] - own(i)).abs() - 0.02 * own(i)) / (own(i) * (2.0 / n as f64).sqrt())
        });
        mean.chain(spread).fold(0.0, max_or_nan)
    };
    for blur in BLURS {
        for c in [0.5, 2.0] {
            let found = error(blur, c, false);
            assert!(found < 5.0, "{blur:?} with {c}: {found} standard errors");
        }
        let found = error(blur, 2.0, true);
        assert!(found > 20.0, "a planted fault passes with {found} standard errors");
    }
}

/// A score with another sign.
struct Planted {
    of: GaussianInterpolant,
    sign: f64,
}

impl transport_core::Field for Planted {
    fn eval(&self, x: burn::tensor::Tensor<2>, t: Times<'_>) -> burn::tensor::Tensor<2> {
        self.of.eval(x, t)
    }
}

impl ScoredField for Planted {
    fn velocity_and_score(
        &self,
        x: burn::tensor::Tensor<2>,
        t: Times<'_>,
    ) -> (burn::tensor::Tensor<2>, burn::tensor::Tensor<2>) {
        let (velocity, score) = self.of.velocity_and_score(x, t);
        (velocity, score.mul_scalar(self.sign))
    }
}

#[test]
fn ends_of_two_dimensions_are_refused() {
    let wrong =
        GaussianInterpolant::new(Gaussian::standard(1), Gaussian::standard(2), Blur::Root(1.0));
    assert!(matches!(wrong, Err(BridgeError::Dimensions { source_dim: 1, target_dim: 2 })));
}
