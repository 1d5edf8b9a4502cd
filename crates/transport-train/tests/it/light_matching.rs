//! Optimal bridge matching against the light bridge's own loss and against a known plan.

use std::sync::Arc;
use transport_core::device::{Space, select, to_host};
use transport_core::law::Gaussian;
use transport_core::linalg::mean_and_covariance;
use transport_core::{Noise, Times};
use transport_models::bridge::LightBridge;
use transport_ot::Coupling;
use transport_sde::Sde;
use transport_sde::bridge::{MixtureBridge, conditional_uvp};
use transport_train::batch::Rows;
use transport_train::bridge::{Conditional, Coupled, Ends, LightLoss, LightMatching, Source};
use transport_train::objective::{Batch, Objective};
use transport_train::optim::OptimConfig;
use transport_train::trainer::{LoopConfig, Trainer, Training};

const EPSILON: f64 = 0.5;

fn paths(coupling: Coupling) -> Coupled {
    let source = Source::Law(Arc::new(Gaussian::standard(2)));
    let ends = Ends::Drawn { source, pairing: coupling.into() };
    Coupled { ends, path: Conditional::Brownian { sigma: EPSILON.sqrt() } }
}

/// 2-D rows of the target of a known plan from N(0, I), and the plan.
fn known(n: usize) -> (MixtureBridge, Vec<f64>) {
    let (weights, shifts) = ([0.4, 0.6], vec![1.5, 0.0, -1.0, 1.0]);
    let truth = MixtureBridge::new(EPSILON, &weights, shifts, vec![0.3, 0.6, 0.5, 0.2]).unwrap();
    let noise = Noise::new(2, n);
    let starts = noise.normal_values(2);
    let mut ends = vec![0.0; 2 * n];
    for (i, out) in ends.chunks_exact_mut(2).enumerate() {
        truth.draw_given(&starts[2 * i..2 * i + 2], &mut noise.purpose("end").stream(i), out);
    }
    (truth, ends)
}

/// The drift that is learned is the drift of the bridge that it makes, at one time and at many.
#[test]
fn the_drift_is_that_of_the_closed_form() {
    let s = Space::f64(&select(None).unwrap());
    let (_, ends) = known(50);
    let model = LightBridge::new(5, EPSILON, 0.4, &ends, 2, &Noise::new(1, 1), &s);
    let bridge = model.bridge().unwrap();
    let x = Noise::new(4, 6).normal(2, &s);
    let each = [0.0, 0.2, 0.2, 0.5, 0.9, 1.0];
    for t in [Times::Each(&each), Times::Same(0.3), Times::Same(0.0)] {
        let gap = to_host(model.drift(x.clone(), t) - bridge.drift(x.clone(), t));
        // Weights pass through f32 parameters nowhere: rounding alone.
        assert!(gap.iter().all(|v| v.abs() < 1e-9), "{gap:?}");
    }
}

/// `L/(2ε)` and the light bridge's loss differ by a constant: between two models both have the same
/// difference, under independent pairs and under optimal ones. 32,000 rows, common draws; the
/// differences are estimated to about 2 % (40 batches: standard error beside).
#[test]
fn both_losses_have_the_same_differences() {
    let s = Space::f64(&select(None).unwrap());
    let (_, ends) = known(800);
    let model = |seed: u64, scale: f64| {
        LightBridge::new(3, EPSILON, scale, &ends, 2, &Noise::new(seed, 1), &s)
    };
    let (one, two) = (model(1, 0.3), model(2, 0.9));
    let (count, batches) = (800, 40u64);
    let batch = |k: u64| Batch {
        data: s.tensor(ends.clone(), [count, 2]),
        context: None,
        noise: Noise::new(7, count).at_step(k),
        first: 0,
        whole: count,
    };
    let difference = |f: &dyn Fn(&LightBridge, &Batch) -> f64| -> (f64, f64) {
        let each: Vec<f64> =
            (0..batches).map(|k| f(&one, &batch(k)) - f(&two, &batch(k))).collect();
        let mean = each.iter().sum::<f64>() / batches as f64;
        let spread: f64 = each.iter().map(|v| (v - mean) * (v - mean)).sum();
        (mean, (spread / (batches * (batches - 1)) as f64).sqrt())
    };
    let light = LightLoss { source: Source::Law(Arc::new(Gaussian::standard(2))) };
    let (expected, noise) = difference(&|model, batch| {
        light.loss(model, batch, light.draw(model, batch)).into_scalar::<f64>()
    });
    for coupling in [Coupling::Independent, Coupling::Exact] {
        let matching = LightMatching(paths(coupling));
        let (found, error) = difference(&|model, batch| {
            let loss = matching.loss(model, batch, matching.draw(model, batch));
            // The loss is a mean over coordinates.
            2.0 * loss.into_scalar::<f64>() / (2.0 * EPSILON)
        });
        let tolerance = 4.0 * (error * error + noise * noise).sqrt() + 0.01 * expected.abs();
        assert!(error < 0.04 * expected.abs(), "{coupling:?}: {found} ± {error}");
        assert!((found - expected).abs() < tolerance, "{coupling:?}: {found} for {expected}");
    }
}

/// A plan that is known by construction is found in one fit.
#[test]
fn matching_finds_a_known_plan() {
    let s = Space::f32(&select(None).unwrap());
    let (truth, ends) = known(20_000);
    let (_, cov) = mean_and_covariance(&ends, 2);
    let model = LightBridge::new(4, EPSILON, 0.5, &ends, 2, &Noise::new(1, 1), &s);
    let data = Arc::new(Rows::plain(ends.iter().copied(), 2));
    let train =
        LoopConfig { steps: 2000, batch_size: 512, shards: 1, seed: 3, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 1e-2, weight_decay: 0.0, ..OptimConfig::default() };
    let tests = Noise::new(7, 500).normal_values(2);
    let uvp =
        |b: &LightBridge| conditional_uvp(&b.bridge().unwrap(), &truth, &tests, cov[0] + cov[3]);
    let before = uvp(&model);
    let matching = LightMatching(paths(Coupling::Independent));
    let mut trainer = Trainer::new(model, matching, data, train, optim, &s);
    while trainer.steps_done() < trainer.steps_total() {
        trainer.step();
    }
    let after = uvp(&trainer.averaged().unwrap());
    assert!(after < 1.0 && before > 5.0, "{before} % before, {after} % after");
}
