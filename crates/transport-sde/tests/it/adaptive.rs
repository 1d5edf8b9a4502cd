//! Adaptive steps: tolerance decides the error, rejections condition nothing.

use crate::problems::*;
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Interval, Noise, Times};
use transport_sde::method::sde::*;
use transport_sde::{Grid, Sde, SolveError, Statistics, Stepper, drive};

fn tree(n: usize, d: usize) -> BrownianTree {
    let leaf = 2f64.powi(-16);
    BrownianTree::new(&Noise::new(51, n), d, Interval::UNIT, leaf).unwrap()
}

fn control(tolerance: f64) -> SdeControl {
    SdeControl { rtol: tolerance, atol: tolerance, longest: 0.25, max_steps: 100_000 }
}

fn whole() -> Grid {
    Grid::uniform(Interval::UNIT, 1).unwrap()
}

/// The end points, and the steps kept per path.
fn solve<M: Embedded>(sde: &dyn Sde, start: Tensor<2>, control: SdeControl) -> (Vec<f64>, f64) {
    let [n, d] = start.dims();
    let sde = M::bind(sde).expect("a method that fits");
    let mut stepper = AdaptiveSde::<M>::new(sde, &tree(n, d), control);
    let x = to_host(drive(&mut stepper, start, &whole(), |_, _, _| {}).unwrap());
    let Statistics { accepted, rejected, .. } = stepper.statistics();
    assert!(rejected > 0, "nothing is rejected: nothing is tested");
    (x, accepted as f64 / n as f64)
}

fn rms(x: &[f64], y: &[f64]) -> f64 {
    let sum: f64 = x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum();
    (sum / x.len() as f64).sqrt()
}

fn falls<M: Embedded>(sde: &dyn Sde, start: Tensor<2>, exact: &[f64]) {
    let runs: Vec<(f64, f64)> = [1e-1, 1e-2, 1e-3]
        .into_iter()
        .map(|tolerance| {
            let (x, steps) = solve::<M>(sde, start.clone(), control(tolerance));
            (rms(&x, exact), steps)
        })
        .collect();
    println!("{:?}: {runs:?}", M::default());
    for two in runs.windows(2) {
        let what = format!("{:?}: {runs:?}", M::default());
        assert!(two[1].0 < 0.5 * two[0].0 && two[1].1 > two[0].1, "{what}");
    }
}

const N: usize = 2000;

#[test]
fn the_error_falls_with_the_tolerance() {
    let w = tree(N, 1).value(Times::Same(1.0), &space());
    let exact = to_host(GEOMETRIC.solution(rows(N, &[1.0]), 1.0, w.clone()));
    falls::<Srk>(&GEOMETRIC, rows(N, &[1.0]), &exact);
    falls::<StochasticHeun>(&GEOMETRIC, rows(N, &[1.0]), &exact);
    falls::<Srk>(&Sinh, rows(N, &[0.0]), &to_host(Sinh::solution(w, 1.0)));
    let fine = Grid::uniform(Interval::UNIT, 1024).unwrap();
    let mut stepper = SdeStepper::<Shark>::on_tree(&BENT, &tree(N, 1));
    let exact = to_host(drive(&mut stepper, rows(N, &[0.4]), &fine, |_, _, _| {}).unwrap());
    falls::<Shark>(&BENT, rows(N, &[0.4]), &exact);
    falls::<Sra1>(&BENT, rows(N, &[0.4]), &exact);
}

/// `dX = 0.8 X dW` from 1: `E X² = e^{0.64}`, which redrawing rejected increments would lower.
const DRIFTLESS: Geometric = Geometric { growth: 0.0, volatility: 0.8 };
const LOOSE: f64 = 0.03;

/// `E X` and `E X²` relative to those of the exact solution on the same `n` paths (`E X = 1`).
fn moments(x: &[f64], exact: &[f64]) -> (f64, f64) {
    let mean = |x: &[f64], k: i32| x.iter().map(|x| x.powi(k)).sum::<f64>() / x.len() as f64;
    (mean(x, 1) - mean(exact, 1), mean(x, 2) / mean(exact, 2) - 1.0)
}

#[test]
fn a_loose_tolerance_does_not_bias_the_moments() {
    let n = 20_000;
    let w = tree(n, 1).value(Times::Same(1.0), &space());
    let exact = to_host(DRIFTLESS.solution(rows(n, &[1.0]), 1.0, w));
    let (x, steps) = solve::<StochasticHeun>(&DRIFTLESS, rows(n, &[1.0]), control(LOOSE));
    let (first, second) = moments(&x, &exact);
    println!("{steps:.1} steps: {first:.4} on E X, {second:.4} on E X²");
    assert!(first.abs() < 0.01 && second.abs() < 0.03, "{first}, {second}");
}

/// The planted fault: after a rejection, a fresh increment over half the step.
#[test]
fn redrawing_rejected_increments_is_biased() {
    let n = 20_000;
    let (mut x, mut t, mut h) = (vec![1.0; n], vec![0.0; n], vec![0.25; n]);
    let noise = Noise::new(52, n);
    for k in 0..400 {
        (0..n).for_each(|i| h[i] = f64::min(h[i], 1.0 - t[i]));
        // Rows at the end take steps that are not used.
        let used: Vec<f64> = h.iter().map(|h| h.max(1e-3)).collect();
        let span = Span::Each { t: &t, h: &used };
        let path = Increment::draw(&noise.at_step(k), 1, span, false, &space());
        let state = space().column(&x);
        let (next, error) = StochasticHeun.step_with_error(&DRIFTLESS, state, span, &path);
        for (i, (next, error)) in to_host(next).into_iter().zip(to_host(error)).enumerate() {
            if t[i] >= 1.0 - 1e-12 {
                continue;
            }
            let size = error.abs() / (LOOSE * (1.0 + x[i].abs().max(next.abs())));
            if size <= 1.0 {
                (x[i], t[i]) = (next, t[i] + h[i]);
            }
            h[i] *= (0.9 / size).clamp(0.125, 4.0);
            h[i] = h[i].min(0.25);
        }
    }
    assert!(t.iter().all(|t| *t >= 1.0 - 1e-12), "all rows arrive");
    let second = x.iter().map(|x| x * x).sum::<f64>() / n as f64 / 0.64f64.exp() - 1.0;
    println!("redrawn: {second:.4} on E X²");
    assert!(second < -0.05, "the test above would notice: {second}");
}

#[test]
fn rows_do_not_depend_on_each_other() {
    let (n, start) = (9, rows(9, &[0.4, -1.0]));
    let run = |rows: std::ops::Range<usize>| {
        let tree = tree(n, 2).rows(rows.clone());
        let mut stepper = AdaptiveSde::<Shark>::new(&BENT, &tree, control(1e-2));
        to_host(drive(&mut stepper, start.clone().slice([rows]), &whole(), |_, _, _| {}).unwrap())
    };
    let parts: Vec<f64> = [0..2, 2..3, 3..9].into_iter().flat_map(run).collect();
    assert_eq!(run(0..9), parts);
}

/// Stops on the way, off the dyadic times, change the steps and not the path.
#[test]
fn stops_on_the_way_see_the_same_path() {
    let n = 500;
    let grid = Grid::new(vec![0.0, 0.3, 0.77, 1.0]).unwrap();
    let end = |grid: &Grid| {
        let mut stepper = AdaptiveSde::<Srk>::new(&GEOMETRIC, &tree(n, 1), control(1e-4));
        to_host(drive(&mut stepper, rows(n, &[1.0]), grid, |_, _, _| {}).unwrap())
    };
    let gap = rms(&end(&grid), &end(&whole()));
    assert!(gap < 2e-3, "{gap}");
}

#[test]
fn budgets_and_resolutions_are_typed_errors() {
    let run = |control: SdeControl, leaf: f64| {
        let tree = BrownianTree::new(&Noise::new(51, 3), 1, Interval::UNIT, leaf).unwrap();
        let mut stepper = AdaptiveSde::<Srk>::new(&GEOMETRIC, &tree, control);
        stepper.step(4, rows(3, &[1.0]), 0.0, 1.0).unwrap_err()
    };
    let error = run(SdeControl { max_steps: 7, ..control(1e-6) }, 2f64.powi(-30));
    let budget = matches!(error, SolveError::Budget { steps: 7, step: 5, .. });
    assert!(budget, "{error}");
    let error = run(control(1e-6), 0.01);
    let SolveError::BelowResolution { h, leaf, step, .. } = error else {
        panic!("{error}");
    };
    assert!(h < leaf && leaf == 1.0 / 128.0 && step == 5);
}
