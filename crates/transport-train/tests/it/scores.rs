//! Every score-matching loss has its minimum at the score: in closed form over affine fields, as an
//! identity between losses at any network, and by training one.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use std::sync::Arc;
use transport_core::field::AffineField;
use transport_core::law::{Gaussian, Mixture, OracleFlow, PointLaw};
use transport_core::linalg::{cholesky, invert_lower};
use transport_core::schedule::Named;
use transport_core::{
    Field, Head, Noise, Preconditioning, Prediction, Schedule, ScoredField, Space, Times, device,
};
use transport_models::net::MlpConfig;
use transport_models::{Dynamics, DynamicsConfig};
use transport_train::batch::Rows;
use transport_train::objective::{
    Batch, DenoisingScoreMatching, ExplicitScoreMatching, FiniteDifferenceScoreMatching,
    ImplicitScoreMatching, Objective, SlicedScoreMatching, TimeLaw, Weighting, explicit,
    finite_difference, implicit, sliced,
};
use transport_train::optim::OptimConfig;
use transport_train::trainer::{LoopConfig, Trainer, Training};

const T: f64 = 0.7;
const SCHEDULE: Named = Named::Vp;

fn space() -> Space {
    Space::f64(&device::select(None).unwrap())
}

fn law() -> Gaussian {
    Gaussian::new(vec![0.5, -0.2], vec![1.0, 0.3, 0.3, 0.6]).unwrap()
}

/// All signs: `[4, 2]`, whose moments up to the third are the standard normal's.
const SIGNS: [[f64; 2]; 4] = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];

/// Every data point `m + L ξ` with every reference point: means of quadratics over these rows are
/// the law's exactly.
fn pairs() -> (Tensor<2>, Tensor<2>) {
    let (law, mut x0, mut x1) = (law(), Vec::new(), Vec::new());
    for xi in SIGNS {
        for z in SIGNS {
            let l = law.cholesky();
            x1.extend([law.mean()[0] + l[0] * xi[0], law.mean()[1] + l[2] * xi[0] + l[3] * xi[1]]);
            x0.extend(z);
        }
    }
    (space().tensor(x0, [16, 2]), space().tensor(x1, [16, 2]))
}

fn noised(x0: Tensor<2>, x1: Tensor<2>) -> Tensor<2> {
    let c = SCHEDULE.at(T);
    x1.mul_scalar(c.alpha) + x0.mul_scalar(c.sigma)
}

fn affine(p: &[f64]) -> AffineField {
    AffineField { matrix: p[..4].to_vec(), offset: p[4..].to_vec(), rate: vec![0.0; 2] }
}

type Loss<'a> = &'a dyn Fn(&AffineField) -> Tensor<1>;

/// The minimiser over affine fields of a loss that is quadratic in them: differences are exact.
fn minimiser(loss: Loss<'_>) -> AffineField {
    let at = |units: &[(usize, f64)]| {
        let mut p = vec![0.0; 6];
        units.iter().for_each(|(i, value)| p[*i] += value);
        loss(&affine(&p)).into_scalar::<f64>()
    };
    let base = at(&[]);
    let slope: Vec<f64> = (0..6).map(|i| 0.5 * (at(&[(i, 1.0)]) - at(&[(i, -1.0)]))).collect();
    let bend = |k: usize| {
        let (i, j) = ((k / 6, 1.0), (k % 6, 1.0));
        at(&[i, j]) - at(&[i]) - at(&[j]) + base
    };
    let hessian: Vec<f64> = (0..36).map(bend).collect();
    let inverse = invert_lower(&cholesky(&hessian, 6).unwrap(), 6);
    let half: Vec<f64> =
        (0..6).map(|i| (0..6).map(|j| inverse[i * 6 + j] * slope[j]).sum()).collect();
    let solution: Vec<f64> =
        (0..6).map(|j| -(0..6).map(|i| inverse[i * 6 + j] * half[i]).sum::<f64>()).collect();
    affine(&solution)
}

/// How far a field is from the exact score of `q_t`, away from the rows it was fitted on.
fn gap_to_the_score(score: impl Fn(Tensor<2>) -> Tensor<2>) -> f64 {
    let oracle = OracleFlow { law: law(), schedule: SCHEDULE };
    let x = Noise::new(9, 50).normal(2, &space()).mul_scalar(2.0);
    let exact = oracle.velocity_and_score(x.clone(), Times::Same(T)).1;
    (score(x) - exact).abs().max().into_scalar::<f64>()
}

/// The closed form is `s(x) = −(α²Σ + σ²I)⁻¹ (x − α m)`.
#[test]
fn the_affine_minimiser_of_every_loss_is_the_gaussians_score() {
    let (x0, x1) = pairs();
    let (x, t) = (noised(x0.clone(), x1.clone()), Times::Same(T));
    let oracle = OracleFlow { law: law(), schedule: SCHEDULE };
    let fixed = |v: [f64; 2]| space().tensor::<2>(v.to_vec(), [1, 2]).expand([16, 2]);
    let slices = [fixed(SIGNS[0]), fixed(SIGNS[1])];
    let alternating = space().tensor((0..16).flat_map(|k| SIGNS[k % 2]).collect(), [16, 2]);
    let h = || space().tensor(vec![0.3], [1, 1]);
    let losses: [(&str, Loss<'_>); 4] = [
        ("explicit", &|s| explicit(s, &oracle, x.clone(), t, None)),
        ("implicit", &|s| implicit(s, x.clone(), t, None)),
        ("sliced", &|s| sliced(s, x.clone(), t, None, &slices)),
        ("finite difference", &|s| {
            finite_difference(s, x.clone(), t, None, alternating.clone(), h())
        }),
    ];
    for (name, loss) in losses {
        let score = minimiser(loss);
        let gap = gap_to_the_score(|x| score.eval(x, t));
        assert!(gap < 1e-9, "{name}: {gap}");
    }
    // A planted fault: a trace counted once is no score matching.
    let wrong = minimiser(&|s| {
        let value = implicit(s, x.clone(), t, None);
        let square = s.eval(x.clone(), t).powi_scalar(2).sum_dim(1).mean().div_scalar(2.0);
        (value + square).mul_scalar(0.5)
    });
    assert!(gap_to_the_score(|x| wrong.eval(x, t)) > 0.1);
}

/// Denoising: the regression of each head's target, read as a score.
#[test]
fn the_affine_minimiser_of_denoising_is_the_gaussians_score_for_every_head() {
    let (x0, x1) = pairs();
    let (x, t) = (noised(x0.clone(), x1.clone()), Times::Same(T));
    let edm = Head::Edm(Preconditioning { sigma_data: 0.8 });
    for head in Prediction::ALL.into_iter().map(Head::from).chain([edm]) {
        let target = head.target(x0.clone(), x1.clone(), t, SCHEDULE);
        let fitted = minimiser(&|f| (f.eval(x.clone(), t) - target.clone()).powi_scalar(2).mean());
        let gap = gap_to_the_score(|x| {
            head.convert(Prediction::Score, fitted.eval(x.clone(), t), x, t, &SCHEDULE)
        });
        assert!(gap < 1e-9, "{head:?}: {gap}");
    }
}

fn network(head: Head, space: &Space, width: usize, depth: usize) -> Dynamics {
    let net = MlpConfig { width, depth, frequencies: 4 };
    let config = DynamicsConfig { schedule: SCHEDULE, head, net, uncertainty: false };
    Dynamics::new(&config, 2, 0, &Noise::new(0, 1), space)
}

/// A network whose last layer is not at its initial zero.
fn perturbed(model: Dynamics) -> Dynamics {
    struct Perturb(u64);
    impl ModuleMapper for Perturb {
        fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
            self.0 += 1;
            let seed = self.0;
            param.map(|x| {
                let (space, shape) = (Space::of(&x), x.dims());
                let noise = Noise::new(seed, 1).normal_values(shape.iter().product());
                x + space.tensor::<K>(noise, shape).mul_scalar(0.2)
            })
        }
    }
    model.map(&mut Perturb(0))
}

/// At any network, each loss without a target plus `E‖x₀‖²/d` is denoising's: for the noise head
/// both weigh the score by σ². The two means are over the same 40,000 draws; their difference
/// varies by less than 4 a row, so that five standard errors are below 0.1, and a trace counted
/// once is off by more.
#[test]
fn losses_without_a_target_are_denoising_less_a_constant() {
    let n = 40_000;
    let data = space().tensor(law().draws(&Noise::new(1, n)), [n, 2]);
    let batch = Batch { data, context: None, noise: Noise::new(3, n), first: 0, whole: n };
    let model = perturbed(network(Prediction::Noise.into(), &space(), 16, 2));
    let objective = DenoisingScoreMatching::default();
    let (x0, times) = objective.draw(&model, &batch);
    let size = x0.clone().powi_scalar(2).mean().into_scalar::<f64>();
    let denoising = objective.loss(&model, &batch, (x0, times)).into_scalar::<f64>() - size;
    fn value<O: Objective<Dynamics>>(objective: &O, model: &Dynamics, batch: &Batch) -> f64 {
        objective.loss(model, batch, objective.draw(model, batch)).into_scalar::<f64>()
    }
    let times = TimeLaw::default();
    let implicit = value(&ImplicitScoreMatching::default(), &model, &batch);
    let sliced = value(&SlicedScoreMatching { slices: 2, ..Default::default() }, &model, &batch);
    let differences = value(&FiniteDifferenceScoreMatching::default(), &model, &batch);
    assert!((implicit - denoising).abs() < 0.1, "{implicit} against {denoising}");
    assert!((sliced - implicit).abs() < 0.1, "{sliced} against {implicit}");
    assert!((differences - implicit).abs() < 0.1, "{differences} against {implicit}");
    // The trace matters: the losses are not near their squares alone.
    let oracle = OracleFlow { law: Gaussian::isotropic(vec![0.0; 2], 1e8), schedule: SCHEDULE };
    let coarse = Batch {
        data: batch.data.clone().narrow(0, 0, 200),
        noise: batch.noise.rows(0..200),
        whole: 200,
        ..batch
    };
    let square = ExplicitScoreMatching { oracle, times, weighting: Weighting::Uniform };
    assert!((value(&square, &model, &coarse) - implicit).abs() > 0.2);
}

/// `E‖s_θ − s*‖²/E‖s*‖²` on points of `q_t`.
fn relative_error(model: &Dynamics, law: &Mixture, t: f64, space: &Space) -> f64 {
    let oracle = OracleFlow { law: law.clone(), schedule: SCHEDULE };
    let x = space.tensor(oracle.at(t).draws(&Noise::new(77, 5000)), [5000, 2]);
    let own = model.given(None).velocity_and_score(x.clone(), Times::Same(t)).1;
    let exact = oracle.velocity_and_score(x, Times::Same(t)).1;
    let error = (own - exact.clone()).powi_scalar(2).mean().into_scalar::<f64>();
    error / exact.powi_scalar(2).mean().into_scalar::<f64>()
}

fn trained<O: Objective<Dynamics>>(objective: O, law: &Mixture, steps: u64) -> Dynamics {
    let space = Space::f32(&device::select(None).unwrap());
    let states = law.draws(&Noise::new(5, 20_000)).into_iter().map(|v| v as f32).collect();
    let rows = Rows { states, dim: 2, contexts: vec![], context_dim: 0 };
    let config = LoopConfig { steps, batch_size: 256, ..LoopConfig::default() };
    let optim = OptimConfig { ema: 0.99, ..OptimConfig::default() };
    let model = network(Prediction::Noise.into(), &space, 64, 2);
    let mut trainer = Trainer::new(model.clone(), objective, Arc::new(rows), config, optim, &space);
    (0..steps).for_each(|_| {
        trainer.step();
    });
    trainer.weights().fill(model).unwrap()
}

/// The bars are the project's: 0.05 for denoising, 0.10 for the losses that read a trace.
#[test]
fn training_finds_the_score_of_a_mixture() {
    let parts = [[-1.0, 0.4], [1.0, 0.8], [0.3, -1.1]];
    let components = parts.iter().map(|m| Gaussian::isotropic(m.to_vec(), 0.35)).collect();
    let law = Mixture::new(vec![0.5, 0.3, 0.2], components).unwrap();
    let times = TimeLaw::At(0.9);
    let space = Space::f32(&device::select(None).unwrap());
    let error = |model: Dynamics| relative_error(&model, &law, 0.9, &space);
    let denoising = DenoisingScoreMatching { times, ..Default::default() };
    let implicit = ImplicitScoreMatching { times, ..Default::default() };
    let sliced = SlicedScoreMatching { times, ..Default::default() };
    let differences = FiniteDifferenceScoreMatching { times, ..Default::default() };
    let found = [
        ("denoising", error(trained(denoising, &law, 1000)), 0.05),
        ("implicit", error(trained(implicit, &law, 1000)), 0.10),
        ("sliced", error(trained(sliced, &law, 1000)), 0.10),
        ("finite difference", error(trained(differences, &law, 1000)), 0.10),
    ];
    for (name, error, bar) in found {
        println!("{name}: {error}");
        assert!(error < bar, "{name}: {error}");
    }
    // A fresh network's score is zero, and its relative error one.
    assert!((error(network(Prediction::Noise.into(), &space, 64, 2)) - 1.0).abs() < 1e-6);
}
