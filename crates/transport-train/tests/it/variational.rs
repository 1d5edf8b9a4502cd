//! Fits without data: importance diagnostics against closed forms and ArviZ, gradients against
//! quadrature, and small fits whose normalising constant is known.

use crate::space;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use std::ops::ControlFlow;
use std::sync::Arc;
use transport_core::device::to_host;
use transport_core::law::{Banana, Gaussian, Mixture};
use transport_core::{Density, Noise, Space};
use transport_models::flow::{Element, Reading, Reference};
use transport_models::net::ConditionerConfig;
use transport_models::{Flow, FlowConfig};
use transport_train::batch::Rows;
use transport_train::objective::{Batch, MaximumLikelihood, Objective, ReverseKl};
use transport_train::optim::OptimConfig;
use transport_train::trainer::LoopConfig;
use transport_train::variational::{
    FitError, GeneralisedPareto, Importance, ImportanceError, Plan, fit, khat_threshold,
    log_weights, psis,
};

/// ArviZ 0.21 (`psislw` with `reff = 1`, `_gpdfit`) on quantiles of a Pareto law of shape k₀: k̂,
/// the largest, second and tenth largest smoothed log weight, and the smallest.
#[test]
fn smoothed_weights_are_arvizs() {
    let cases: [(usize, f64, f64, [f64; 4]); 6] = [
        (
            100,
            0.2,
            0.3196208843338413,
            [-3.7685580617611856, -3.9282204170433466, -4.358540655224004, -4.827219026706084],
        ),
        (
            100,
            0.7,
            0.6062891118970053,
            [-2.1065469300110027, -2.791072959003563, -3.992431834010979, -5.624981544455217],
        ),
        (
            100,
            1.3,
            0.949734967022273,
            [-1.089480338247442, -2.1534974278151253, -4.073238215396395, -7.089494341488578],
        ),
        (
            1000,
            0.2,
            0.236787735857503,
            [-5.611090595382886, -5.785574348011627, -6.18649525606294, -7.131171062282988],
        ),
        (
            1000,
            0.7,
            0.6706577683143559,
            [-2.810945535612846, -3.5495259615970087, -4.795881876402882, -8.028786505836441],
        ),
        (
            1000,
            1.3,
            1.1914657192664775,
            [-0.9419610116781943, -2.2515391567218868, -4.457606545490237, -10.372464881434647],
        ),
    ];
    for (s, shape, khat, expected) in cases {
        let u = |i: usize| (i as f64 + 0.5) / s as f64;
        let weights: Vec<f64> = (0..s).map(|i| -shape * (-u(i)).ln_1p()).collect();
        let smoothed = psis(&weights);
        assert!((smoothed.khat - khat).abs() < 1e-9, "{s}, {shape}: {}", smoothed.khat);
        let mut sorted = smoothed.log_weights;
        sorted.sort_by(f64::total_cmp);
        let got = [sorted[s - 1], sorted[s - 2], sorted[s - 10], sorted[0]];
        for (g, e) in got.into_iter().zip(expected) {
            assert!((g - e).abs() < 1e-9, "{s}, {shape}: {got:?}");
        }
    }
    let x = |i: i32| (f64::from(i) + 0.5) / 40.0;
    let tail: Vec<f64> = (0..40).map(|i| ((1.0 - x(i)).powf(-0.5) - 1.0) / 0.5).collect();
    let law = GeneralisedPareto::fit(&tail);
    assert!((law.shape - 0.5106616408565304).abs() < 1e-9, "{law:?}");
    assert!((law.scale - 0.9743521673010008).abs() < 1e-9, "{law:?}");
}

/// The fit finds the shape of a generalised Pareto sample: its standard error is about
/// (1 + k)/√n, and five of them are allowed.
#[test]
fn the_tails_shape_is_recovered() {
    let n = 4000;
    for shape in [-0.3, 0.3, 0.9] {
        let law = GeneralisedPareto { shape, scale: 2.0 };
        let mut x: Vec<f64> =
            Noise::new(3, n).uniform_values(1).into_iter().map(|u| law.quantile(u)).collect();
        x.sort_by(f64::total_cmp);
        let fit = GeneralisedPareto::fit(&x);
        let error = 5.0 * (1.0 + shape.abs()) / (n as f64).sqrt();
        assert!((fit.shape - shape).abs() < error, "{shape}: {fit:?}");
        assert!((fit.scale - 2.0).abs() < 0.3, "{fit:?}");
    }
}

/// q = N(0, 1), p̃ = 5 N(0, 0.8²): log Z = log 5, and over 300 seeds its error has the reported size.
#[test]
fn the_standard_error_of_log_z_is_honest() {
    let (sigma, n, seeds) = (0.8f64, 400, 300);
    let z = |seed: u64| {
        let log_weight = |x: f64| 5f64.ln() - sigma.ln() - 0.5 * x * x * (sigma.powi(-2) - 1.0);
        let draws = Noise::new(seed, n).normal_values(1);
        let judged =
            Importance::of(&draws.into_iter().map(log_weight).collect::<Vec<_>>()).unwrap();
        assert!(judged.is_reliable() && judged.ess < n as f64, "{judged:?}");
        assert!(judged.elbo < judged.log_z);
        (judged.log_z - 5f64.ln()) / judged.log_z_error
    };
    let all: Vec<f64> = (0..seeds).map(z).collect();
    let mean = all.iter().sum::<f64>() / f64::from(seeds as u32);
    let square = all.iter().map(|z| z * z).sum::<f64>() / f64::from(seeds as u32);
    // Five standard errors of a mean and of a mean square.
    assert!(mean.abs() < 0.29 && (square - 1.0).abs() < 0.41, "{mean}, {square}");
}

#[test]
fn weights_that_say_nothing_are_refused() {
    let refused = |w: &[f64]| Importance::of(w).unwrap_err();
    assert_eq!(refused(&[0.0]), ImportanceError::TooFew { found: 1 });
    assert!(matches!(refused(&[0.0, f64::NAN]), ImportanceError::NotFinite { index: 1, .. }));
    assert!(matches!(refused(&[f64::INFINITY, 0.0]), ImportanceError::NotFinite { index: 0, .. }));
    let none = [f64::NEG_INFINITY; 3];
    assert_eq!(refused(&none), ImportanceError::Disjoint { draws: 3 });
    // A weight of 0 is a weight; equal weights have no tail.
    let some = Importance::of(&[0.0, f64::NEG_INFINITY, 0.0, 0.0]).unwrap();
    assert!((some.ess - 3.0).abs() < 1e-12 && (some.log_z - 0.75f64.ln()).abs() < 1e-12);
    assert_eq!(psis(&[1.0; 50]).khat, f64::INFINITY);
    // A tail of infinite variance is noticed.
    let heavy: Vec<f64> =
        (0..2000).map(|i| -1.2 * (-(f64::from(i) + 0.5) / 2000.0).ln_1p()).collect();
    assert!(!Importance::of(&heavy).unwrap().is_reliable());
    assert!(khat_threshold(100) < 0.7 && khat_threshold(1_000_000) == 0.7);
}

fn flow(reading: Reading) -> FlowConfig {
    FlowConfig {
        reading,
        element: Element::Affine,
        layers: 3,
        net: ConditionerConfig { width: 16, depth: 2 },
        reference: Reference::Gaussian,
    }
}

fn batch(data: Tensor<2>) -> Batch {
    let n = data.dims()[0];
    Batch { data, context: None, noise: Noise::new(3, n), first: 0, whole: n }
}

/// A fresh flow is N(0, I): both divergences in closed form, and the mixture is their mean.
#[test]
fn the_mixture_is_the_weighted_mean_of_both_divergences() {
    let n = 20_000;
    let model = Flow::new(&flow(Reading::Coupling), 2, 0, &Noise::new(0, 1), &space()).unwrap();
    let target = Gaussian::new(vec![0.5, -0.2], vec![1.0, 0.3, 0.3, 0.6]).unwrap();
    let batch = batch(Noise::new(9, n).normal(2, &space()));
    let loss = |forward: f64| {
        let objective = ReverseKl { target: &target, forward, path: false };
        objective.loss(&model, &batch, ()).into_scalar::<f64>()
    };
    // KL(N(0, I) ‖ N(m, Σ)) = ½ (tr Σ⁻¹ + mᵀΣ⁻¹m − 2 + log det Σ), halved per coordinate.
    let (det, m) = (0.51, [0.5, -0.2]);
    let form = (0.6 * m[0] * m[0] - 2.0 * 0.3 * m[0] * m[1] + m[1] * m[1]) / det;
    let kl = 0.5 * (1.6 / det + form - 2.0 + f64::ln(det));
    assert!((loss(0.0) - 0.5 * kl).abs() < 0.02, "{} {kl}", loss(0.0));
    let forward =
        MaximumLikelihood::default().loss(&model, &batch, batch.data.clone()).into_scalar::<f64>();
    assert!((loss(1.0) - forward).abs() < 1e-12);
    assert!((loss(0.25) - 0.75 * loss(0.0) - 0.25 * forward).abs() < 1e-12);
    // By the path the value is the same.
    let path = ReverseKl { target: &target, forward: 0.0, path: true };
    let value = path.loss(&model, &batch, ()).into_scalar::<f64>();
    assert!((value - loss(0.0)).abs() < 1e-9);
}

/// The gradient by a learned reference's weights, which choose, and by its means and scales, which
/// move: against differences of the quadrature of E_q (log q − log p̃).
#[test]
fn the_gradient_of_a_learned_reference_is_without_bias() {
    let (n, space) = (200_000, space());
    let config = FlowConfig {
        layers: 0,
        reference: Reference::Learned { components: 2 },
        ..flow(Reading::Autoregressive)
    };
    let model = Flow::new(&config, 1, 0, &Noise::new(4, 1), &space).unwrap();
    let round = |m: f64, s: f64| Gaussian::isotropic(vec![m], s);
    let target = Mixture::new(vec![0.8, 0.2], vec![round(-1.0, 1.0), round(2.0, 0.7)]).unwrap();
    let blank = batch(space.tensor(vec![0.0; n], [n, 1]));
    let trained = model.clone().train();
    let gradient = |path: bool| {
        let objective = ReverseKl { target: &target, forward: 0.0, path };
        flat(&trained, objective.loss(&trained, &blank, ()).backward())
    };
    let both = [gradient(false), gradient(true)];

    let cells = 8000;
    let x: Vec<f64> =
        (0..cells).map(|i| -10.0 + 20.0 * (f64::from(i) + 0.5) / f64::from(cells)).collect();
    let x = space.tensor::<2>(x, [cells as usize, 1]);
    let exact = |model: &Flow| {
        let (q, p) =
            (to_host(model.log_prob(x.clone(), None)), to_host(target.log_prob(x.clone())));
        let sum: f64 = q.iter().zip(p).map(|(q, p)| q.exp() * (q - p)).sum();
        sum * 20.0 / f64::from(cells)
    };
    let h = 1e-4;
    for k in 0..6 {
        let expected = (exact(&nudged(&model, k, h)) - exact(&nudged(&model, k, -h))) / (2.0 * h);
        for got in both.iter().map(|g| g[k]) {
            // The spread of a row's gradient is about 2: five standard errors.
            assert!((got - expected).abs() < 0.022, "parameter {k}: {got} for {expected}");
        }
    }
    assert_eq!(both.map(|g| g.len()), [6, 6]);
}

/// All gradients, in the order of the parameters.
fn flat(model: &Flow, gradients: Gradients) -> Vec<f64> {
    struct Take(Gradients, Vec<f64>);
    impl ModuleVisitor for Take {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.extend(to_host(param.val().grad(&self.0).unwrap()));
        }
    }
    let mut take = Take(gradients, Vec::new());
    model.visit(&mut take);
    take.1
}

/// The model with its parameter `k` moved by `h`.
fn nudged(model: &Flow, k: usize, h: f64) -> Flow {
    struct Nudge(usize, usize, f64);
    impl ModuleMapper for Nudge {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|x| {
                let shape = x.dims();
                let count: usize = shape.iter().product();
                let place = |i: usize| if self.0 + i == self.1 { self.2 } else { 0.0 };
                let step = Space::of(&x).tensor::<D>((0..count).map(place).collect(), shape);
                self.0 += count;
                x + step
            })
        }
    }
    model.clone().map(&mut Nudge(0, k, h))
}

fn plan(steps: u64, flow: FlowConfig) -> Plan {
    let train = LoopConfig { steps, batch_size: 128, ..LoopConfig::default() };
    let optim = OptimConfig { lr: 5e-3, warmup: 20, weight_decay: 0.0, ..OptimConfig::default() };
    Plan { flow, train, optim, data: None }
}

/// p̃ = e³ N(m, Σ): log Z = 3, by every kind of flow that samples fast, and by a residual one.
#[test]
fn a_small_fit_finds_log_z() {
    struct Scaled(Gaussian);
    impl Density for Scaled {
        fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
            self.0.log_prob(x).add_scalar(3.0)
        }
    }
    let space = Space::f32(&space().device);
    let law = Gaussian::new(vec![1.0, -0.5], vec![1.5, 0.8, 0.8, 0.7]).unwrap();
    for (reading, steps) in
        [(Reading::Coupling, 200), (Reading::Inverse, 200), (Reading::Residual, 60)]
    {
        let mut config = flow(reading);
        if reading == Reading::Residual {
            config.element = Element::Additive;
        }
        let plan = plan(steps, config);
        let mut seen = Vec::new();
        let target = Scaled(law.clone());
        let fitted = fit(&target, 2, &plan, &space, &mut |report| {
            seen.push(report.loss);
            ControlFlow::Continue(())
        });
        let (_, weights) = log_weights(&fitted.unwrap(), &target, &Noise::new(1, 4000), &space);
        let judged = Importance::of(&weights).unwrap();
        assert_eq!(seen.len() as u64, steps);
        assert!(
            (judged.log_z - 3.0).abs() < 0.1 + 5.0 * judged.log_z_error,
            "{reading:?}: {judged:?}"
        );
        assert!(judged.elbo > 2.5, "{reading:?}: {judged:?}, {:?}", seen.last());
    }
}

/// The weight of the forward divergence brings in a mode that the reverse one leaves out.
#[test]
fn data_of_a_missed_mode_are_fitted_by_the_mixture() {
    let space = Space::f32(&space().device);
    let round = |x: f64| Gaussian::isotropic(vec![x, 0.0], 0.5);
    let target = Mixture::new(vec![0.5, 0.5], vec![round(-4.0), round(4.0)]).unwrap();
    let drawn = transport_core::law::PointLaw::draws(&target, &Noise::new(2, 1000));
    let rows = Rows {
        states: drawn.iter().map(|v| *v as f32).collect(),
        dim: 2,
        contexts: Vec::new(),
        context_dim: 0,
    };
    let data = space.tensor::<2>(drawn, [1000, 2]);
    let spline = FlowConfig { element: Element::Spline { bins: 6 }, ..flow(Reading::Coupling) };
    let mut plan = plan(250, spline);
    let mut score = |weight: Option<f64>| {
        plan.data = weight.map(|w| (Arc::new(rows.clone()), w));
        let fitted = fit(&target, 2, &plan, &space, &mut |_| ControlFlow::Continue(())).unwrap();
        fitted.log_prob(data.clone(), None).mean().into_scalar::<f64>()
    };
    let (reverse, both) = (score(None), score(Some(0.5)));
    assert!(both > reverse + 0.5, "{both} with data, {reverse} without");
}

#[test]
fn plans_that_are_none_are_refused() {
    let space = space();
    let target = Banana::default();
    let go = |plan: &Plan, dim: usize| {
        fit(&target, dim, plan, &space, &mut |_| ControlFlow::Continue(())).unwrap_err()
    };
    let good = plan(10, flow(Reading::Coupling));
    assert!(matches!(go(&good, 1), FitError::Flow(_)));
    assert!(matches!(go(&plan(0, good.flow), 2), FitError::Nothing { .. }));
    let rows =
        Arc::new(Rows { states: vec![0.0; 9], dim: 3, contexts: Vec::new(), context_dim: 0 });
    let with = |w: f64| Plan { data: Some((Arc::clone(&rows), w)), ..good.clone() };
    assert!(matches!(go(&with(0.5), 2), FitError::Columns { expected: 2, found: 3 }));
    assert!(matches!(go(&with(1.5), 3), FitError::Weight { .. }));
    let stopped = fit(&target, 2, &good, &Space::f32(&space.device), &mut |report| {
        if report.step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(FitError::Stopped { step: 3 })));
    // A target without a finite value anywhere.
    struct Broken;
    impl Density for Broken {
        fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
            x.sum_dim(1).mul_scalar(f64::NAN).squeeze_dim(1)
        }
    }
    let broken =
        fit(&Broken, 2, &good, &Space::f32(&space.device), &mut |_| ControlFlow::Continue(()));
    assert!(matches!(broken, Err(FitError::Diverged { step: 1, .. })));
}
