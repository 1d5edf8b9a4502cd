//! Started from the exact `q_S`, the reverse SDE and the probability flow end in the data's law.

use crate::carried::{
    Carrier, Case, FastScore, every_process, furthest, in_chunks, linear, two_points_off,
};
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Law, Mixture};
use transport_core::process::{CriticallyDamped, Vp};
use transport_core::{Field, LinearSde, Noise, ScoredField, Space, Times};
use transport_sde::dynamics::{
    Churn, Clock, ExactScore, Forward, MatrixFamily, ProbabilityFlow, Reversed, ScoreFn,
};
use transport_sde::method::ode::Rk4;
use transport_sde::method::sde::StochasticHeun;
use transport_sde::method::{OdeStepper, SdeStepper};
use transport_sde::{Sde, drive};

const N: usize = 100_000;

fn by_sde<M: Carrier>(case: &Case<M>, score: FastScore<M>, steps: usize) -> Vec<f64> {
    let (grid, start) = (case.transport_grid(steps), case.law_at(case.end()));
    let sde = Reversed { sde: case.process.clone(), score, clock: case.clock };
    in_chunks(&Noise::new(31, N), |noise| {
        let x = start.sample(&noise.purpose("start"), &space());
        let mut stepper = SdeStepper::<StochasticHeun>::new(&sde, noise);
        drive(&mut stepper, x, &grid, |_, _, _| {}).unwrap()
    })
}

fn by_ode<M: Carrier>(case: &Case<M>, steps: usize) -> Vec<f64> {
    let (grid, start) = (case.transport_grid(steps), case.law_at(case.end()));
    let flow = ProbabilityFlow { sde: case.process.clone(), score: case.score() };
    let flow = flow.on_transport_clock(case.clock);
    in_chunks(&Noise::new(32, N), |noise| {
        let x = start.sample(&noise.purpose("start"), &space());
        drive(&mut OdeStepper::<Rk4>::new(&flow), x, &grid, |_, _, _| {}).unwrap()
    })
}

/// Four standard errors on each of six statistics; two runs of nine processes: a false alarm has
/// probability below 1 % for random seeds, none for these. A weight that is off by two points lies
/// 0.02/√(0.3·0.7/10⁵) = 13.8 standard errors away and can be at most 4 nearer than that.
fn check<M: Carrier>(points: &[f64], case: &Case<M>, how: &str) {
    let exact = case.law_at(0.0);
    let (z, which) = furthest(points, &exact);
    println!("{}, {how}: {which} at {z:+.2} s.e.", case.name);
    assert!(z.abs() < 4.0, "{}, {how}: {which} at {z:+.2} standard errors", case.name);
    let (z, _) = furthest(points, &two_points_off(&exact));
    assert!(z.abs() > 9.0, "{}, {how}: a planted error passes at {z:+.2}", case.name);
}

#[test]
fn reverse_sdes_recover_the_data() {
    every_process!(|case| check(&by_sde(case, case.score(), 112), case, "reverse SDE"));
}

#[test]
fn probability_flows_recover_the_data() {
    every_process!(|case| check(&by_ode(case, 48), case, "probability flow"));
}

/// A score whose law has its weights off by two points takes the samples there.
#[test]
fn a_wrong_weight_in_the_score_is_rejected() {
    let case = linear("VP", Vp::default(), 1.0);
    let score = FastScore { law: two_points_off(&case.law), ..case.score() };
    let (z, which) = furthest(&by_sde(&case, score, 112), &case.law);
    assert!(z.abs() > 9.0, "{which} at {z:+.2} standard errors");
}

#[test]
fn the_tests_score_is_the_librarys() {
    fn compare<M: Carrier>(case: &Case<M>) {
        let exact = ExactScore { law: case.law.clone(), process: case.process.clone() };
        for u in [0.0, 0.2, 0.5, 0.9, 1.0] {
            let s = (case.time)(&case.process, u);
            let x = case.law_at(s).sample(&Noise::new(1, 20), &space());
            let (a, b) =
                (case.score().eval(x.clone(), Times::Same(s)), exact.eval(x, Times::Same(s)));
            let gap = to_host((a - b.clone()) / b.abs().add_scalar(1.0));
            assert!(gap.iter().all(|g| g.abs() < 1e-11), "{} at s = {s}: {gap:?}", case.name);
        }
    }
    every_process!(compare);
}

fn close(a: Tensor<2>, b: Tensor<2>, what: &str) {
    let gap = to_host((a - b.clone()) / b.abs().add_scalar(1.0));
    assert!(gap.iter().all(|g| g.abs() < 1e-12), "{what}: {gap:?}");
}

/// For `Σ = g² I` the general form is `λ x + g² ∇log q`; around the probability flow the family
/// with `𝒟 = ½ S Σ` is the reversal; reversing twice gives the process back. With one time for the
/// batch and with one for each row.
#[test]
fn the_general_forms_agree_with_the_simple_ones() {
    let (vp, clock) = (Vp::default(), Clock { horizon: 0.8 });
    let score = ExactScore { law: crate::carried::plane_law(), process: Forward(vp) };
    let reverse = Reversed { sde: Forward(vp), score: score.clone(), clock };
    let flow = ProbabilityFlow { sde: Forward(vp), score: score.clone() };
    let family = |amount| MatrixFamily {
        field: flow.clone().on_transport_clock(clock),
        dissipation: Churn { sde: Forward(vp), clock, amount },
    };
    let back = ScoreFn(|x, t: Times<'_>| clock.at(t, |s| score.eval(x, s)));
    let twice = Reversed { sde: reverse.clone(), score: back, clock: Clock::UNIT };
    let x = Noise::new(3, 3).normal(2, &space());
    let rows = [0.1, 0.7, 0.1];
    for t in [Times::Same(0.3), Times::Each(&rows)] {
        let s = |t: f64| 0.8 * (1.0 - t);
        let simple = t.scale(x.clone(), |t| 0.8 * vp.lambda(s(t)))
            + t.scale(clock.at(t, |s| score.eval(x.clone(), s)), |t| 0.8 * vp.g(s(t)).powi(2));
        close(reverse.drift(x.clone(), t), simple, "isotropic");
        close(family(1.0).drift(x.clone(), t), reverse.drift(x.clone(), t), "c = 1");
        let still = flow.clone().on_transport_clock(clock).velocity_and_score(x.clone(), t).0;
        close(family(0.0).drift(x.clone(), t), still, "c = 0");
        let noise = |sde: &dyn Sde, t| sde.diffusion(&x, t).apply(x.clone());
        close(noise(&family(1.0), t), noise(&reverse, t), "c = 1, noise");
        close(noise(&reverse, t), t.scale(x.clone(), |t| 0.8f64.sqrt() * vp.g(s(t))), "noise");
        let forwards = t.scale(x.clone(), |u| -0.8 * vp.lambda(0.8 * u));
        close(twice.drift(x.clone(), t), forwards, "reversed twice");
    }
}

/// On phase space with one time for each row.
#[test]
fn rows_at_several_times_are_reversed_each_at_its_own() {
    let (process, law) = (CriticallyDamped::default(), crate::carried::line_law());
    let score = ExactScore::<Mixture, _> { law, process };
    let reverse = Reversed { sde: process, score, clock: Clock::UNIT };
    let (z, times) = (Noise::new(3, 3).normal(2, &space()), [0.9, 0.2, 0.5]);
    let (drift, noise) = (
        reverse.drift(z.clone(), Times::Each(&times)),
        reverse.diffusion(&z, Times::Each(&times)).apply(z.clone()),
    );
    for (i, t) in times.into_iter().enumerate() {
        let (row, t) = (z.clone().narrow(0, i, 1), Times::Same(t));
        close(drift.clone().narrow(0, i, 1), reverse.drift(row.clone(), t), "drift");
        let alone = reverse.diffusion(&row, t).apply(row);
        close(noise.clone().narrow(0, i, 1), alone, "noise");
    }
}

/// Single precision gives the same drift and noise to its own digits.
#[test]
fn single_precision_reverses_too() {
    fn run<M: Carrier>(case: &Case<M>) {
        let score = ExactScore { law: case.law.clone(), process: case.process.clone() };
        let sde = Reversed { sde: case.process.clone(), score, clock: case.clock };
        let flow = ProbabilityFlow { sde: sde.sde.clone(), score: sde.score.clone() };
        let flow = flow.on_transport_clock(case.clock);
        let values = Noise::new(4, 6).normal_values(2);
        for u in [0.2, 0.5, 0.8] {
            let t = Times::Same(case.clock.transport_time((case.time)(&case.process, u)));
            let all = |space: &Space| {
                let x = space.tensor::<2>(values.clone(), [6, 2]);
                let noise = sde.diffusion(&x, t).apply(x.clone());
                to_host(Tensor::cat(vec![sde.drift(x.clone(), t), flow.eval(x, t), noise], 0))
            };
            let double = all(&space());
            let single = all(&Space::f32(&space().device));
            let size = double.iter().fold(0f64, |m, v| m.max(v.abs()));
            let gap = double.iter().zip(&single).fold(0f64, |m, (a, b)| m.max((a - b).abs()));
            assert!(gap < 1e-5 * size, "{} at {t:?}: {gap:.1e} of {size:.1e}", case.name);
        }
    }
    every_process!(run);
}
