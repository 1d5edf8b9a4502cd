//! Networks satisfy the field suites, and give a row the same bits in any chunk.

mod circle;
mod continuous;
mod convolutions;
mod dit;
mod elements;
mod flows;
mod gan_nets;
mod gan_theory;
mod image_dynamics;
mod images;
mod input_gradient;
mod references;
mod residual;
mod unet;
mod vae;

use burn::tensor::Tensor;
use transport_core::schedule::Named;
use transport_core::testkit::jvp_is_the_derivative;
use transport_core::{
    Field, Jvp, Noise, Prediction, Schedule, ScoredField, Space, Times, device::select,
    device::to_host,
};
use transport_models::net::MlpConfig;
use transport_models::{Dynamics, DynamicsConfig};

const D: usize = 3;

fn spaces() -> (Space, Space) {
    let device = select(None).unwrap();
    (Space::f32(&device), Space::f64(&device))
}

/// A network whose last layer is not at its initial zero.
fn model(schedule: Named, prediction: Prediction, context: usize, space: &Space) -> Dynamics {
    let net = MlpConfig { width: 24, depth: 3, frequencies: 4 };
    let config = DynamicsConfig { schedule, head: prediction.into(), net, uncertainty: false };
    let model = Dynamics::new(&config, D, context, &Noise::new(5, 1), space);
    perturbed(model)
}

fn perturbed<M: burn::module::Module>(model: M) -> M {
    perturbed_by(0.1, model)
}

fn perturbed_by<M: burn::module::Module>(size: f64, model: M) -> M {
    use burn::module::{ModuleMapper, Param};
    struct Perturb(u64, f64);
    impl ModuleMapper for Perturb {
        fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
            self.0 += 1;
            let seed = self.0;
            param.map(|x| {
                let (space, shape) = (Space::of(&x), x.dims());
                let count = shape.iter().product();
                let noise = Noise::new(seed, 1).normal_values(count);
                x + space.tensor::<K>(noise, shape).mul_scalar(self.1)
            })
        }
    }
    model.map(&mut Perturb(0, size))
}

#[test]
fn derivatives_hold_for_every_prediction() {
    let (_, space) = spaces();
    let (x, u) = (Noise::new(1, 4).normal(D, &space), Noise::new(2, 4).normal(D, &space));
    for prediction in Prediction::ALL {
        for schedule in [Named::Rectified, Named::Vp] {
            let model = model(schedule, prediction, 0, &space);
            jvp_is_the_derivative(&model.given(None), &x, 0.4, &u, 1e-6)
                .unwrap_or_else(|e| panic!("{prediction:?} on {schedule:?}: {e}"));
        }
    }
}

#[test]
fn divergence_is_the_trace_of_differences() {
    let (_, space) = spaces();
    let model = model(Named::Rectified, Prediction::Velocity, 0, &space);
    let field = model.given(None);
    let x = Noise::new(1, 4).normal(D, &space);
    let (_, divergence) = field.divergence(x.clone(), Times::Same(0.6));
    let h = 1e-5;
    let mut trace = vec![0.0; 4];
    for j in 0..D {
        let mut e = vec![0.0; D];
        e[j] = h;
        let e: Tensor<2> = space.tensor(e, [1, D]);
        let at = |x: Tensor<2>| to_host(field.eval(x, Times::Same(0.6)).narrow(1, j, 1));
        let (up, down) = (at(x.clone() + e.clone()), at(x.clone() - e));
        trace
            .iter_mut()
            .zip(up.iter().zip(&down))
            .for_each(|(t, (u, d))| *t += (u - d) / (2.0 * h));
    }
    for (got, expected) in to_host(divergence).into_iter().zip(trace) {
        assert!((got - expected).abs() < 1e-7, "{got} against {expected}");
    }
}

/// Velocity and score come from one output: v = α′ E[x₁] + σ′ E[x₀] with E[x₀] = −σ s.
#[test]
fn velocity_and_score_are_consistent() {
    let (_, space) = spaces();
    let x = Noise::new(1, 6).normal(D, &space);
    for schedule in [Named::Rectified, Named::Cosine, Named::Ve] {
        let model = model(schedule, Prediction::Noise, 0, &space);
        let (v, s) = model.given(None).velocity_and_score(x.clone(), Times::Same(0.5));
        let c = schedule.at(0.5);
        let noise = s.mul_scalar(-c.sigma);
        let data = (x.clone() - noise.clone().mul_scalar(c.sigma)).div_scalar(c.alpha);
        let gap = v - data.mul_scalar(c.d_alpha) - noise.mul_scalar(c.d_sigma);
        assert!(to_host(gap).iter().all(|g| g.abs() < 1e-9), "{schedule:?}");
    }
}

#[test]
fn a_row_has_the_same_bits_in_any_chunk() {
    let (space, _) = spaces();
    for (prediction, context) in [(Prediction::Velocity, 0), (Prediction::Noise, 2)] {
        let model = model(Named::Rectified, prediction, context, &space);
        let x = Noise::new(1, 37).normal(D, &space);
        let c = (context > 0).then(|| Noise::new(2, 37).normal(context, &space));
        let whole = to_host(model.given(c.clone()).eval(x.clone(), Times::Same(0.3)));
        let mut parts = Vec::new();
        for rows in [0..1, 1..3, 3..20, 20..37] {
            let c = c.clone().map(|c| c.slice([rows.clone()]));
            parts.extend(to_host(model.given(c).eval(x.clone().slice([rows]), Times::Same(0.3))));
        }
        assert!(whole.iter().zip(&parts).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

/// Derivatives of many rows are shared out to free threads, and to none within a pool's worker.
#[test]
fn derivatives_have_the_same_bits_on_any_threads() {
    let (space, _) = spaces();
    let model = model(Named::Vp, Prediction::Noise, 2, &space);
    // 17 rows leave a thread with one of them.
    for n in [41, 17] {
        let draw = |seed: u64, d: usize| Noise::new(seed, n).normal(d, &space);
        let (x, u, times) = (draw(1, D), draw(2, D), [0.1, 0.5, 0.9].repeat(14));
        let numbers = |context: Option<Tensor<2>>| {
            let (field, t) = (model.given(context), Times::Each(&times[..n]));
            let (value, divergence) = field.divergence(x.clone(), t);
            let (same, along) = field.jvp(x.clone(), t, u.clone());
            [to_host(value), to_host(divergence), to_host(same), to_host(along)].concat()
        };
        for context in [draw(3, 2), Noise::new(3, 1).normal(2, &space)] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let shared = numbers(Some(context.clone()));
            let alone = pool.install(|| numbers(Some(context)));
            assert!(shared.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits()), "{n}");
        }
    }
}

#[test]
fn the_seed_fixes_the_weights_and_one_time_equals_many() {
    let (space, _) = spaces();
    let x = Noise::new(1, 5).normal(D, &space);
    let value = |times: Times<'_>| {
        let model = model(Named::Rectified, Prediction::Velocity, 0, &space);
        to_host(model.given(None).eval(x.clone(), times))
    };
    let one = value(Times::Same(0.25));
    assert_eq!(one, value(Times::Same(0.25)));
    let many = value(Times::Each(&[0.25; 5]));
    assert!(one.iter().zip(&many).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
#[should_panic(expected = "with context was given none")]
fn a_missing_context_is_a_programmers_fault() {
    let (space, _) = spaces();
    let model = model(Named::Rectified, Prediction::Velocity, 2, &space);
    let _ = model.given(None).eval(Noise::new(1, 2).normal(D, &space), Times::Same(0.5));
}

/// The derivative alone: its divergence is the sum over directions, one at a time.
struct OneByOne<F>(F);

impl<F: Field> Field for OneByOne<F> {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        self.0.eval(x, t)
    }
}

impl<F: Jvp> Jvp for OneByOne<F> {
    fn jvp(&self, x: Tensor<2>, t: Times<'_>, u: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.0.jvp(x, t, u)
    }
}

#[test]
fn all_directions_at_once_are_the_directions_one_by_one() {
    let (single, double) = spaces();
    for (space, tolerance) in [(single, 2e-5), (double, 1e-12)] {
        for (prediction, context) in [(Prediction::Velocity, 0), (Prediction::Noise, 2)] {
            let model = model(Named::Vp, prediction, context, &space);
            let x = Noise::new(1, 5).normal(D, &space);
            let c = (context > 0).then(|| Noise::new(2, 5).normal(context, &space));
            let times = [0.1, 0.3, 0.5, 0.7, 0.9];
            for t in [Times::Same(0.4), Times::Each(&times)] {
                let at_once = model.given(c.clone()).divergence(x.clone(), t);
                let in_turn = OneByOne(model.given(c.clone())).divergence(x.clone(), t);
                let value = (at_once.0 - in_turn.0).abs().max().into_scalar::<f64>();
                let size = in_turn.1.clone().abs().add_scalar(1.0);
                let gap = ((at_once.1 - in_turn.1).abs() / size).max().into_scalar::<f64>();
                assert!(value < tolerance && gap < tolerance, "{prediction:?}: {value}, {gap}");
            }
        }
    }
}
