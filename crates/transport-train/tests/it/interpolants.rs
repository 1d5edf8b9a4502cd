//! Stochastic interpolants: the antithetic draw, and networks against the closed form.

use std::sync::Arc;
use transport_core::device::{Space, select, to_host};
use transport_core::law::{Density, Gaussian, Law, PointLaw};
use transport_core::linalg::mean_and_covariance;
use transport_core::map::Transport;
use transport_core::{Interval, Noise, ScoredField, Times};
use transport_kernels::Activation;
use transport_models::bridge::Interpolated;
use transport_models::net::TimeMlpConfig;
use transport_ot::Coupling;
use transport_sde::bridge::{Blur, GaussianInterpolant};
use transport_sde::dynamics::Epsilon;
use transport_sde::{Family, Grid, OdeFlow, SdeFlow, Solver};
use transport_train::batch::Rows;
use transport_train::bridge::{Conditional, Coupled, Ends, InterpolantMatching, Mean, Source};
use transport_train::optim::OptimConfig;
use transport_train::trainer::{LoopConfig, Trainer, finished};

/// `−z` for `z` in every path: drawn anew it is the same point.
#[test]
fn the_antithetic_draw_turns_the_noise() {
    let s = Space::f64(&select(None).unwrap());
    let draw = |k: u64| Noise::new(k, 3).normal(2, &s);
    let paths = [
        Conditional::Brownian { sigma: 0.7 },
        Conditional::Interpolant { mean: Mean::Trigonometric, blur: Blur::Sine(0.5) },
        Conditional::Interpolant { mean: Mean::Straight, blur: Blur::Parabola(0.5) },
    ];
    for path in paths {
        let at = |z| path.draw(draw(1), draw(2), z, vec![0.2, 0.5, 0.9]);
        let (turned, anew) = (at(draw(3)).antithetic(), at(draw(3).neg()));
        for (a, b) in [
            (turned.point, anew.point),
            (turned.velocity, anew.velocity),
            (turned.noise, anew.noise),
        ] {
            assert!(to_host(a - b).iter().all(|v| v.abs() < 1e-12), "{path:?}");
        }
    }
}

fn ends() -> [Gaussian; 2] {
    [Gaussian::isotropic(vec![-1.0, 0.5], 1.0), Gaussian::isotropic(vec![1.0, 0.0], 0.5)]
}

fn learned(blur: Blur, s: &Space) -> Interpolated {
    let [a, b] = ends();
    let net = TimeMlpConfig { width: 48, depth: 2 };
    let model = Interpolated::new(&net, 2, Activation::Silu, blur, &Noise::new(1, 1), s);
    let source = Source::Law(Arc::new(a));
    let ends = Ends::Drawn { source, pairing: Coupling::Independent.into() };
    let path = Conditional::Interpolant { mean: Mean::Straight, blur };
    let rows = Arc::new(Rows::plain(PointLaw::draws(&b, &Noise::new(6, 20_000)), 2));
    let train =
        LoopConfig { steps: 1200, batch_size: 256, shards: 1, seed: 2, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 5e-3, warmup: 50, ..OptimConfig::default() };
    let objective = InterpolantMatching(Coupled { ends, path });
    finished(Trainer::new(model, objective, rows, train, optim, s)).averaged().unwrap()
}

/// Velocity and denoiser approach the closed form where the law lives; the flow has the target's
/// density and the SDE its moments.
#[test]
fn a_learned_interpolant_is_the_closed_form() {
    let s = Space::f32(&select(None).unwrap());
    let [a, b] = ends();
    let n = 4000;
    for blur in [Blur::Root(1.0), Blur::Parabola(1.5)] {
        let model = learned(blur, &s);
        let exact = GaussianInterpolant::new(a.clone(), b.clone(), blur).unwrap();
        for t in [0.1, 0.5, 0.9] {
            let x = exact.marginal(t).unwrap().sample(&Noise::new(4, n), &s);
            let sigma = |t: f64| blur.at(t)[0];
            let (b, eta) = model.velocity_and_noise(x.clone(), Times::Same(t), &sigma);
            let (v, noise) = exact.velocity_and_noise(x, Times::Same(t), &sigma);
            let error = |a, b| {
                let square: burn::tensor::Tensor<2> = a;
                let gap = to_host(square - b);
                (gap.iter().map(|v| v * v).sum::<f64>() / gap.len() as f64).sqrt()
            };
            let found = [error(b, v), error(eta, noise)];
            assert!(found[0] < 0.2 && found[1] < 0.1, "{blur:?} at {t}: {found:?}");
        }
        let grid = Grid::uniform(Interval::UNIT, 50).unwrap();
        let x = b.sample(&Noise::new(9, 1000), &s);
        let map = OdeFlow { field: model.clone(), grid: grid.clone(), solver: Solver::Heun };
        let law = Transport { reference: a.clone(), map };
        let gap = to_host(law.log_prob(x.clone()) - b.log_prob(x));
        let mean = gap.iter().sum::<f64>() / 1000.0;
        // −E gap is the KL divergence of the model: small, and not negative beyond its error.
        assert!(mean.abs() < 0.03, "{blur:?}: {mean}");

        let sde = Family { field: model, schedule: blur, epsilon: Epsilon::Sigma(1.0) };
        let flow = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
        let noise = Noise::new(11, n);
        let end = flow.solve(a.sample(&noise, &s), &noise.purpose("path")).unwrap();
        let (mean, cov) = mean_and_covariance(&to_host(end), 2);
        assert!((mean[0] - 1.0).abs() < 0.06 && mean[1].abs() < 0.06, "{blur:?}: {mean:?}");
        assert!([0, 3].iter().all(|k| (cov[*k] - 0.25).abs() < 0.05), "{blur:?}: {cov:?}");
    }
}
