//! The objectives against closed forms, and each has its minimum at the oracle.

use burn::tensor::Tensor;
use transport_core::law::{Gaussian, Law, OracleFlow};
use transport_core::schedule::Named;
use transport_core::{Field, Noise, Prediction, Schedule, ScoredField, Space, Times, device};
use transport_models::flow::{Element, Reading, Reference};
use transport_models::net::{ConditionerConfig, MlpConfig};
use transport_models::{Dynamics, DynamicsConfig, Flow, FlowConfig};
use transport_train::objective::{
    Batch, DenoisingScoreMatching, FlowMatching, MaximumLikelihood, Objective,
};

const N: usize = 20_000;

fn space() -> Space {
    Space::f64(&device::select(None).unwrap())
}

fn model(schedule: Named, prediction: Prediction) -> Dynamics {
    let net = MlpConfig { width: 8, depth: 1, frequencies: 2 };
    let config = DynamicsConfig { schedule, head: prediction.into(), net, uncertainty: false };
    Dynamics::new(&config, 2, 0, &Noise::new(0, 1), &space())
}

fn batch(data: Tensor<2>) -> Batch {
    let n = data.dims()[0];
    Batch { data, context: None, noise: Noise::new(3, n), first: 0, whole: n }
}

fn law() -> Gaussian {
    Gaussian::new(vec![0.5, -0.2], vec![1.0, 0.3, 0.3, 0.6]).unwrap()
}

fn data() -> Tensor<2> {
    law().sample(&Noise::new(1, N).purpose("data"), &space())
}

/// A fresh network's last layer is zero, so its loss is the target's mean square: for straight
/// lines E|x₁ − x₀|²/d = 1 + (tr Σ + |m|²)/d, for the noise 1. Five standard errors of a mean of N
/// squares stay below 0.06.
#[test]
fn the_loss_of_zero_is_the_targets_size() {
    let batch = batch(data());
    let model_fm = model(Named::Rectified, Prediction::Velocity);
    let loss = FlowMatching.loss(&model_fm, &batch, FlowMatching.draw(&model_fm, &batch));
    let exact = 1.0 + (1.6 + 0.25 + 0.04) / 2.0;
    let got = loss.into_scalar::<f64>();
    assert!((got - exact).abs() < 0.06, "{got} against {exact}");

    let objective = DenoisingScoreMatching::default();
    for prediction in [Prediction::Noise, Prediction::Score] {
        let model = model(Named::Vp, prediction);
        let draw = objective.draw(&model, &batch);
        let got = objective.loss(&model, &batch, draw).into_scalar::<f64>();
        assert!((got - 1.0).abs() < 0.06, "{prediction:?}: {got}");
    }
}

/// Regression on conditional targets is minimised by the marginal field: at the oracle the mean
/// residual times any function of (x, t) vanishes. Tried with the functions 1, x and t x.
#[test]
fn the_oracle_is_the_minimiser() {
    let batch = batch(data());
    let residual_moments = |schedule: Named, prediction: Prediction| {
        let probe = model(schedule, prediction);
        let (x0, times) = DenoisingScoreMatching::default().draw(&probe, &batch);
        let interpolant = transport_core::interpolant::Interpolant { schedule };
        let flow = OracleFlow { law: law(), schedule };
        // By time slices: the oracle is evaluated once per distinct time, so few are kept.
        let coarse: Vec<f64> = times.iter().map(|t| (t * 16.0).round() / 16.0).collect();
        let inside = |t: f64| t.clamp(schedule.domain().start, schedule.domain().end);
        let coarse: Vec<f64> = coarse.into_iter().map(inside).collect();
        let t_coarse = Times::Each(&coarse);
        let x = interpolant.point(x0.clone(), batch.data.clone(), t_coarse);
        let (oracle, target) = match prediction {
            Prediction::Velocity => (
                flow.eval(x.clone(), t_coarse),
                interpolant.velocity(x0, batch.data.clone(), t_coarse),
            ),
            _ => {
                let score = flow.velocity_and_score(x.clone(), t_coarse).1;
                (t_coarse.scale(score, |t| -schedule.at(t).sigma), x0)
            }
        };
        let residual = oracle - target;
        let mean = |a: Tensor<2>| a.mean().into_scalar::<f64>().abs();
        let by_x = mean(residual.clone() * x.clone());
        let by_tx = mean(t_coarse.scale(residual.clone() * x, |t| t));
        [mean(residual), by_x, by_tx]
    };
    for (schedule, prediction) in [
        (Named::Rectified, Prediction::Velocity),
        (Named::Trigonometric, Prediction::Velocity),
        (Named::Vp, Prediction::Noise),
        (Named::Subvp, Prediction::Noise),
    ] {
        let moments = residual_moments(schedule, prediction);
        assert!(moments.iter().all(|m| *m < 0.04), "{schedule:?}: {moments:?}");
    }
}

/// Shards draw what the whole batch draws.
#[test]
fn a_shards_draw_is_its_part_of_the_batchs() {
    let whole = batch(data());
    let model = model(Named::Rectified, Prediction::Velocity);
    let (x0, times) = FlowMatching.draw(&model, &whole);
    let rows = 5000..5300;
    let part = Batch {
        data: whole.data.clone().slice([rows.clone()]),
        noise: whole.noise.rows(rows.clone()),
        first: rows.start,
        ..whole.clone()
    };
    let (x0_part, times_part) = FlowMatching.draw(&model, &part);
    assert_eq!(times[rows.clone()], times_part);
    let gap = (x0.slice([rows]) - x0_part).abs().max().into_scalar::<f64>();
    assert_eq!(gap, 0.0);
}

#[test]
fn times_cover_the_domain_evenly() {
    let batch = batch(data());
    let domain = Named::Vp.domain();
    let mut times = batch.times(domain);
    times.sort_by(f64::total_cmp);
    let step = domain.length() / N as f64;
    assert!(times[0] >= domain.start && times[0] < domain.start + step);
    assert!(times.windows(2).all(|w| (w[1] - w[0] - step).abs() < 1e-9));
}

/// A fresh flow is the identity, so its cross-entropy is the standard normal's.
#[test]
fn maximum_likelihood_of_the_identity_is_the_normals_cross_entropy() {
    let batch = batch(data());
    let net = ConditionerConfig { width: 8, depth: 1 };
    let config = FlowConfig {
        reading: Reading::Coupling,
        element: Element::Affine,
        layers: 1,
        net,
        reference: Reference::Gaussian,
    };
    let model = Flow::new(&config, 2, 0, &Noise::new(0, 1), &space()).unwrap();
    let objective = MaximumLikelihood::default();
    let loss = objective.loss(&model, &batch, objective.draw(&model, &batch));
    let square = batch.data.clone().powi_scalar(2).mean().into_scalar::<f64>();
    let exact = 0.5 * (square + std::f64::consts::TAU.ln());
    assert!((loss.into_scalar::<f64>() - exact).abs() < 1e-10);

    // Uniform dequantisation of width w adds w²/12 to each variance (five standard errors).
    let objective = MaximumLikelihood { spacing: 2.0 };
    let loss = objective.loss(&model, &batch, objective.draw(&model, &batch));
    let exact = exact + 0.5 * 4.0 / 12.0;
    assert!((loss.into_scalar::<f64>() - exact).abs() < 0.03);
}
