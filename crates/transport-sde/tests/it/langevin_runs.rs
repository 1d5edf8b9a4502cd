//! The samplers' loop: independence of chains, precision, plans, failures.

use crate::langevin::{run, separated};
use crate::space;
use burn::tensor::Tensor;
use std::ops::ControlFlow;
use transport_core::device::to_host;
use transport_core::law::{Density, Gaussian, Score, plane};
use transport_core::{Noise, Space};
use transport_sde::langevin::*;

/// `log p̃ = −x⁴/4 − x²/2`: a score that explicit steps overshoot.
struct Quartic;

impl Score for Quartic {
    fn score(&self, x: Tensor<2>) -> Tensor<2> {
        (x.clone().powi_scalar(3) + x).neg()
    }
}

#[test]
fn a_chain_does_not_depend_on_its_neighbours() {
    let law = separated();
    let tempered = Tempered::geometric(&law, 10.0, 3);
    let annealed = Annealed { ladder: Smoothed::geometric(law.clone(), 5.0, 0.5, 4), descent: 8 };
    let kernels: [&dyn Transition; 6] = [
        &Ula { score: &law },
        &Mala { target: &law },
        &Hmc { target: &law, leapfrogs: 3 },
        &Underdamped { score: &law, friction: 2.0 },
        &tempered,
        &annealed,
    ];
    let noise = Noise::new(5, 9);
    let start = noise.purpose("start").normal(2, &space());
    let plan = Plan::fixed(Tuning::new(0.1), 12);
    for (k, kernel) in kernels.into_iter().enumerate() {
        let go = |rows: std::ops::Range<usize>| {
            let start = start.clone().slice([rows.clone()]);
            let part =
                sample(kernel, start, &plan, &noise.rows(rows), |_| ControlFlow::Continue(()));
            let part = part.unwrap();
            (0..2).map(|j| part.series(j)).collect::<Vec<_>>()
        };
        let whole = go(0..9);
        for rows in [0..1, 4..9] {
            let part = go(rows.clone());
            (0..2).for_each(|j| assert_eq!(whole[j][rows.clone()], part[j], "kernel {k}"));
        }
    }
}

/// f32 on every path: 64 chains on a unit Gaussian, whose biases at these steps are below 2 %.
#[test]
fn single_precision_works() {
    let law = Gaussian::standard(2);
    let space = Space { dtype: burn::tensor::DType::F32, ..space() };
    let start = Noise::new(1, 64).normal(2, &space);
    let tempered = Tempered::geometric(&law, 4.0, 3);
    let kernels: [(&dyn Transition, f64); 5] = [
        (&Ula { score: &law }, 0.03),
        (&Mala { target: &law }, 0.5),
        (&Hmc { target: &law, leapfrogs: 3 }, 0.5),
        (&Underdamped { score: &law, friction: 1.0 }, 0.4),
        (&tempered, 0.5),
    ];
    for (k, (kernel, step)) in kernels.into_iter().enumerate() {
        let plan = Plan { tuning: Tuning::new(step), ..Plan::adaptive(300, 600, Metric::Keep) };
        let s = run(kernel, start.clone(), &plan, 1).summaries()[0];
        assert!(s.mean.abs() < 4.0 * s.mcse_mean, "{k}: {s:?}");
        assert!((s.sd - 1.0).abs() < 4.0 * s.mcse_sd + 0.02, "{k}: {s:?}");
    }
}

fn halted(transition: &dyn Transition, start: Tensor<2>, plan: &Plan) -> Halted {
    let noise = Noise::new(1, start.dims()[0]);
    *sample(transition, start, plan, &noise, |_| ControlFlow::Continue(())).unwrap_err()
}

#[test]
fn bad_plans_are_refused() {
    let law = Gaussian::standard(1);
    let start = || Noise::new(1, 3).normal(1, &space());
    let refuse = |plan: Plan| halted(&Mala { target: &law }, start(), &plan).error;
    for value in [0.0, -0.1, f64::INFINITY] {
        let error = refuse(Plan::fixed(Tuning::new(value), 5));
        assert_eq!(error, SampleError::Plan(PlanError::Step { value }));
    }
    assert!(refuse(Plan::fixed(Tuning::new(f64::NAN), 5)).to_string().contains("NaN"));
    assert!(refuse(Plan::fixed(Tuning::new(0.1), 0)).to_string().contains("0 draws"));
    let plan = Plan { acceptance: Some(1.0), ..Plan::adaptive(10, 10, Metric::Keep) };
    assert_eq!(refuse(plan), SampleError::Plan(PlanError::Acceptance { value: 1.0 }));
}

#[test]
fn zero_densities_and_runaways_are_named() {
    let uniform = LogDensity::new(|x| plane::Checkerboard.log_prob(x));
    let mala = Mala { target: &uniform };
    let plan = Plan::fixed(Tuning::new(0.5), 20);
    let start = space().tensor(vec![-3.0, -3.0, -3.0, -1.0], [2, 2]);
    let error = halted(&mala, start, &plan).error;
    assert_eq!(error, SampleError::ZeroDensity { chain: 1, value: f64::NEG_INFINITY });
    let start = space().tensor(vec![-3.0, f64::NAN], [1, 2]);
    let error = halted(&mala, start, &plan).error;
    assert_eq!(error, SampleError::NotFinite { what: "position", chain: 0, t: 0.0, step: 0 });

    // Proposals outside the squares are rejected, and the uniform law is kept.
    let noise = Noise::new(2, 500);
    let start = find_start(&mala, 2, 3.0, 100, &noise, &space());
    let chains = run(&mala, start, &plan, 3);
    let log_prob = to_host(
        plane::Checkerboard
            .log_prob(space().tensor(chains.draws().to_vec(), [chains.len() * 500, 2])),
    );
    assert!(log_prob.iter().all(|v| v.is_finite()));

    // ULA on a quartic with a step too large: x ← x − εx³ … runs away; the draws until then stay.
    let start = space().tensor(vec![0.1, 3.0], [2, 1]);
    let halted = halted(&Ula { score: &Quartic }, start, &Plan::fixed(Tuning::new(0.5), 50));
    let SampleError::NotFinite { what, chain, t, step } = halted.error else {
        panic!("{}", halted.error)
    };
    assert_eq!((chain, t), (1, 0.5 * step as f64), "{what}");
    assert_eq!((halted.chains.len(), halted.chains.draws().len()), (step - 1, 2 * (step - 1)));
    assert!(halted.chains.draws().iter().all(|v| v.is_finite()));
    assert!(halted.to_string().contains(&format!("step {step}")));
}

#[test]
fn an_observer_can_stop_the_run() {
    let law = Gaussian::standard(1);
    let start = Noise::new(1, 3).normal(1, &space());
    let plan = Plan { warmup: 4, ..Plan::fixed(Tuning::new(0.5), 50) };
    let mut seen = vec![];
    let halted = sample(&Mala { target: &law }, start, &plan, &Noise::new(1, 3), |report| {
        seen.push((report.step, report.warming));
        if report.step == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap_err();
    assert_eq!((halted.error, halted.chains.len()), (SampleError::Stopped { step: 10 }, 6));
    assert_eq!((seen[0], seen[3], seen[4]), ((1, true), (4, true), (5, false)));
}
