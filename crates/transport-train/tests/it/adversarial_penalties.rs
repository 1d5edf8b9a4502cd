//! The penalties: their values by differences of the critic, and what they cannot be.

use burn::module::Module;
use burn::tensor::Tensor;
use transport_core::Noise;
use transport_core::device::{Space, select, to_host};
use transport_core::law::Gaussian;
use transport_models::gan::{
    Band, Bend, Critic, CriticConfig, GanError, InputGradient, Normalisation, Optimal, Seen,
};
use transport_train::adversarial::{CriticPlayer, Loss, Penalty};
use transport_train::optim::{Betas, OptimConfig};
use transport_train::weights::Weights;

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

fn oracle() -> Optimal<Gaussian, Gaussian> {
    Optimal { data: Gaussian::isotropic(vec![0.4, -0.3], 0.8), model: Gaussian::standard(2) }
}

/// `‖∇D‖²` at each row by central differences.
fn slopes(critic: &impl InputGradient, x: &Tensor<2>) -> Vec<f64> {
    const H: f64 = 1e-5;
    let mut squares = vec![0.0; x.dims()[0]];
    for j in 0..2 {
        let mut step = vec![0.0; 2];
        step[j] = H;
        let step = space().tensor(step, [1, 2]);
        let up = to_host(critic.value(x.clone() + step.clone()));
        let down = to_host(critic.value(x.clone() - step));
        let difference = up.iter().zip(&down).map(|(u, d)| ((u - d) / (2.0 * H)).powi(2));
        squares.iter_mut().zip(difference).for_each(|(s, d)| *s += d);
    }
    squares
}

#[test]
fn penalties_are_their_formulas() {
    let (critic, n) = (oracle(), 9);
    let x = Noise::new(1, n).normal(2, &space());
    let y = Noise::new(2, n).normal(2, &space());
    let u = space().column(&Noise::new(3, n).uniform_values(1));
    let between = u.clone() * x.clone() + u.clone().neg().add_scalar(1.0) * y.clone();
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / n as f64;
    let (on_data, on_samples) = (mean(slopes(&critic, &x)), mean(slopes(&critic, &y)));
    let unit: Vec<f64> =
        slopes(&critic, &between).iter().map(|s| (s.sqrt() - 1.0).powi(2)).collect();
    let above: Vec<f64> =
        slopes(&critic, &between).iter().map(|s| (s.sqrt() - 1.0).max(0.0).powi(2)).collect();
    // Some slopes lie above 1 and some below, or the two penalties would not differ.
    assert!(above.contains(&0.0) && above.iter().any(|v| *v > 0.0), "{above:?}");
    for (penalty, expected) in [
        (Penalty::R1(0.6), 0.3 * on_data),
        (Penalty::R2(0.6), 0.3 * on_samples),
        (Penalty::R1R2(0.6), 0.3 * (on_data + on_samples)),
        (Penalty::Gradient(10.0), 10.0 * mean(unit)),
        (Penalty::Lipschitz(3.0), 3.0 * mean(above)),
        (Penalty::R1(0.1).scaled(6.0), 0.3 * on_data),
    ] {
        let seen = penalty.see(&critic, x.clone(), y.clone(), || u.clone());
        let got = seen.penalty.unwrap().into_scalar::<f64>();
        assert!((got - expected).abs() < 1e-7 * (1.0 + expected), "{penalty:?}: {got}");
        let gap = (seen.real - critic.value(x.clone())).abs().max().into_scalar::<f64>()
            + (seen.fake - critic.value(y.clone())).abs().max().into_scalar::<f64>();
        assert!(gap < 1e-12, "{penalty:?}");
    }
    for penalty in [Penalty::None, Penalty::Clip(0.1)] {
        assert!(penalty.see(&critic, x.clone(), y.clone(), || u.clone()).penalty.is_none());
    }
}

fn critic(normalisation: Normalisation) -> Critic {
    let config = CriticConfig {
        width: 8,
        depth: 2,
        stages: 0,
        channels: 1,
        pack: 1,
        fourier: Band { count: 0, turns: 1.0, octaves: 0.0 },
        bend: Bend::Leaky,
        normalisation,
        bound: 1.0,
    };
    Critic::new(&config, &Seen::rows(2), &Noise::new(1, 1), &space()).unwrap()
}

#[test]
fn clipping_bounds_every_weight() {
    let clipped = Penalty::Clip(0.05).clipped(critic(Normalisation::None));
    let largest =
        |w: &Weights| w.0.values().flat_map(|a| &a.values).fold(0f32, |m, v| m.max(v.abs()));
    assert!((largest(&Weights::of(&clipped)) - 0.05).abs() < 1e-6);
    let free = critic(Normalisation::None);
    let before = Weights::of(&free);
    assert!(largest(&before) > 0.3);
    assert_eq!(Weights::of(&Penalty::R1(0.05).clipped(free)), before);
    assert!(critic(Normalisation::None).num_params() > 0);
}

#[test]
fn a_batch_norm_critic_with_a_penalty_is_refused_with_the_reason() {
    let player = |normalisation, penalty| {
        let (optim, betas) = (OptimConfig::default(), Betas::default());
        CriticPlayer::new(critic(normalisation), Loss::Hinge, penalty, optim, betas).map(|_| ())
    };
    let weight = 1.0;
    let penalties = [
        Penalty::R1(weight),
        Penalty::R2(weight),
        Penalty::R1R2(weight),
        Penalty::Gradient(weight),
        Penalty::Lipschitz(weight),
    ];
    for penalty in penalties {
        let error = player(Normalisation::Batch, penalty).unwrap_err();
        assert_eq!(error, GanError::BatchNormPenalty { penalty: penalty.name() });
        assert!(error.to_string().contains("depends on the whole batch"), "{error}");
        player(Normalisation::Spectral, penalty).unwrap();
    }
    player(Normalisation::Batch, Penalty::None).unwrap();
    player(Normalisation::Batch, Penalty::Clip(0.1)).unwrap();
    let error = player(Normalisation::None, Penalty::Clip(0.0)).unwrap_err();
    assert!(matches!(error, GanError::Number { what: "penalty_weight", value: 0.0, .. }));
}

#[test]
fn penalties_have_their_names() {
    for name in Penalty::NAMES {
        assert_eq!(Penalty::by_name(name, 1.0).unwrap().unwrap().name(), name);
    }
    assert!(Penalty::by_name("r3", 1.0).is_none());
    assert!(Penalty::by_name("r1", f64::NAN).unwrap().is_err());
}
