//! AdamW against the formulas, spelled out in f64.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transport_core::{Space, device};
use transport_train::optim::{AdamW, FlatGradients, OptimConfig};
use transport_train::weights::Weights;

#[derive(Module, Debug)]
struct Two {
    matrix: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

fn space() -> Space {
    Space::f32(&device::select(None).unwrap())
}

fn module() -> Two {
    Two {
        matrix: Param::from_tensor(space().tensor(vec![1.0, -2.0], [1, 2])),
        bias: Param::from_tensor(space().tensor(vec![0.5], [1])),
    }
}

fn config() -> OptimConfig {
    let rest = OptimConfig::default();
    OptimConfig { lr: 0.1, warmup: 0, weight_decay: 0.1, clip: 1e9, ema: 0.9, ..rest }
}

#[test]
fn steps_follow_the_formulas() {
    let (mut model, config) = (module(), config());
    let mut optim = AdamW::new(config, &model);
    let (mut theta, mut m, mut v) = ([1.0, -2.0, 0.5], [0.0; 3], [0.0; 3]);
    let mut ema = theta;
    let decays = [0.1, 0.1, 0.0];
    for k in 1..=5 {
        let g = [0.3 * f64::from(k), -0.2, 1.0 / f64::from(k)];
        let flat = vec![vec![g[0] as f32, g[1] as f32], vec![g[2] as f32]];
        let (next, norm) = optim.step(model, FlatGradients(flat), 0.1);
        model = next;
        assert!((norm - g.iter().map(|v| v * v).sum::<f64>().sqrt()).abs() < 1e-6);
        for i in 0..3 {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            let (mh, vh) = (m[i] / (1.0 - 0.9f64.powi(k)), v[i] / (1.0 - 0.999f64.powi(k)));
            theta[i] -= 0.1 * (mh / (vh.sqrt() + 1e-8) + decays[i] * theta[i]);
            let d = 0.9f64.min((1.0 + f64::from(k)) / (10.0 + f64::from(k)));
            ema[i] += (1.0 - d) * (theta[i] - ema[i]);
        }
    }
    let flat = |w: &Weights| -> Vec<f32> {
        let mut all = w.0["matrix"].values.clone();
        all.extend(&w.0["bias"].values);
        all
    };
    for (got, expected) in flat(&Weights::of(&model)).iter().zip(theta) {
        assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} against {expected}");
    }
    for (got, expected) in flat(&optim.average()).iter().zip(ema) {
        assert!((f64::from(*got) - expected).abs() < 1e-5, "average {got} against {expected}");
    }
}

#[test]
fn long_gradients_are_shortened_and_state_comes_back() {
    let clip = OptimConfig { clip: 1.0, ..config() };
    let long = || FlatGradients(vec![vec![30.0, 40.0], vec![0.0]]);
    let short = || FlatGradients(vec![vec![0.6, 0.8], vec![0.0]]);
    let mut a = AdamW::new(clip, &module());
    let (model_a, norm) = a.step(module(), long(), 0.1);
    assert!((norm - 50.0).abs() < 1e-4);
    let mut b = AdamW::new(clip, &module());
    let (model_b, _) = b.step(module(), short(), 0.1);
    assert_eq!(Weights::of(&model_a), Weights::of(&model_b));

    let mut c = AdamW::new(clip, &module());
    c.restore(&a.state(), 1).unwrap();
    assert_eq!(c.steps(), 1);
    let (next_a, _) = a.step(model_a.clone(), short(), 0.1);
    let (next_c, _) = c.step(model_a, short(), 0.1);
    assert_eq!(Weights::of(&next_a), Weights::of(&next_c));
    assert!(c.restore(&Weights::default(), 1).unwrap_err().to_string().contains("adam.m/matrix"));
}

#[test]
fn the_rate_warms_up_and_decays() {
    let config = OptimConfig { lr: 1.0, warmup: 10, ..config() };
    assert!((config.rate(0, 110) - 0.1).abs() < 1e-12);
    assert!((config.rate(9, 110) - 1.0).abs() < 1e-12);
    assert!((config.rate(60, 110) - 0.505).abs() < 1e-12);
    assert!((config.rate(110, 110) - 0.01).abs() < 1e-12);
}
