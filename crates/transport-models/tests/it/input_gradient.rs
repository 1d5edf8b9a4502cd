//! The critic's input gradient: against differences, against autodiff, and differentiated again.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use transport_core::device::{Space, select, to_host};
use transport_core::law::{Gaussian, Mixture};
use transport_core::{Density, Noise, Score};
use transport_models::gan::input_gradient::gradient_is_the_derivative;
use transport_models::gan::{
    Band, Bend, Critic, CriticConfig, InputGradient, Normalisation, Optimal, Seen,
};
use transport_models::net::{Canvas, Pixels};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}

fn config(bend: Bend, normalisation: Normalisation) -> CriticConfig {
    CriticConfig {
        width: 6,
        depth: 2,
        stages: 0,
        channels: 2,
        pack: 1,
        fourier: Band { count: 0, turns: 0.3, octaves: 2.0 },
        bend,
        normalisation,
        bound: 1.5,
    }
}

/// Two channels of 7 × 5 with three constant pixels: strides leave a row unread on the way.
fn image() -> Canvas {
    let pixels = Pixels { channels: 2, height: 7, width: 5 };
    let columns: Vec<usize> = (0..pixels.len()).filter(|p| ![0, 33, 69].contains(p)).collect();
    let background = (0..pixels.len()).map(|p| p as f64 / 10.0).collect();
    Canvas { pixels, columns, background, bounds: None }
}

/// Every kind of critic, with what it sees.
fn critics() -> Vec<(String, Critic, Seen)> {
    let mut all = Vec::new();
    for bend in Bend::ALL {
        for normalisation in [Normalisation::None, Normalisation::Spectral] {
            let dense = config(bend, normalisation);
            let fourier = CriticConfig { fourier: Band { count: 3, ..dense.fourier }, ..dense };
            let packed = CriticConfig { pack: 2, ..fourier };
            let strided = CriticConfig { stages: 2, depth: 1, ..dense };
            let canvas = image();
            let pixels = Seen { dim: canvas.dim(), context: 2, canvas: Some(canvas) };
            let rows = |context| Seen { context, ..Seen::rows(3) };
            for (kind, config, seen) in [
                ("dense", dense, rows(0)),
                ("dense given a context", dense, rows(2)),
                ("fourier", fourier, rows(0)),
                ("packed, given a context", packed, rows(2)),
                ("strided", strided, pixels),
            ] {
                let critic = Critic::new(&config, &seen, &Noise::new(3, 1), &space()).unwrap();
                let (dim, context) = (config.pack * seen.dim, config.pack * seen.context);
                let judged = Seen { dim, context, ..seen };
                all.push((format!("{kind} {bend:?} {normalisation:?}"), critic, judged));
            }
        }
    }
    all
}

fn points(seen: &Seen, n: usize) -> (Tensor<2>, Option<Tensor<2>>) {
    let x = Noise::new(8, n).normal(seen.dim, &space());
    let c = (seen.context > 0).then(|| Noise::new(9, n).normal(seen.context, &space()));
    (x, c)
}

#[test]
fn gradients_are_the_derivatives() {
    for (name, critic, seen) in critics() {
        let (x, c) = points(&seen, 3);
        gradient_is_the_derivative(&critic.given(c), &x, 1e-7)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let oracle = Optimal {
        data: Mixture::circle(3, 1.0, 0.6),
        model: Gaussian::isotropic(vec![0.2, -0.1], 1.2),
    };
    let x = Noise::new(8, 20).normal(2, &space());
    gradient_is_the_derivative(&oracle, &x, 1e-7).unwrap();
}

/// Faults that someone might write, on the oracle.
struct Faulty<F>(F, fn(Tensor<2>) -> Tensor<2>);

impl<F: InputGradient> InputGradient for Faulty<F> {
    fn value(&self, x: Tensor<2>) -> Tensor<2> {
        self.0.value(x)
    }

    fn value_and_gradient(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (value, gradient) = self.0.value_and_gradient(x);
        (value, (self.1)(gradient))
    }
}

#[test]
fn the_suite_rejects_wrong_gradients() {
    let x = Noise::new(8, 4).normal(2, &space());
    let law = || Gaussian::isotropic(vec![0.5, 0.0], 0.7);
    let faults: [fn(Tensor<2>) -> Tensor<2>; 3] =
        [|g| g.neg(), |g| g.flip([1]), |g| g.mul_scalar(1.0 + 1e-5)];
    for fault in faults {
        let oracle = Optimal { data: law(), model: Gaussian::standard(2) };
        assert!(gradient_is_the_derivative(&Faulty(oracle, fault), &x, 1e-7).is_err());
    }
    // A value that is not the function's.
    struct Shifted(Optimal<Gaussian, Gaussian>);
    impl InputGradient for Shifted {
        fn value(&self, x: Tensor<2>) -> Tensor<2> {
            self.0.value(x)
        }
        fn value_and_gradient(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
            let (value, gradient) = self.0.value_and_gradient(x);
            (value.add_scalar(1e-6), gradient)
        }
    }
    let shifted = Shifted(Optimal { data: law(), model: Gaussian::standard(2) });
    let error = gradient_is_the_derivative(&shifted, &x, 1e-7).unwrap_err();
    assert!(error.to_string().contains("value beside"), "{error}");
}

#[test]
fn gradients_are_those_of_autodiff() {
    for (name, critic, seen) in critics() {
        let (x, c) = points(&seen, 3);
        let leaf = x.clone().autodiff().require_grad();
        let given = critic.given(c);
        let gradients = given.value(leaf.clone()).sum_dim(0).backward();
        let expected = leaf.grad(&gradients).unwrap();
        let gap = (given.value_and_gradient(x).1 - expected.inner()).abs().max();
        assert!(gap.into_scalar::<f64>() < 1e-12, "{name}");
    }
}

#[test]
fn the_oracle_is_the_log_ratio() {
    let (data, model) = (Mixture::circle(3, 1.0, 0.6), Gaussian::isotropic(vec![0.0, 0.3], 1.1));
    let x = Noise::new(2, 7).normal(2, &space());
    let oracle = Optimal { data: data.clone(), model: model.clone() };
    let (value, gradient) = oracle.value_and_gradient(x.clone());
    let (p, q) = (data.log_prob(x.clone()).exp(), model.log_prob(x.clone()).exp());
    let d_star = p.clone() / (p + q);
    let gap = burn::tensor::activation::sigmoid(value.squeeze_dim::<1>(1)) - d_star;
    assert!(to_host(gap).iter().all(|g| g.abs() < 1e-12));
    let gap = gradient - (data.score(x.clone()) - model.score(x));
    assert!(to_host(gap).iter().all(|g| g.abs() < 1e-12));
}

/// Reads every gradient in f64, in the order of the visit.
struct Flat(Gradients, Vec<f64>);

impl ModuleVisitor for Flat {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let count = value.dims().iter().product();
        let gradient = value.grad(&self.0).map_or(vec![0.0; count], to_host);
        self.1.extend(gradient);
    }
}

/// Adds `h` to parameter `at`, counted over all arrays.
struct Nudge {
    at: usize,
    h: f64,
    seen: usize,
}

impl ModuleMapper for Nudge {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (at, h, first) = (self.at, self.h, self.seen);
        self.seen += param.val().dims().iter().product::<usize>();
        let range = first..self.seen;
        param.map(|value| {
            if !range.contains(&at) {
                return value;
            }
            let (space, shape) = (Space::of(&value), value.dims());
            let mut values = to_host(value);
            values[at - range.start] += h;
            space.tensor(values, shape)
        })
    }
}

/// `E ‖∇D‖²` plus something of the value, so that both ways through the network are weighed.
fn penalty(critic: &Critic, x: Tensor<2>, c: Option<Tensor<2>>) -> Tensor<1> {
    let n = x.dims()[0] as f64;
    let (value, gradient) = critic.given(c).value_and_gradient(x);
    let norm = gradient.powi_scalar(2).sum_dim(1).add_scalar(1e-12).sqrt();
    let per_row = norm.sub_scalar(1.0).powi_scalar(2) + value.powi_scalar(2).mul_scalar(0.1);
    per_row.sum_dim(0).reshape([1]).div_scalar(n)
}

/// The parameters' gradient of a gradient penalty against central differences, every parameter of
/// every kind of critic.
#[test]
fn penalties_have_the_right_gradient_in_the_parameters() {
    const H: f64 = 1e-6;
    for (name, critic, seen) in critics() {
        let (x, c) = points(&seen, 4);
        let tracked = critic.clone().train();
        let gradients = penalty(&tracked, x.clone(), c.clone()).backward();
        let mut flat = Flat(gradients, Vec::new());
        tracked.visit(&mut flat);
        assert!(flat.1.iter().filter(|g| g.abs() > 1e-4).count() > 20, "{name}");
        // All of a dense critic's, every 17th of a strided one's.
        let step = if flat.1.len() > 150 { 17 } else { 1 };
        for at in (0..flat.1.len()).step_by(step) {
            let value = |h: f64| {
                let nudged = critic.clone().map(&mut Nudge { at, h, seen: 0 });
                penalty(&nudged, x.clone(), c.clone()).into_scalar::<f64>()
            };
            let difference = (value(H) - value(-H)) / (2.0 * H);
            // The direction of a spectral norm is a constant of the loss, and has no gradient.
            let constant = flat.1[at] == 0.0 && is_direction(&critic, at);
            let gap = (flat.1[at] - difference).abs();
            assert!(
                constant || gap <= 1e-6 * (1.0 + difference.abs()),
                "{name}: parameter {at}: {} against {difference}",
                flat.1[at]
            );
        }
    }
}

/// Whether parameter `at` belongs to a spectral norm's direction.
fn is_direction(critic: &Critic, at: usize) -> bool {
    struct Find(usize, usize, Vec<String>, bool);
    impl ModuleVisitor for Find {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.2.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.2.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let count: usize = param.val().dims().iter().product();
            if (self.1..self.1 + count).contains(&self.0) {
                self.3 = self.2.last().is_some_and(|name| name == "direction");
            }
            self.1 += count;
        }
    }
    let mut find = Find(at, 0, Vec::new(), false);
    critic.visit(&mut find);
    find.3
}
