//! A predictor with a Langevin corrector against the predictor alone, at equal evaluations.

use crate::carried::in_chunks;
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Density, Gaussian, Law, Mixture};
use transport_core::process::{Ve, Vp};
use transport_core::{Field, Interval, LinearSde, Noise, Times};
use transport_sde::dynamics::{
    Clock, ExactScore, Forward, Marginals, OnTransportClock, ProbabilityFlow, Reversed, ScoreFn,
};
use transport_sde::method::{CorrectorStep, PredictorCorrector};
use transport_sde::{Grid, Solver, Stepper, drive};

const STD: f64 = 0.2;

/// Weights 0.3 and 0.7 at ∓1 on the first axis.
fn law(d: usize) -> Mixture {
    let at = |x: f64| (0..d).map(|i| if i == 0 { x } else { 0.0 }).collect();
    let mode = |x: f64| Gaussian::isotropic(at(x), STD);
    Mixture::new(vec![0.3, 0.7], vec![mode(-1.0), mode(1.0)]).unwrap()
}

fn ve() -> Forward<Ve> {
    Forward(Ve { sigma_min: 0.01, sigma_max: 10.0 })
}

fn score(d: usize) -> ExactScore<Mixture, Forward<Ve>> {
    ExactScore { law: law(d), process: ve() }
}

type Flow = OnTransportClock<ProbabilityFlow<Forward<Ve>, ExactScore<Mixture, Forward<Ve>>>>;

fn flow(d: usize) -> Flow {
    ProbabilityFlow { sde: ve(), score: score(d) }.on_transport_clock(Clock::UNIT)
}

/// The first coordinates of `n` samples from the exact `q_S`, with `evals` evaluations in all: of
/// Euler's method alone, or of half as many of its steps with one correction each.
fn run(d: usize, n: usize, evals: usize, size: Option<CorrectorStep<'_>>) -> Vec<f64> {
    let (flow, exact) = (flow(d), score(d));
    let score = ScoreFn(|x, t: Times<'_>| Clock::UNIT.at(t, |s| exact.eval(x, s)));
    let corrections = usize::from(size.is_some());
    let steps = evals / (1 + corrections);
    let grid = Grid::uniform(Interval::UNIT, steps).unwrap();
    let start = ve().law_at(&law(d), 1.0);
    in_chunks(&Noise::new(81, n), |noise| {
        let x = start.sample(&noise.purpose("start"), &space());
        let predictor = Solver::Euler.on_field(&flow).unwrap();
        let size = size.unwrap_or(CorrectorStep::Size(&|_| 0.0));
        let mut both = PredictorCorrector::new(predictor, &score, size, corrections, noise);
        let end = drive(&mut both, x, &grid, |_, _, _| {}).unwrap();
        assert_eq!(both.evals(), evals);
        end.narrow(1, 0, 1)
    })
}

/// `∫ (F − F₀)² dx` between the points' law and the first coordinate's exact one, without bias, and
/// its standard error, from 20 groups of points.
///
/// ```text
/// ∫ (F_n − F₀)² − F_n (1 − F_n)/(n − 1) dx
/// ```
fn distance(points: &[f64]) -> (f64, f64) {
    let cells = 1200;
    let at = |i: usize| -3.0 + 6.0 * (i as f64 + 0.5) / cells as f64;
    let exact = cumulative((0..cells).map(at).collect());
    let of = |group: &[f64]| {
        let (n, mut sorted) = (group.len() as f64, group.to_vec());
        sorted.sort_by(f64::total_cmp);
        let cell = |i: usize| {
            let f = sorted.partition_point(|x| *x <= at(i)) as f64 / n;
            (f - exact[i]).powi(2) - f * (1.0 - f) / (n - 1.0)
        };
        (0..cells).map(cell).sum::<f64>() * 6.0 / cells as f64
    };
    let groups: Vec<f64> = points.chunks(points.len() / 20).map(of).collect();
    let mean = groups.iter().sum::<f64>() / 20.0;
    let variance = groups.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / 19.0;
    (mean, (variance / 20.0).sqrt())
}

/// The exact distribution function at increasing points, by the midpoint rule on the density.
fn cumulative(points: Vec<f64>) -> Vec<f64> {
    let (width, n) = (points[1] - points[0], points.len());
    let density = to_host(law(1).log_prob(space().tensor(points, [n, 1])));
    let (mut total, mut out) = (0.0, Vec::new());
    for log in density {
        // Half of the cell lies below its centre.
        out.push(total + 0.5 * width * log.exp());
        total += width * log.exp();
    }
    out
}

/// `ε = 0.2 (σ_t² + STD²)`: a fifth of the variance of a mode.
fn fifth(t: f64) -> f64 {
    0.2 * (ve().0.marginal(1.0 - t).1.powi(2) + STD * STD)
}

/// The gap is at least four of its standard errors: by chance with probability 3e-5.
fn better(corrected: &[f64], alone: &[f64], times: f64, what: &str) {
    let ((a, u), (b, v)) = (distance(corrected), distance(alone));
    println!("{what}: {a:.2e} ± {u:.1e} against {b:.2e} ± {v:.1e}");
    assert!(b - a > 4.0 * u.hypot(v), "{what}: {a:.2e} ± {u:.1e} against {b:.2e} ± {v:.1e}");
    assert!(b > times * a, "{what}: {a:.2e} against {b:.2e}");
}

#[test]
fn a_corrector_beats_its_predictor_at_equal_evaluations() {
    let size = CorrectorStep::Size(&fifth);
    for (evals, times) in [(48, 3.0), (96, 8.0)] {
        let (both, alone) = (run(1, 40_000, evals, Some(size)), run(1, 40_000, evals, None));
        better(&both, &alone, times, &format!("{evals} evaluations"));
    }
}

/// Song et al.'s rule in 16 dimensions, where the score's norm concentrates: ε ≈ 2 r² σ².
#[test]
fn so_does_the_signal_to_noise_rule() {
    let size = CorrectorStep::SignalToNoise { ratio: 0.25, largest: f64::INFINITY };
    let (both, alone) = (run(16, 20_000, 48, Some(size)), run(16, 20_000, 48, None));
    better(&both, &alone, 4.0, "48 evaluations, 16 dimensions");
}

/// One correction by hand: the size takes the norms of the sample's own noise and score, and is
/// bounded; a sample does not depend on the batch it is in.
#[test]
fn the_rule_takes_each_samples_norms() {
    let still = ScoreFn(|x: Tensor<2>, _: Times<'_>| x.zeros_like());
    let exact = ScoreFn(|x: Tensor<2>, _: Times<'_>| x.neg());
    let (noise, x) = (Noise::new(5, 3), Noise::new(6, 3).normal(2, &space()));
    let step = |x: Tensor<2>, noise: &Noise, largest: f64| {
        let predictor = Solver::Euler.on_field(&still).unwrap();
        let size = CorrectorStep::SignalToNoise { ratio: 0.5, largest };
        let mut both = PredictorCorrector::new(predictor, &exact, size, 2, noise);
        to_host(both.step(0, x, 0.0, 0.1).unwrap())
    };
    let mut expected = to_host(x.clone());
    for j in 0..2 {
        let z = noise.purpose("corrector").at_step(j).normal_values(2);
        for (x, z) in expected.chunks_exact_mut(2).zip(z.chunks_exact(2)) {
            let squared = |a: &[f64]| a[0] * a[0] + a[1] * a[1];
            let size = (2.0 * 0.25 * squared(z) / squared(x)).min(0.3);
            for (x, z) in x.iter_mut().zip(z) {
                *x += -size * *x + (2.0 * size).sqrt() * z;
            }
        }
    }
    let got = step(x.clone(), &noise, 0.3);
    assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}, {expected:?}");
    let alone = step(x.narrow(0, 2, 1), &noise.rows(2..3), 0.3);
    assert_eq!(got[4..], alone);
}

/// The corrector takes any stepper: here Euler–Maruyama on the reversal of VP.
#[test]
fn a_stochastic_predictor_is_corrected_too() {
    let (process, law) = (Forward(Vp::default()), law(1));
    let exact = ExactScore { law: law.clone(), process };
    let reverse = Reversed { sde: process, score: exact.clone(), clock: Clock::UNIT };
    let score = ScoreFn(|x, t: Times<'_>| Clock::UNIT.at(t, |s| exact.eval(x, s)));
    let grid = Grid::uniform(Interval::UNIT, 200).unwrap();
    let points = in_chunks(&Noise::new(82, 20_000), |noise| {
        let x = process.law_at(&law, 1.0).sample(&noise.purpose("start"), &space());
        let predictor = Solver::EulerMaruyama.on_sde(&reverse, noise).unwrap();
        let size = CorrectorStep::Size(&|_| 0.002);
        let mut both = PredictorCorrector::new(predictor, &score, size, 1, noise);
        drive(&mut both, x, &grid, |_, _, _| {}).unwrap()
    });
    let (gap, error) = distance(&points);
    assert!(gap < 1e-4 + 4.0 * error, "{gap:.2e} ± {error:.1e}");
}
