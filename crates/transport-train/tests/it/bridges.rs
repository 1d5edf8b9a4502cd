//! Couplings and bridges against closed forms.

use std::sync::Arc;
use transport_core::Noise;
use transport_core::device::{Space, select, to_host};
use transport_core::law::{Gaussian, PointLaw};
use transport_core::linalg::mean_and_covariance;
use transport_kernels::Activation;
use transport_models::bridge::LightBridge;
use transport_models::net::{TimeMlp, TimeMlpConfig};
use transport_ot::Coupling;
use transport_sde::bridge::{GaussianBridge, MixtureBridge, conditional_uvp};
use transport_train::batch::Rows;
use transport_train::bridge::{
    Conditional, Coupled, Ends, Imf, ImfConfig, LightLoss, Pairing, Source, VelocityMatching,
    transported,
};
use transport_train::optim::OptimConfig;
use transport_train::trainer::{LoopConfig, Trainer, Training};

fn space() -> Space {
    Space::f32(&select(None).unwrap())
}

fn rows(law: &dyn PointLaw, n: usize, seed: u64) -> Arc<Rows> {
    let states = law.draws(&Noise::new(seed, n)).into_iter().map(|v| v as f32).collect();
    Arc::new(Rows { states, dim: law.dim(), contexts: Vec::new(), context_dim: 0 })
}

fn run<T: Training>(mut training: T) -> T {
    while training.steps_done() < training.steps_total() {
        training.step();
    }
    training
}

const SMALL: TimeMlpConfig = TimeMlpConfig { width: 32, depth: 2 };

fn loops(steps: u64) -> (LoopConfig, OptimConfig) {
    let train = LoopConfig { steps, batch_size: 256, shards: 1, seed: 3, ..LoopConfig::default() };
    (train, OptimConfig { lr: 3e-3, warmup: 20, ..OptimConfig::default() })
}

/// `u_t` is the time derivative of `x_t` for each path, to the error of a central difference.
#[test]
fn velocities_are_derivatives_of_points() {
    let s = Space::f64(&select(None).unwrap());
    let draw = |k: u64| Noise::new(k, 4).normal(3, &s);
    let paths = [
        Conditional::Straight { sigma: 0.1 },
        Conditional::Lipman { sigma: 0.1 },
        Conditional::Trigonometric { sigma: 0.2 },
        Conditional::Brownian { sigma: 0.7 },
    ];
    for path in paths {
        let at = |shift: f64| {
            let times = [0.1, 0.4, 0.6, 0.9].map(|t| t + shift).to_vec();
            path.draw(draw(1), draw(2), draw(3), times)
        };
        let h = 1e-6;
        let slope = (at(h).point - at(-h).point).div_scalar(2.0 * h);
        let gap = to_host(slope - at(0.0).velocity);
        assert!(gap.iter().all(|v| v.abs() < 1e-7), "{path:?}: {gap:?}");
    }
}

/// Two Gaussians: exact pairing straightens the flow. The energy of OT-CFM lies near W₂², that of
/// independent pairs well above.
#[test]
fn exact_pairing_costs_less_than_independent() {
    let s = space();
    let (a, b) =
        (Gaussian::isotropic(vec![0.0, 0.0], 1.0), Gaussian::isotropic(vec![2.0, 1.0], 0.4));
    let energy = |coupling: Coupling| {
        let (train, optim) = loops(1200);
        let objective = VelocityMatching(Coupled {
            ends: Ends::Drawn {
                source: Source::Law(Arc::new(a.clone())),
                pairing: coupling.into(),
            },
            path: Conditional::Straight { sigma: 0.0 },
        });
        let net = TimeMlp::new(&SMALL, 2, 0, Activation::Silu, &Noise::new(1, 1), &s);
        let trained = run(Trainer::new(net, objective, rows(&b, 20_000, 1), train, optim, &s));
        let start = Noise::new(9, 2000).normal(2, &s);
        let moved = transported(&trained.averaged().unwrap(), start, 50);
        let (mean, cov) = mean_and_covariance(&to_host(moved.end), 2);
        assert!((mean[0] - 2.0).abs() < 0.08 && (mean[1] - 1.0).abs() < 0.08, "{mean:?}");
        assert!((cov[0] - 0.16).abs() < 0.05 && (cov[3] - 0.16).abs() < 0.05, "{cov:?}");
        to_host(moved.energy).iter().sum::<f64>() / 2000.0
    };
    // W2² = 5 + 2 (1 − 0.4)².
    let best = 5.72;
    let (exact, independent) = (energy(Coupling::Exact), energy(Coupling::Independent));
    assert!((exact / best - 1.0).abs() < 0.04, "{exact}");
    assert!(independent > exact, "{independent} {exact}");
}

/// Iterated Markovian fitting between two Gaussians: the endpoint covariance approaches the
/// bridge's, from independence.
#[test]
fn imf_finds_the_gaussian_bridge() {
    let s = space();
    let (a, b) = (Gaussian::isotropic(vec![-0.5], 1.0), Gaussian::isotropic(vec![0.5], 1.0));
    let exact = GaussianBridge::new(a.clone(), b.clone(), 1.0).unwrap();
    let config = ImfConfig {
        sigma: 1.0,
        fits: 6,
        steps: 300,
        pairs: 4000,
        simulation: 50,
        net: SMALL,
        activation: Activation::Silu,
    };
    let (train, optim) = loops(1);
    let imf = Imf::new(config, law(&a), law(&b), train, optim, &s);
    let drifts = run(imf).drifts();
    let n = 4000;
    let start = Noise::new(8, n);
    let x0 = a.draws(&start);
    let grid = transport_sde::Grid::uniform(transport_core::Interval::UNIT, 50).unwrap();
    let solver = transport_sde::Solver::EulerMaruyama;
    let flow = transport_sde::SdeFlow { sde: drifts, grid, solver };
    let x1 = to_host(flow.solve(s.tensor(x0.clone(), [n, 1]), &start.purpose("path")).unwrap());
    let joint: Vec<f64> = x0.iter().zip(&x1).flat_map(|(a, b)| [*a, *b]).collect();
    let (mean, cov) = mean_and_covariance(&joint, 2);
    let c = exact.cross_covariance()[0];
    assert!((mean[1] - 0.5).abs() < 0.08, "{mean:?}");
    assert!((cov[3] - 1.0).abs() < 0.12, "{cov:?}");
    assert!((cov[1] - c).abs() < 0.1, "endpoint covariance {} for {c}", cov[1]);
}

fn law(law: &Gaussian) -> Source {
    Source::Law(Arc::new(law.clone()))
}

/// A fit interrupted in the middle of a direction goes on bit for bit.
#[test]
fn a_restored_imf_is_the_uninterrupted_one() {
    let s = space();
    let a = Gaussian::standard(2);
    let make = || {
        let config = ImfConfig {
            sigma: 0.7,
            fits: 4,
            steps: 10,
            pairs: 200,
            simulation: 5,
            net: SMALL,
            activation: Activation::Selu,
        };
        let (train, optim) = loops(1);
        Imf::new(config, law(&a), law(&a), train, optim, &s)
    };
    let whole = run(make());
    for stop in [10, 17, 25, 30] {
        let mut first = make();
        for _ in 0..stop {
            first.step();
        }
        let mut second = make();
        second.restore(&first.state(), first.steps_done()).unwrap();
        assert_eq!(run(second).weights(), whole.weights(), "stopped after {stop}");
    }
}

/// The light bridge recovers a plan that is known by construction, in two dimensions.
#[test]
fn the_light_bridge_finds_a_known_plan() {
    let s = space();
    let truth =
        MixtureBridge::new(0.5, &[0.4, 0.6], vec![1.5, 0.0, -1.0, 1.0], vec![0.3, 0.6, 0.5, 0.2])
            .unwrap();
    let n = 20_000;
    let noise = Noise::new(2, n);
    let starts = noise.normal_values(2);
    let mut ends = vec![0.0; 2 * n];
    for (i, out) in ends.chunks_exact_mut(2).enumerate() {
        truth.draw_given(&starts[2 * i..2 * i + 2], &mut noise.purpose("end").stream(i), out);
    }
    let (_, cov) = mean_and_covariance(&ends, 2);
    let model = LightBridge::new(4, 0.5, 0.5, &ends, 2, &Noise::new(1, 1), &s);
    let states = ends.iter().map(|v| *v as f32).collect();
    let data = Arc::new(Rows { states, dim: 2, contexts: Vec::new(), context_dim: 0 });
    let objective = LightLoss { source: law(&Gaussian::standard(2)) };
    let (train, optim) = loops(1500);
    let optim = OptimConfig { lr: 1e-2, weight_decay: 0.0, ..optim };
    let fresh = model.bridge().unwrap();
    let learned = run(Trainer::new(model, objective, data, train, optim, &s)).averaged().unwrap();
    let tests = Noise::new(7, 500).normal_values(2);
    let uvp = |b: &MixtureBridge| conditional_uvp(b, &truth, &tests, cov[0] + cov[3]);
    let (before, after) = (uvp(&fresh), uvp(&learned.bridge().unwrap()));
    assert!(after < 1.0 && before > 5.0, "{before} % before, {after} % after");
}

/// The plan's parts agree: `log c` and `log v` of the module are those of the closed form.
#[test]
fn potentials_integrate_to_the_normaliser() {
    let s = Space::f64(&select(None).unwrap());
    let model = LightBridge::new(3, 0.8, 0.6, &[0.5, -1.0, 2.0], 1, &Noise::new(4, 1), &s);
    // c(x) = ∫ v(y) exp(x y/ε) dy, on a grid.
    let ys: Vec<f64> = (0..4000).map(|k| -20.0 + 0.01 * f64::from(k)).collect();
    let log_v = to_host(model.log_potential(s.column(&ys)));
    let constant = 0.5 * (std::f64::consts::TAU * 0.8).ln();
    for x in [-1.0, 0.0, 0.7] {
        let sum: f64 =
            ys.iter().zip(&log_v).map(|(y, v)| (v - constant + x * y / 0.8).exp() * 0.01).sum();
        let direct = to_host(model.log_normaliser(s.column(&[x])))[0];
        assert!((sum.ln() - direct).abs() < 1e-8, "{} {direct}", sum.ln());
    }
}

/// Ends at ±3 by their context, starts from N(0, 1): plain transport sends starts on the right to the
/// context on the right, so that a context no longer sees all starts; a weight on it keeps them apart.
/// 400 starts a context: five standard errors of their mean are 0.25.
#[test]
fn a_weighted_context_keeps_its_starts() {
    let n = 800;
    let noise = Noise::new(6, n);
    let starts = noise.normal_values(1);
    let contexts: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let blur = noise.purpose("blur").normal_values(1);
    let ends: Vec<f64> = contexts.iter().zip(blur).map(|(c, z)| 3.0 * c + 0.3 * z).collect();
    let mean_start_of_right = |context_weight: f64| {
        let pairing = Pairing { coupling: Coupling::Exact, context_weight };
        let rows = pairing.pairs(&starts, &ends, Some(&contexts), 1, &noise).unwrap();
        let right = rows.iter().zip(&starts).filter(|(row, _)| contexts[**row] > 0.0);
        2.0 * right.map(|(_, start)| start).sum::<f64>() / n as f64
    };
    // E[X | X > 0] = √(2/π) where transport sorts.
    assert!((mean_start_of_right(0.0) - 0.798).abs() < 0.1);
    assert!(mean_start_of_right(1e4).abs() < 0.25);
}

/// What cannot be coupled is an error, and a loss that is no number: never another coupling.
#[test]
fn a_coupling_that_cannot_be_made_is_noticed() {
    let s = space();
    let coupling = Coupling::Sinkhorn { epsilon: -1.0 };
    assert!(Pairing::from(coupling).pairs(&[0.0], &[1.0], None, 1, &Noise::new(0, 1)).is_err());
    let ends = Ends::Drawn { source: law(&Gaussian::standard(2)), pairing: coupling.into() };
    let objective = VelocityMatching(Coupled { ends, path: Conditional::Straight { sigma: 0.0 } });
    let net = TimeMlp::new(&SMALL, 2, 0, Activation::Silu, &Noise::new(1, 1), &s);
    let (train, optim) = loops(1);
    let mut trainer =
        Trainer::new(net, objective, rows(&Gaussian::standard(2), 300, 1), train, optim, &s);
    assert!(trainer.step().loss.is_nan());
}
