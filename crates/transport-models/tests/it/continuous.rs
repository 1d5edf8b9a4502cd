//! The continuous flow: its gradients by every way, its density and its samples.

use crate::{perturbed, spaces};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use transport_core::testkit::jvp_is_the_derivative;
use transport_core::testkit::max_or_nan;
use transport_core::{Interval, Noise, Space, Times, device::to_host, field::Jvp};
use transport_models::flow::{ContinuousFlow, NegativeLogLikelihood, Penalties};
use transport_models::net::MlpConfig;
use transport_sde::adjoint::{Backward, Integration};
use transport_sde::likelihood::{Probe, Trace};
use transport_sde::{Grid, Solver};

const D: usize = 3;
const N: usize = 6;

fn model(space: &Space) -> ContinuousFlow {
    let net = MlpConfig { width: 12, depth: 2, frequencies: 3 };
    perturbed(ContinuousFlow::new(&net, D, 2, &Noise::new(5, 1), space))
}

fn context(space: &Space) -> Tensor<2> {
    Noise::new(7, N).normal(2, space)
}

fn backwards(solver: Solver, steps: usize) -> Integration {
    Integration::new(solver, Grid::uniform(Interval::UNIT, steps).unwrap().reversed()).unwrap()
}

fn likelihood(trace: Trace, space: &Space) -> NegativeLogLikelihood {
    let penalties = Penalties { kinetic: 0.02, jacobian: 0.03 };
    NegativeLogLikelihood { trace, penalties, context: Some(context(space)) }
}

/// Adds `h` to entry `at` of parameter `which`.
struct Nudge {
    which: usize,
    at: usize,
    h: f64,
    seen: usize,
}

impl ModuleMapper for Nudge {
    fn map_float<const K: usize>(&mut self, param: Param<Tensor<K>>) -> Param<Tensor<K>> {
        let here = self.seen == self.which;
        self.seen += 1;
        if !here {
            return param;
        }
        let (at, h) = (self.at, self.h);
        param.map(|x| {
            let (space, shape) = (Space::of(&x), x.dims());
            let mut values = vec![0.0; shape.iter().product()];
            let count = values.len();
            values[at % count] = h;
            x + space.tensor::<K>(values, shape)
        })
    }
}

/// Every parameter of the network, through both traces, against central differences of the loss;
/// then every way against the plain graph.
#[test]
fn gradients_hold_for_every_parameter_trace_and_way() {
    let (_, space) = spaces();
    let (model, x) = (model(&space), Noise::new(1, N).normal(D, &space));
    let probe = Probe::Gaussian.draw(D, &Noise::new(2, N), &space);
    let integration = backwards(Solver::Rk4, 6);
    for trace in [Trace::Sized(probe.clone()), Trace::Probed(probe)] {
        let likelihood = likelihood(trace, &space);
        let of = |how| likelihood.gradient(how, &model, x.clone(), &integration).unwrap();
        let plain = of(Backward::Plain);
        let value =
            |m: &ContinuousFlow| likelihood.loss(m, x.clone(), &integration).into_scalar::<f64>();
        assert!((plain.loss - value(&model)).abs() < 1e-14);
        for (which, gradient) in plain.parameters.0.iter().enumerate() {
            let gradient = to_host(gradient.clone());
            let at = (5 * which + 3) % gradient.len();
            let moved = |h: f64| value(&model.clone().map(&mut Nudge { which, at, h, seen: 0 }));
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let gap = (gradient[at] - difference).abs();
            assert!(gap < 1e-8, "parameter {which}: {} for {difference}", gradient[at]);
        }
        let flat = |d: &transport_sde::adjoint::Differentiated| -> Vec<f64> {
            d.parameters.0.iter().flat_map(|g| to_host(g.clone())).collect()
        };
        let size = flat(&plain).iter().fold(0f64, |m, v| m.max(v.abs()));
        for (how, tolerance) in [
            (Backward::Checkpointed { segments: 2 }, 1e-13),
            (Backward::Checkpointed { segments: 6 }, 1e-13),
            (Backward::Adjoint, 1e-3),
        ] {
            let gaps = flat(&of(how)).into_iter().zip(flat(&plain)).map(|(a, b)| (a - b).abs());
            let gap = gaps.fold(0.0, max_or_nan);
            assert!(gap < tolerance * size, "{how:?}: {gap:e} of {size:e}");
        }
    }
}

#[test]
fn the_velocity_satisfies_the_field_suite_and_starts_at_zero() {
    let (_, space) = spaces();
    let model = model(&space);
    let (x, u) = (Noise::new(1, N).normal(D, &space), Noise::new(2, N).normal(D, &space));
    jvp_is_the_derivative(&model.given(Some(context(&space))), &x, 0.4, &u, 1e-6).unwrap();
    let net = MlpConfig { width: 12, depth: 2, frequencies: 3 };
    let fresh = ContinuousFlow::new(&net, D, 0, &Noise::new(5, 1), &space);
    let (velocity, divergence) = fresh.given(None).divergence(x, Times::Same(0.3));
    assert!(to_host(velocity).iter().chain(&to_host(divergence)).all(|v| *v == 0.0));
}
