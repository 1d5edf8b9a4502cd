//! Rectified flow: pairs keep their ends, costs do not rise, and the flow gets straight.

use std::sync::Arc;
use transport_core::device::{Space, select, to_host};
use transport_core::law::Gaussian;
use transport_core::linalg::mean_and_covariance;
use transport_core::{Field, Noise};
use transport_kernels::Activation;
use transport_models::net::{TimeMlp, TimeMlpConfig};
use transport_ot::gaussian::{Moments, bures_w2_squared};
use transport_sde::bridge::{Blur, GaussianInterpolant};
use transport_train::batch::Rows;
use transport_train::bridge::{
    Conditional, Coupled, Distillation, Ends, Source, VelocityMatching, rectified, straightness,
    transported,
};
use transport_train::optim::OptimConfig;
use transport_train::trainer::{LoopConfig, Trainer, finished};

fn ends() -> [Gaussian; 2] {
    let turned = Gaussian::new(vec![1.0, 0.0], vec![0.5, 0.4, 0.4, 1.5]).unwrap();
    [Gaussian::new(vec![0.0, 0.0], vec![2.0, -0.6, -0.6, 0.5]).unwrap(), turned]
}

fn cost(pairs: &Rows, power: f64) -> f64 {
    let length = |row: &[f32]| f64::from((row[2] - row[0]).hypot(row[3] - row[1]));
    pairs.states.chunks_exact(4).map(|row| length(row).powf(power)).sum::<f64>()
        / pairs.len() as f64
}

/// The exact first rectification of independent Gaussians (the interpolant without blur): its ends
/// are right, it costs less than the independent pairs in |·|, |·|² and |·|⁴, and no less than W₂².
/// 40,000 pairs; the costs differ by many standard errors.
#[test]
fn the_first_rectification_costs_less() {
    let s = Space::f64(&select(None).unwrap());
    let [a, b] = ends();
    let n = 40_000;
    let noise = Noise::new(1, n);
    let flow = GaussianInterpolant::new(a.clone(), b.clone(), Blur::Parabola(0.0)).unwrap();
    let pairs = rectified(&flow, &Source::Law(Arc::new(a.clone())), &noise, &s).unwrap();
    let values: Vec<f64> = pairs.states.iter().map(|v| f64::from(*v)).collect();
    let (mean, cov) = mean_and_covariance(&values, 4);
    assert!((mean[2] - 1.0).abs() < 0.02 && mean[3].abs() < 0.04, "{mean:?}");
    for (k, expected) in [(10, 0.5), (11, 0.4), (15, 1.5)] {
        assert!((cov[k] - expected).abs() < 0.05, "{cov:?}");
    }
    let source = |law: &Gaussian, name: &str| {
        transport_core::law::PointLaw::draws(law, &noise.purpose(name))
    };
    let (x, y) = (source(&a, "x"), source(&b, "y"));
    let both = x.chunks_exact(2).zip(y.chunks_exact(2));
    let independent = Rows::plain(both.flat_map(|(a, b)| a.iter().chain(b)).copied(), 4);
    for power in [1.0, 2.0, 4.0] {
        let (before, after) = (cost(&independent, power), cost(&pairs, power));
        assert!(after < 0.9 * before, "power {power}: {after} after {before}");
    }
    let moments =
        |law: &Gaussian| Moments::new(law.mean().to_vec(), law.covariance().to_vec()).unwrap();
    let best = bures_w2_squared(&moments(&a), &moments(&b)).unwrap();
    assert!(cost(&pairs, 2.0) > 0.98 * best, "{} below {best}", cost(&pairs, 2.0));
}

/// Straightness is what the energy has beyond the squared displacement, and 0 for a constant field.
#[test]
fn a_constant_field_is_straight() {
    struct Constant;
    impl Field for Constant {
        fn eval(
            &self,
            x: burn::tensor::Tensor<2>,
            _t: transport_core::Times<'_>,
        ) -> burn::tensor::Tensor<2> {
            x.full_like(0.7)
        }
    }
    let s = Space::f64(&select(None).unwrap());
    let [a, b] = ends();
    let start = Noise::new(3, 50).normal(2, &s);
    let bend = to_host(straightness(&Constant, start.clone(), 20));
    assert!(bend.iter().all(|v| v.abs() < 1e-12), "{bend:?}");
    let flow = GaussianInterpolant::new(a, b, Blur::Parabola(0.0)).unwrap();
    let bend = to_host(straightness(&flow, start, 20));
    assert!(bend.iter().all(|v| *v > -1e-12) && bend.iter().sum::<f64>() > 1.0, "{bend:?}");
}

/// A learned round more is straighter, and one step of a student that is distilled from it ends in
/// the target's moments.
#[test]
fn reflow_straightens_and_one_step_is_enough() {
    let s = Space::f32(&select(None).unwrap());
    let [a, b] = ends();
    let source = Source::Law(Arc::new(a.clone()));
    let net = TimeMlpConfig { width: 48, depth: 2 };
    let blank = |k: u64| TimeMlp::new(&net, 2, 0, Activation::Silu, &Noise::new(k, 1), &s);
    let train =
        LoopConfig { steps: 1200, batch_size: 256, shards: 1, seed: 3, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 4e-3, warmup: 20, ..OptimConfig::default() };
    let first = GaussianInterpolant::new(a.clone(), b.clone(), Blur::Parabola(0.0)).unwrap();
    let pairs = rectified(&first, &source, &Noise::new(5, 20_000), &s).unwrap();
    let pairs = Arc::new(pairs);
    let path = Conditional::Straight { sigma: 0.0 };
    let objective = VelocityMatching(Coupled { ends: Ends::Given, path });
    let second = finished(Trainer::new(blank(1), objective, Arc::clone(&pairs), train, optim, &s));
    let second = second.averaged().unwrap();
    let noise = Noise::new(8, 4000);
    let start = s.tensor(transport_core::law::PointLaw::draws(&a, &noise), [4000, 2]);
    let mean = |v: Vec<f64>| v.iter().sum::<f64>() / v.len() as f64;
    let before = mean(to_host(straightness(&first, start.clone(), 100)));
    let after = mean(to_host(straightness(&second, start.clone(), 100)));
    assert!(after < 0.1 * before, "{after} after {before}");

    let student = finished(Trainer::new(blank(2), Distillation, pairs, train, optim, &s));
    let end = to_host(transported(&student.averaged().unwrap(), start, 1).end);
    let (m, cov) = mean_and_covariance(&end, 2);
    assert!((m[0] - 1.0).abs() < 0.06 && m[1].abs() < 0.08, "{m:?}");
    for (k, expected) in [(0, 0.5), (1, 0.4), (3, 1.5)] {
        assert!((cov[k] - expected).abs() < 0.12, "{cov:?}");
    }
}
