//! Diffusion samplers: observed orders equal declared ones, on the probability flow of exact
//! oracles.

use crate::space;
use burn::tensor::Tensor;
use std::sync::OnceLock;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Mixture, OracleFlow};
use transport_core::process::{Cosine, Edm, Ve, Vp};
use transport_core::schedule::{Noising, Rectified, Schedule};
use transport_core::{Denoiser, Interval, Noise, Space};
use transport_sde::method::diffusion::*;
use transport_sde::method::ode::Heun;
use transport_sde::method::{OdeMethod, OdeStepper};
use transport_sde::{DiffusionFlow, Finish, Grid, Solver, SolverKind, Spacing, drive};

fn gaussian() -> Gaussian {
    Gaussian::isotropic(vec![1.5], 0.4)
}

fn mixture() -> Mixture {
    let components =
        vec![Gaussian::isotropic(vec![-1.0], 0.3), Gaussian::isotropic(vec![1.5], 0.5)];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

/// Starting points in units of the marginal's own scale, so that every path sees some curvature.
fn start(c: &Scales) -> Tensor<2> {
    let scale = c.alpha.hypot(c.sigma);
    let values = [-1.3, -0.6, -0.2, 0.15, 0.5, 1.1].iter().map(|v| v * scale).collect();
    space().tensor(values, [6, 1])
}

/// The schedules with the part of λ over which orders are observed: from −2 to 1.5, inside every
/// domain, where `D` changes most.
fn schedules() -> Vec<(&'static str, Box<dyn Schedule>)> {
    vec![
        ("VP", Box::new(Noising::new(Vp::default()))),
        ("VE", Box::new(Noising::new(Ve { sigma_min: 0.01, sigma_max: 10.0 }))),
        ("cosine", Box::new(Noising::new(Cosine::default()))),
        ("rectified", Box::new(Rectified)),
        ("EDM", Box::new(Noising { process: Edm { sigma_max: 10.0 }, start: 1e-3, end: 1.0 })),
    ]
}

fn within(schedule: &dyn Schedule) -> Interval {
    Interval { start: schedule.time_of_log_snr(-2.0), end: schedule.time_of_log_snr(1.5) }
}

fn end<M: DiffusionMethod>(
    method: M,
    denoiser: &dyn Denoiser,
    spacing: Spacing,
    steps: usize,
) -> Tensor<2> {
    let schedule = denoiser.schedule();
    let range = within(schedule);
    let grid = Grid::spaced(schedule, range, spacing, steps, Finish::Declared).unwrap();
    let x = start(&Scales::at(schedule, range.start));
    DiffusionFlow::new(denoiser, grid, method).unwrap().solve(x, &Noise::new(0, 6)).unwrap()
}

fn rms(gap: Tensor<2>) -> f64 {
    gap.powi_scalar(2).mean().into_scalar::<f64>().sqrt()
}

/// The slope of the error between `steps` and `2 steps`.
fn observed<M: DiffusionMethod>(
    method: M,
    denoiser: &dyn Denoiser,
    exact: &Tensor<2>,
    spacing: Spacing,
    steps: usize,
) -> f64 {
    let error = |n| rms(end(method.clone(), denoiser, spacing, n) - exact.clone());
    (error(steps) / error(2 * steps)).log2()
}

/// The flow of a Gaussian is `x ↦ α m + √(α²s² + σ²) z` with z fixed.
fn exact_gaussian(schedule: &dyn Schedule) -> Tensor<2> {
    let range = within(schedule);
    let spread = |t: f64| {
        let c = schedule.at(t);
        (c.alpha * 1.5, (c.alpha * 0.4).hypot(c.sigma))
    };
    let ((m, s), (m_end, s_end)) = (spread(range.start), spread(range.end));
    let x = start(&Scales::at(schedule, range.start));
    (x.sub_scalar(m)).mul_scalar(s_end / s).add_scalar(m_end)
}

/// Steps at which the error is far above rounding and the asymptotics hold.
fn steps_for(order: usize) -> usize {
    [0, 400, 300, 600, 300][order]
}

/// The end points on the mixture, computed once: third order, 4000 steps, errors below 1e-10.
fn exact_mixture(index: usize, denoiser: &dyn Denoiser) -> Tensor<2> {
    static ENDS: [OnceLock<Vec<f64>>; 5] = [const { OnceLock::new() }; 5];
    let values = ENDS[index]
        .get_or_init(|| to_host(end(Dpmpp3S::default(), denoiser, Spacing::LogSnr, 4000)));
    space().tensor(values.clone(), [6, 1])
}

fn check<M: DiffusionMethod>(method: M, declared: usize) {
    assert_eq!(method.order(), declared, "{method:?}");
    assert!(!method.is_stochastic(), "{method:?}");
    let n = steps_for(declared);
    for (index, (name, schedule)) in schedules().into_iter().enumerate() {
        let denoiser = OracleFlow { law: gaussian(), schedule: Shared(&*schedule) };
        let exact = exact_gaussian(&*schedule);
        // A Gaussian's error is one number, whose parts of order 4 and 5 cancel where it is 1e-10:
        // order 4 is read off the mixture.
        let spacings = [Spacing::Karras { rho: 7.0 }, Spacing::LogSnr, Spacing::Uniform];
        for spacing in spacings.into_iter().take(if declared < 4 { 3 } else { 0 }) {
            let order = observed(method.clone(), &denoiser, &exact, spacing, n);
            assert!(
                (order - declared as f64).abs() < 0.2,
                "{method:?} on a Gaussian under {name}, {spacing:?}: {order}"
            );
        }
        let denoiser = OracleFlow { law: mixture(), schedule: Shared(&*schedule) };
        let exact = exact_mixture(index, &denoiser);
        let order = observed(method.clone(), &denoiser, &exact, Spacing::LogSnr, n);
        assert!(
            (order - declared as f64).abs() < 0.2,
            "{method:?} on a mixture under {name}: {order}"
        );
    }
}

/// A schedule behind a reference, as an oracle's own.
#[derive(Clone, Copy, Debug)]
struct Shared<'a>(&'a dyn Schedule);

impl Schedule for Shared<'_> {
    fn at(&self, t: f64) -> transport_core::Coefs {
        self.0.at(t)
    }
    fn domain(&self) -> Interval {
        self.0.domain()
    }
    fn time_of_log_snr(&self, lambda: f64) -> f64 {
        self.0.time_of_log_snr(lambda)
    }
}

#[test]
fn first_order_methods() {
    check(Ddim::default(), 1);
    check(Dpmpp1S::default(), 1);
    check(Deis { order: 1, ..Deis::default() }, 1);
}

#[test]
fn second_order_methods() {
    check(EdmHeun::default(), 2);
    check(Dpmpp2S::default(), 2);
    check(OnGrid::<2>, 2);
    check(Dpmpp2M::default(), 2);
    check(Dpmpp2M { variant: SecondOrder::Heun, ..Dpmpp2M::default() }, 2);
    check(DpmppSde2M { eta: 0.0, ..DpmppSde2M::default() }, 2);
    check(Deis { order: 2, ..Deis::default() }, 2);
    check(UniPc { order: 1, ..UniPc::default() }, 2);
    check(SaSolver { tau: 0.0, corrector: 0, ..SaSolver::default() }, 2);
}

#[test]
fn third_order_methods() {
    check(Dpmpp3S::default(), 3);
    check(OnGrid::<3>, 3);
    check(Dpmpp3M::default(), 3);
    check(Deis::default(), 3);
    check(UniPc::default(), 3);
    check(UniPc { bh: Bh::One, ..UniPc::default() }, 3);
    check(SaSolver { tau: 0.0, ..SaSolver::default() }, 3);
}

#[test]
fn fourth_order_methods() {
    check(UniPc { order: 3, ..UniPc::default() }, 4);
}

/// What others publish as 3M, and a start in order 1, are of order 2: the test sees the difference.
#[test]
fn what_costs_3m_its_order_is_seen() {
    let schedule = Noising::new(Vp::default());
    let denoiser = OracleFlow { law: gaussian(), schedule };
    let exact = exact_gaussian(&schedule);
    for method in [
        Dpmpp3M { coefficients: Coefficients::Published, ..Dpmpp3M::default() },
        Dpmpp3M { start: Start::Lower, ..Dpmpp3M::default() },
    ] {
        assert_eq!(method.order(), 2);
        let order = observed(method, &denoiser, &exact, Spacing::LogSnr, 3200);
        assert!((order - 2.0).abs() < 0.2, "{method:?}: {order}");
    }
}

/// DDIM(0) tends to the probability flow: to the end point of an ODE method on the velocity.
#[test]
fn ddim_tends_to_the_probability_flow() {
    let schedule = Noising::new(Vp::default());
    let denoiser = OracleFlow { law: mixture(), schedule };
    let range = within(&schedule);
    let grid = Grid::uniform(range, 4000).unwrap();
    let x = start(&Scales::at(&schedule, range.start));
    let ode = drive(&mut OdeStepper::<Heun>::new(&denoiser), x, &grid, |_, _, _| {}).unwrap();
    for (steps, allowed) in [(100, 4e-2), (1000, 4e-3)] {
        let gap = rms(end(Ddim::default(), &denoiser, Spacing::Uniform, steps) - ode.clone());
        assert!(gap < allowed, "{steps} steps: {gap}");
    }
}

/// Without churn, EDM's sampler is Heun's method for `dx/dσ`, whose clock is EDM's own.
#[test]
fn edm_heun_without_churn_is_heun_in_sigma() {
    let schedule = Noising { process: Edm { sigma_max: 10.0 }, start: 1e-3, end: 1.0 };
    let denoiser = OracleFlow { law: mixture(), schedule };
    let grid = Grid::sampling(&schedule, 12).unwrap();
    let times = grid.times();
    // All but the last step, which EDM makes Euler's.
    let open = Grid::new(times[..12].to_vec()).unwrap();
    let x = start(&Scales::at(&schedule, times[0]));
    let mut ode = OdeStepper::<Heun>::new(&denoiser);
    let exact = drive(&mut ode, x.clone(), &open, |_, _, _| {}).unwrap();
    let edm = DiffusionFlow::new(&denoiser, open, EdmHeun::default()).unwrap();
    let gap = rms(edm.solve(x, &Noise::new(0, 6)).unwrap() - exact);
    assert!(gap < 1e-9, "{gap}");
    assert_eq!(EdmHeun::default().order(), Heun::ORDER);
}

/// The SDE methods without noise are the methods on the flow.
#[test]
fn stochastic_methods_without_noise_are_their_counterparts() {
    let schedule = Noising::new(Cosine::default());
    let denoiser = OracleFlow { law: mixture(), schedule };
    let at = Spacing::LogSnr;
    let twin = end(Dpmpp2M::default(), &denoiser, at, 20);
    let sde = end(DpmppSde2M { eta: 0.0, ..DpmppSde2M::default() }, &denoiser, at, 20);
    assert!(rms(twin - sde) < 1e-14);
    let twin = end(Dpmpp1S::default(), &denoiser, at, 20);
    assert!(rms(twin.clone() - end(Ddim::default(), &denoiser, at, 20)) < 1e-13);
    let adams = SaSolver { tau: 0.0, predictor: 1, corrector: 0, ..SaSolver::default() };
    assert!(rms(twin - end(adams, &denoiser, at, 20)) < 1e-14);
}

/// A last step to σ = 0 is legal for every method, from a start with α = 0 too, and lands on the
/// data law: within three standard deviations of a mode.
#[test]
fn every_sampler_steps_from_pure_noise_to_the_clean_end() {
    let noise = Noise::new(5, 64);
    for (name, schedule) in schedules() {
        let denoiser = OracleFlow { law: mixture(), schedule: Shared(&*schedule) };
        for steps in [1, 2, 3, 20] {
            let grid = Grid::sampling(&*schedule, steps).unwrap();
            assert_eq!(grid.times().len(), steps + 1);
            let sigma = schedule.at(grid.times()[0]).sigma;
            let z = noise.purpose("reference").normal(1, &space()).mul_scalar(sigma);
            for solver in Solver::ALL.iter().filter(|s| s.kind() == SolverKind::Diffusion) {
                let mut stepper = solver.on_denoiser(&denoiser, &grid, &noise).unwrap();
                let x = drive(&mut *stepper, z.clone(), &grid, |_, _, _| {}).unwrap();
                let values = to_host(x);
                // Two or three steps of a higher order may overshoot, but not fail.
                let inside = |v: &f64| steps < 20 || (-2.5..3.5).contains(v);
                assert!(values.iter().all(inside), "{solver:?}, {name}, {steps}: {values:?}");
                let most = solver.stages() * steps + 2;
                assert!(stepper.evals() <= most, "{solver:?}: {} evaluations", stepper.evals());
            }
        }
    }
}

/// Same seed, same samples: a row does not depend on the rows beside it.
#[test]
fn samples_do_not_depend_on_the_chunk() {
    let denoiser = OracleFlow { law: mixture(), schedule: Noising::new(Vp::default()) };
    let grid = Grid::sampling(&denoiser.schedule, 9).unwrap();
    let noise = Noise::new(8, 7);
    let z = noise.purpose("reference").normal(1, &space());
    for solver in Solver::ALL.iter().filter(|s| s.kind() == SolverKind::Diffusion) {
        let run = |rows: std::ops::Range<usize>| {
            let mut stepper =
                solver.on_denoiser(&denoiser, &grid, &noise.rows(rows.clone())).unwrap();
            to_host(drive(&mut *stepper, z.clone().slice([rows]), &grid, |_, _, _| {}).unwrap())
        };
        assert_eq!(run(0..7), [run(0..2), run(2..7)].concat(), "{solver:?}");
    }
}

#[test]
fn settings_are_checked() {
    let wrong = |what: Result<(), SettingError>| what.unwrap_err().what;
    assert_eq!(wrong(Ddim { eta: 1.5 }.check()), "eta");
    assert_eq!(wrong(DpmppSde2M { eta: -1.0, ..DpmppSde2M::default() }.check()), "eta");
    assert_eq!(wrong(UniPc { order: 4, ..UniPc::default() }.check()), "the order of UniPC");
    assert_eq!(wrong(Deis { order: 0, ..Deis::default() }.check()), "the order of DEIS");
    assert_eq!(wrong(SaSolver { predictor: 0, ..SaSolver::default() }.check()), "the predictor");
    let churn = Churn { amount: f64::NAN, ..Churn::default() };
    assert_eq!(wrong(EdmHeun { churn }.check()), "S_churn");
    let denoiser = OracleFlow { law: gaussian(), schedule: Rectified };
    let grid = Grid::sampling(&Rectified, 3).unwrap();
    assert!(DiffusionFlow::new(denoiser, grid, Ddim { eta: f64::NAN }).is_err());
}

/// The page's table of methods is what the registry declares, row by row.
#[test]
fn the_page_declares_what_the_registry_does() {
    let page = include_str!("../../../../docs/src/diffusion_samplers.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 4)
        .collect();
    let samplers = Solver::ALL.iter().filter(|s| s.kind() == SolverKind::Diffusion);
    let declared: Vec<[String; 3]> =
        samplers.map(|s| [format!("`{}`", s.name()), s.order(), s.stages().to_string()]).collect();
    assert_eq!(rows.len(), declared.len());
    for (row, declared) in rows.iter().zip(declared) {
        assert_eq!([row[0], row[2], row[3]], declared.each_ref().map(String::as_str));
    }
}

/// Single precision is enough for every sampler on every schedule: rounding stays below 10⁻³.
#[test]
fn single_precision_follows_double() {
    let noise = Noise::new(5, 32);
    for (name, schedule) in schedules() {
        let denoiser = OracleFlow { law: mixture(), schedule: Shared(&*schedule) };
        let grid = Grid::sampling(&*schedule, 20).unwrap();
        let sigma = schedule.at(grid.times()[0]).sigma;
        for solver in Solver::ALL.iter().filter(|s| s.kind() == SolverKind::Diffusion) {
            let end = |space: &Space| {
                let z = noise.purpose("reference").normal(1, space).mul_scalar(sigma);
                let mut stepper = solver.on_denoiser(&denoiser, &grid, &noise).unwrap();
                to_host(drive(&mut *stepper, z, &grid, |_, _, _| {}).unwrap())
            };
            let (double, single) = (end(&space()), end(&Space::f32(&space().device)));
            for (a, b) in double.iter().zip(&single) {
                assert!((a - b).abs() < 1e-3, "{solver:?} under {name}: {a} and {b}");
            }
        }
    }
}
