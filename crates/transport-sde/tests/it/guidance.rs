//! Guided fields against the closed forms of a Gaussian mixture with classes.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport_core::process::Vp;
use transport_core::schedule::{Noising, Rectified, Schedule};
use transport_core::testkit::jvp_is_the_derivative;
use transport_core::testkit::max_or_nan;
use transport_core::{Denoiser, Field, Interval, Noise, Prediction, ScoredField, Times};
use transport_sde::dynamics::Epsilon;
use transport_sde::guide::*;
use transport_sde::{Family, Finish, Grid, OdeFlow, SdeFlow, Solver, Spacing};

/// Two classes of two components each; a class's law is a mixture of its own.
fn components() -> Vec<Gaussian> {
    let wide = Gaussian::new(vec![-1.0, 0.5], vec![0.3, 0.1, 0.1, 0.2]).unwrap();
    vec![
        wide,
        Gaussian::isotropic(vec![0.5, 1.0], 0.4),
        Gaussian::isotropic(vec![1.2, -0.8], 0.5),
        Gaussian::isotropic(vec![-0.3, -1.1], 0.3),
    ]
}

const WEIGHTS: [f64; 4] = [0.1, 0.3, 0.4, 0.2];

fn whole() -> Mixture {
    Mixture::new(WEIGHTS.to_vec(), components()).unwrap()
}

fn class() -> Mixture {
    Mixture::new(WEIGHTS[..2].to_vec(), components()[..2].to_vec()).unwrap()
}

fn points() -> Tensor<2> {
    Noise::new(3, 40).normal(2, &space()).mul_scalar(1.3)
}

fn far(a: Tensor<2>, b: Tensor<2>) -> f64 {
    to_host((a - b).abs()).into_iter().fold(0.0, max_or_nan)
}

fn free<S: Schedule + Copy>(
    schedule: S,
    strength: Strength,
) -> ClassifierFree<OracleFlow<Mixture, S>, OracleFlow<Mixture, S>> {
    ClassifierFree {
        conditional: OracleFlow { law: class(), schedule },
        unconditional: OracleFlow { law: whole(), schedule },
        strength,
    }
}

fn steered<S: Schedule + Copy>(
    schedule: S,
    strength: Strength,
) -> Steered<OracleFlow<Mixture, S>, Classified<Components<S>>> {
    let guidance = Classified(Components { law: whole(), schedule, class: vec![0, 1] });
    Steered { model: OracleFlow { law: whole(), schedule }, guidance, strength }
}

fn close(a: [Tensor<2>; 5], b: [Tensor<2>; 5], tolerance: f64) -> Result<(), String> {
    let names = ["velocity", "score", "noise", "data", "implied noise"];
    for ((a, b), name) in a.into_iter().zip(b).zip(names) {
        let gap = far(a, b);
        if gap.is_nan() || gap >= tolerance {
            return Err(format!("{name}: {gap}"));
        }
    }
    Ok(())
}

fn predictions<F: Denoiser + ScoredField>(f: &F, t: Times<'_>) -> [Tensor<2>; 5] {
    let x = points();
    let (velocity, score) = f.velocity_and_score(x.clone(), t);
    let sigma = |t: f64| f.schedule().at(t).sigma;
    let noise = f.velocity_and_noise(x.clone(), t, &sigma).1;
    let (data, implied) = f.posterior(x.clone(), t);
    assert!(far(f.eval(x.clone(), t), velocity.clone()) < 1e-12);
    assert!(far(f.data(x, t), data.clone()) < 1e-12);
    [velocity, score, noise, data, implied]
}

/// At weight 1 a classifier's guidance of the whole law is the class's own dynamics, in all five
/// readings; at weights w it is classifier-free guidance at w; both are the closed form
/// (1 − w) s + w s_class of the scores.
#[test]
fn both_guidances_are_the_closed_form() {
    fn on<S: Schedule + Copy>(schedule: S) {
        let times: Vec<f64> = (0..40).map(|i| 0.05 + 0.9 * f64::from(i) / 40.0).collect();
        for t in [Times::Same(0.3), Times::Same(0.8), Times::Each(&times)] {
            let own = predictions(&OracleFlow { law: class(), schedule }, t);
            let one = predictions(&steered(schedule, Strength::FULL), t);
            close(one, own, 1e-10).unwrap();
            for w in [0.0, 0.5, 1.0, 3.0, -1.0] {
                let strength = Strength::new(w).unwrap();
                let free = predictions(&free(schedule, strength), t);
                let by_classifier = predictions(&steered(schedule, strength), t);
                close(by_classifier, free.clone(), 1e-9).unwrap();
                let x = points();
                let law = |law: Mixture| OracleFlow { law, schedule }.score(x.clone(), t);
                let score = law(whole()).mul_scalar(1.0 - w) + law(class()).mul_scalar(w);
                let read =
                    |to| Prediction::Score.convert(to, score.clone(), x.clone(), t, &schedule);
                let noise = read(Prediction::Noise);
                let exact = [
                    read(Prediction::Velocity),
                    score.clone(),
                    noise.clone(),
                    read(Prediction::Data),
                    noise,
                ];
                close(free, exact, 1e-9).unwrap();
            }
        }
    }
    on(Noising::new(Vp::default()));
    on(Rectified);
}

/// The suite sees a gradient of the wrong sign and a weight that is used where it does not hold.
#[test]
fn planted_faults_are_seen() {
    struct Wrong(Classified<Components<Rectified>>);
    impl Guidance for Wrong {
        fn gradient(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
            self.0.gradient(x, t).neg()
        }
    }
    let t = Times::Same(0.4);
    let right = steered(Rectified, Strength::FULL);
    let wrong = Steered {
        model: right.model.clone(),
        guidance: Wrong(right.guidance.clone()),
        strength: right.strength,
    };
    close(predictions(&wrong, t), predictions(&right, t), 1e-9).unwrap_err();
    let other = free(Rectified, Strength::new(2.0).unwrap());
    close(predictions(&other, t), predictions(&right, t), 1e-9).unwrap_err();
    let held = Strength::within(4.0, Interval { start: 0.3, end: 0.6 }).unwrap();
    let always = free(Rectified, Strength::new(4.0).unwrap());
    let outside = Times::Same(0.2);
    let right = predictions(&free(Rectified, held), outside);
    close(predictions(&always, outside), right, 1e-9).unwrap_err();
}

/// Outside the interval a classifier-free field is conditional and a steered one as it was.
#[test]
fn guidance_holds_on_its_interval() {
    let strength = Strength::within(4.0, Interval { start: 0.3, end: 0.6 }).unwrap();
    let full = Strength::new(4.0).unwrap();
    for (t, inside) in [(0.2, false), (0.45, true), (0.7, false)] {
        let t = Times::Same(t);
        let got = predictions(&free(Rectified, strength), t);
        let expected = if inside {
            predictions(&free(Rectified, full), t)
        } else {
            predictions(&OracleFlow { law: class(), schedule: Rectified }, t)
        };
        close(got, expected, 1e-12).unwrap();
        let got = predictions(&steered(Rectified, strength), t);
        let expected = if inside {
            predictions(&steered(Rectified, full), t)
        } else {
            predictions(&OracleFlow { law: whole(), schedule: Rectified }, t)
        };
        close(got, expected, 1e-12).unwrap();
    }
    // Rows at several times, some of them inside.
    let times: Vec<f64> = (0..40).map(|i| 0.1 + 0.8 * f64::from(i) / 40.0).collect();
    let each = free(Rectified, strength).eval(points(), Times::Each(&times));
    for (i, t) in times.iter().enumerate() {
        let row = points().narrow(0, i, 1);
        let alone = free(Rectified, strength).eval(row, Times::Same(*t));
        assert!(far(each.clone().narrow(0, i, 1), alone) < 1e-12);
    }
}

#[test]
fn weights_and_intervals_are_checked() {
    for value in [f64::NAN, f64::INFINITY] {
        assert!(matches!(Strength::new(value), Err(GuideError::Weight { .. })));
    }
    for (start, end) in [(0.5, 0.5), (-0.1, 0.4), (0.2, 1.1), (f64::NAN, 1.0)] {
        let found = Strength::within(2.0, Interval { start, end });
        assert!(matches!(found, Err(GuideError::Interval { .. })));
    }
}

#[test]
fn guided_fields_have_their_derivative() {
    let field = free(Noising::new(Vp::default()), Strength::new(2.5).unwrap());
    let u = Noise::new(8, 40).normal(2, &space());
    jvp_is_the_derivative(&field, &points(), 0.6, &u, 1e-6).unwrap();
}

/// Sampling with every kind of solver at weight 1 gives the class: mean and covariance within five
/// standard errors (false alarm 6e-7 each for a random seed).
#[test]
fn every_kind_of_solver_samples_the_class() {
    const N: usize = 8000;
    let schedule = Noising::new(Vp::default());
    let field = steered(schedule, Strength::FULL);
    let (domain, noise) = (schedule.domain(), Noise::new(5, N));
    let z = Gaussian::standard(2).sample(&noise.purpose("z"), &space());
    let grid = |steps| Grid::spaced(&schedule, domain, Spacing::LogSnr, steps, Finish::Declared);
    let ode = OdeFlow { field: &field, grid: grid(60).unwrap(), solver: Solver::Heun };
    let sde = Family { field: &field, schedule, epsilon: Epsilon::Reversal(1.0) };
    let sde = SdeFlow { sde, grid: grid(300).unwrap(), solver: Solver::EulerMaruyama };
    let sampling = Grid::sampling(&schedule, 60).unwrap();
    let mut diffusion = Solver::Dpmpp2M.on_denoiser(&field, &sampling, &noise).unwrap();
    let ends = [
        ode.solve(z.clone()).unwrap(),
        sde.solve(z.clone(), &noise).unwrap(),
        transport_sde::drive(&mut *diffusion, z, &sampling, |_, _, _| {}).unwrap(),
    ];
    let exact = to_host(class().sample(&Noise::new(77, 400_000), &space()));
    let (mean, covariance) = transport_core::linalg::mean_and_covariance(&exact, 2);
    for (k, end) in ends.into_iter().enumerate() {
        let (m, c) = transport_core::linalg::mean_and_covariance(&to_host(end), 2);
        let n = (N as f64).sqrt();
        for j in 0..2 {
            let error = (m[j] - mean[j]) / (covariance[3 * j].sqrt() / n);
            assert!(error.abs() < 5.0, "solver {k}, mean {j}: {error}");
            // The fourth moment of these laws is below 3.5 σ⁴.
            let error = (c[3 * j] - covariance[3 * j]) / (covariance[3 * j] * 2.5f64.sqrt() / n);
            assert!(error.abs() < 5.0, "solver {k}, variance {j}: {error}");
        }
    }
}
