//! The log-density that the probability flow transports equals the exact one.

use crate::carried::{Carrier, Case, every_process};
use crate::space;
use burn::tensor::Tensor;
use transport_core::Noise;
use transport_core::device::to_host;
use transport_core::law::{Density, Law, Mixture};
use transport_core::testkit::jvp_is_the_derivative;
use transport_sde::drive;
use transport_sde::dynamics::{Curvature, ExactScore, ProbabilityFlow};
use transport_sde::likelihood::Augmented;
use transport_sde::method::OdeStepper;
use transport_sde::method::ode::Rk4;

fn flow<M: Carrier>(case: &Case<M>) -> ProbabilityFlow<M, ExactScore<Mixture, M>>
where
    M::At: Curvature,
{
    let score = ExactScore { law: case.law.clone(), process: case.process.clone() };
    ProbabilityFlow { sde: case.process.clone(), score }
}

/// The largest gap in nats between `log q_S(x_S) + ∫₀ˢ ∇·v ds` and `log q₀(x₀)` over points of q₀;
/// for phase space this is the joint density of position and velocity.
fn density_gap<M: Carrier>(case: &Case<M>, steps: usize) -> f64 {
    let (flow, n) = (flow(case), 100);
    let data = case.law_at(0.0);
    let x = data.sample(&Noise::new(41, n), &space());
    let d = x.dims()[1];
    let start = Tensor::cat(vec![x.clone(), x.clone().narrow(1, 0, 1).zeros_like()], 1);
    let augmented = Augmented { field: &flow };
    let mut stepper = OdeStepper::<Rk4>::new(&augmented);
    let end = drive(&mut stepper, start, &case.process_grid(steps), |_, _, _| {}).unwrap();
    let log_det = end.clone().narrow(1, d, 1).reshape([n]);
    let carried = case.law_at(case.end()).log_prob(end.narrow(1, 0, d)) + log_det;
    to_host((carried - data.log_prob(x)).abs().max())[0]
}

#[test]
fn flow_densities_are_exact_to_1e_5_nats() {
    fn run<M: Carrier>(case: &Case<M>) {
        let gap = density_gap(case, 224);
        println!("{}: {gap:.2e} nats", case.name);
        assert!(gap < 1e-5, "{}: {gap:.2e} nats", case.name);
    }
    every_process!(run);
}

#[test]
fn flows_have_their_derivatives() {
    fn run<M: Carrier>(case: &Case<M>) {
        let u = Noise::new(42, 12).normal(2, &space());
        for at in [0.0, 0.3, 0.8, 1.0] {
            let s = (case.time)(&case.process, at);
            let x = case.law_at(s).sample(&Noise::new(43, 12), &space());
            jvp_is_the_derivative(&flow(case), &x, s, &u, 1e-5)
                .unwrap_or_else(|e| panic!("{} at s = {s}: {e}", case.name));
        }
    }
    every_process!(run);
}
