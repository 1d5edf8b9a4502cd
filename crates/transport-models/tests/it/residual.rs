//! Residual layers: the bound on the norm holds, the inverse is found, and the estimate of the
//! log-determinant and its gradient are without bias.

use crate::{perturbed, spaces};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use transport_core::device::to_host;
use transport_core::law::StdErr;
use transport_core::testkit::estimate_is_calibrated;
use transport_core::{DensityEstimate, Noise, Space};
use transport_models::flow::residual::LIPSCHITZ;
use transport_models::flow::{Element, Estimated, LogDet, Reading, Reference};
use transport_models::net::{ConditionerConfig, Contraction, operator_norm_bound};
use transport_models::{Flow, FlowConfig};

const NET: ConditionerConfig = ConditionerConfig { width: 24, depth: 2 };

fn flow(d: usize, context: usize, space: &Space) -> Flow {
    let config = FlowConfig {
        reading: Reading::Residual,
        element: Element::Additive,
        layers: 2,
        net: NET,
        reference: Reference::Gaussian,
    };
    let model = Flow::new(&config, d, context, &Noise::new(5, 1), space).unwrap();
    grown(perturbed(model), 2.0)
}

/// Every parameter times a factor, as training without a bound could leave it.
fn grown<M: Module>(model: M, factor: f64) -> M {
    struct Grow(f64);
    impl ModuleMapper for Grow {
        fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
            param.map(|x| x.mul_scalar(self.0))
        }
    }
    model.map(&mut Grow(factor))
}

/// The largest singular value by 4000 steps of power iteration in f64.
fn largest_singular_value(w: &[f64], k: usize, m: usize) -> f64 {
    let mut v: Vec<f64> = (0..m).map(|j| (1.0 + j as f64).sin()).collect();
    let mut norm = 0.0;
    for _ in 0..4000 {
        let u: Vec<f64> = (0..k).map(|i| (0..m).map(|j| w[i * m + j] * v[j]).sum()).collect();
        v = (0..m).map(|j| (0..k).map(|i| w[i * m + j] * u[i]).sum()).collect();
        norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        v.iter_mut().for_each(|v| *v /= norm);
    }
    norm.sqrt()
}

#[test]
fn the_bound_is_above_the_norm_and_near_it() {
    let (single, double) = spaces();
    for (space, eps) in [(single, 1e-5), (double, 1e-12)] {
        for (k, m) in [(1, 1), (2, 30), (30, 2), (24, 24), (64, 64)] {
            for (seed, scale) in [(1, 1.0), (2, 1e-6), (3, 1e4)] {
                let values = Noise::new(seed, k).normal_values(m);
                let values: Vec<f64> = values.into_iter().map(|v| scale * v).collect();
                let exact = largest_singular_value(&values, k, m);
                let bound = to_host(operator_norm_bound(space.tensor(values, [k, m])))[0];
                let rank = k.min(m) as f64;
                assert!(bound >= exact * (1.0 - eps), "{k}×{m}: {bound} under {exact}");
                let most = exact * rank.powf(1.0 / 256.0) * (1.0 + eps);
                assert!(bound <= most, "{k}×{m}: {bound} over {most}");
            }
        }
        // Iteration from (1, …, 1) would never see this one's direction.
        let hidden = vec![3.0, -3.0, 1e-3, 1e-3];
        let bound = to_host(operator_norm_bound(space.tensor(hidden, [2, 2])))[0];
        assert!(bound >= 18f64.sqrt() * (1.0 - eps), "{bound}");
        let zero = operator_norm_bound(space.tensor(vec![0.0; 6], [2, 3]));
        assert!(to_host(zero)[0] < 1e-9);
    }
}

/// Whatever the weights, `|g(x) − g(y)| ≤ κ |x − y|`: over pairs near and far.
#[test]
fn the_network_is_a_contraction_at_any_weights() {
    let (single, double) = spaces();
    let d = 3;
    for (space, slack) in [(single, 1e-3), (double, 1e-9)] {
        let fresh = Contraction::new(&NET, LIPSCHITZ, d, 0, &Noise::new(5, 1), &space);
        for factor in [0.1, 1.0, 30.0, 1e3] {
            let net = grown(perturbed(fresh.clone()), factor).given(None);
            let x = Noise::new(1, 400).normal(d, &space);
            for step in [0.05, 1.0, 30.0] {
                let u = Noise::new(2, 400).normal(d, &space).mul_scalar(step);
                let rise = net.value(x.clone() + u.clone()) - net.value(x.clone());
                let size = |t: Tensor<2>| to_host(t.powi_scalar(2).sum_dim(1).sqrt());
                for (rise, run) in size(rise).into_iter().zip(size(u)) {
                    assert!(rise <= (LIPSCHITZ + slack) * run, "×{factor}: {}", rise / run);
                }
            }
        }
    }
}

/// The derivative along a direction and the whole Jacobian are the differences'.
#[test]
fn derivatives_are_differences() {
    let (_, space) = spaces();
    let d = 3;
    let net = Contraction::new(&NET, LIPSCHITZ, d, 2, &Noise::new(5, 1), &space);
    let c = Noise::new(4, 5).normal(2, &space);
    let net = grown(perturbed(net), 3.0).given(Some(&c));
    let (x, u) = (Noise::new(1, 5).normal(d, &space), Noise::new(2, 5).normal(d, &space));
    let (value, derivative) = net.linearised(x.clone());
    let gap = to_host(value - net.value(x.clone()));
    assert!(gap.iter().all(|g| g.abs() < 1e-12));
    let h = 1e-5;
    let step = u.clone().mul_scalar(h);
    let rise = net.value(x.clone() + step.clone()) - net.value(x - step);
    let expected = to_host(rise.div_scalar(2.0 * h));
    let along = to_host(derivative.along(u.clone()));
    let through = to_host(derivative.jacobian().matmul(u.unsqueeze_dim(2)));
    for ((a, b), e) in along.iter().zip(through).zip(expected) {
        assert!((a - e).abs() < 1e-8 && (b - e).abs() < 1e-8, "{a}, {b} where {e} is right");
    }
}

/// The training's estimate against the exact log-density: mean error 0 and honest standard errors.
/// 200 draws a row make a mean normal enough; 200 rows leave the mean square of z-scores a standard
/// error of 0.1.
#[test]
fn the_estimate_is_within_its_error_bars() {
    let (_, space) = spaces();
    for d in [2, 4] {
        let model = flow(d, 0, &space);
        let x = Noise::new(3, 200).normal(d, &space);
        let noise = Noise::new(7, 200);
        let estimated = Estimated { flow: model.given(None), draws: 200 };
        estimate_is_calibrated(&estimated, &model.given(None), &x, &noise, 0.4)
            .unwrap_or_else(|e| panic!("{d}: {e}"));
        // Planted: a series that stops early is off by more than its error bars.
        let shifted = Shifted(estimated);
        assert!(estimate_is_calibrated(&shifted, &model.given(None), &x, &noise, 0.4).is_err());
    }
}

struct Shifted<'a>(Estimated<'a>);

impl DensityEstimate for Shifted<'_> {
    fn estimate(&self, x: Tensor<2>, noise: &Noise) -> (Tensor<1>, StdErr) {
        let (value, error) = self.0.estimate(x, noise);
        (value.add_scalar(0.02), error)
    }
}

/// A row's estimate has the same bits in any chunk.
#[test]
fn the_estimate_of_a_row_is_its_own() {
    let (single, double) = spaces();
    for space in [single, double] {
        let model = flow(3, 0, &space);
        let (x, noise) = (Noise::new(3, 37).normal(3, &space), Noise::new(7, 37));
        let at = |x: Tensor<2>, noise: &Noise| {
            to_host(model.log_prob_by(x, None, LogDet::AlwaysEstimate(noise)))
        };
        let whole = at(x.clone(), &noise);
        let mut parts = Vec::new();
        for rows in [0..1, 1..3, 3..20, 20..37] {
            parts.extend(at(x.clone().slice([rows.clone()]), &noise.rows(rows)));
        }
        assert!(whole.iter().zip(&parts).all(|(a, b)| a.to_bits() == b.to_bits()));
        let samples = to_host(model.sample(&noise, None, &space));
        let few = to_host(model.sample(&noise.rows(5..9), None, &space));
        assert_eq!(&samples[15..27], &few[..], "a row is found by its own fixed point");
    }
}

fn flat(model: &Flow, gradients: &Gradients) -> Vec<f64> {
    struct Take<'a>(&'a Gradients, Vec<f64>);
    impl ModuleVisitor for Take<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            match value.grad(self.0) {
                Some(gradient) => self.1.extend(to_host(gradient)),
                None => self.1.extend(vec![0.0; value.dims().iter().product()]),
            }
        }
    }
    let mut take = Take(gradients, Vec::new());
    model.visit(&mut take);
    take.1
}

/// The gradient of the estimate has the exact gradient as its mean, parameter by parameter: over
/// 300 draws, no z-score above 5 among a thousand parameters (false alarm 6e-4 for a random seed)
/// and a mean square near 1.
#[test]
fn the_estimates_gradient_is_without_bias() {
    let (_, space) = spaces();
    let d = 3;
    let model = flow(d, 0, &space).train();
    let x = Noise::new(3, 16).normal(d, &space);
    let gradient =
        |how: LogDet<'_>| flat(&model, &model.log_prob_by(x.clone(), None, how).sum().backward());
    let exact = gradient(LogDet::Exact);
    let draws = 300;
    let (mut sum, mut square) = (vec![0.0; exact.len()], vec![0.0; exact.len()]);
    for k in 0..draws {
        let noise = Noise::new(11, 16).at_step(k);
        for (i, g) in gradient(LogDet::AlwaysEstimate(&noise)).into_iter().enumerate() {
            sum[i] += g - exact[i];
            square[i] += (g - exact[i]).powi(2);
        }
    }
    let z: Vec<f64> =
        sum.iter().zip(&square).filter(|(_, q)| **q > 1e-16).map(|(s, q)| s / q.sqrt()).collect();
    assert!(z.len() > 500, "{} parameters move the estimate", z.len());
    let most = z.iter().fold(0.0f64, |m, z| m.max(z.abs()));
    assert!(most < 5.0, "a mean gradient is {most} standard errors off");
}

/// The way back can be differentiated: by parameters and by the point, against differences.
#[test]
fn the_fixed_point_has_a_gradient() {
    let (_, space) = spaces();
    let d = 2;
    let model = flow(d, 0, &space);
    let z = Noise::new(3, 6).normal(d, &space);
    let loss = |model: &Flow, z: Tensor<2>| {
        let (x, log_det) = model.push(z, None);
        x.powi_scalar(2).sum() + log_det.sum()
    };
    let leaf = z.clone().autodiff().require_grad();
    let gradients = loss(&model, leaf.clone()).backward();
    let got = to_host(leaf.grad(&gradients).unwrap());
    let h = 1e-6;
    for k in 0..z.dims().iter().product::<usize>() {
        let mut step = vec![0.0; got.len()];
        step[k] = h;
        let step = space.tensor::<2>(step, z.dims());
        let rise = loss(&model, z.clone() + step.clone()) - loss(&model, z.clone() - step);
        let expected = rise.into_scalar::<f64>() / (2.0 * h);
        assert!((got[k] - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{} {expected}", got[k]);
    }
    // Along the gradient the loss rises by its squared length.
    let trained = model.clone().train();
    let gradient = flat(&trained, &loss(&trained, z.clone()).backward());
    let square: f64 = gradient.iter().map(|g| g * g).sum();
    let moved = |h: f64| loss(&along(model.clone(), &gradient, h), z.clone()).into_scalar::<f64>();
    let rise = (moved(h) - moved(-h)) / (2.0 * h);
    assert!((rise - square).abs() < 1e-4 * square, "{rise} where {square} is right");
}

/// The model with its parameters moved by `h` times a flat direction.
fn along(model: Flow, direction: &[f64], h: f64) -> Flow {
    struct Move<'a>(&'a [f64], f64);
    impl ModuleMapper for Move<'_> {
        fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
            param.map(|x| {
                let shape = x.dims();
                let (mine, rest) = self.0.split_at(shape.iter().product());
                self.0 = rest;
                let step = mine.iter().map(|g| self.1 * g).collect();
                x.clone() + Space::of(&x).tensor::<K>(step, shape)
            })
        }
    }
    model.map(&mut Move(direction, h))
}
