//! Observed orders of the ODE methods equal the declared ones, in both directions of time.

use crate::ode_problems::{Rowwise, spiral, spiral_at};
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_sde::method::ode::tableau::{Estimate, Span, Tableau};
use transport_sde::method::ode::{
    Adams, AdamsBashforth, Bs32, Dop853, Dopri5, Embedded, Euler, Heun, Midpoint, Rk4, Rodas4,
    RungeKutta, Tsit5, interpolate,
};
use transport_sde::method::{AdaptiveMethod, OdeMethod, OdeStepper};
use transport_sde::{Grid, drive};

const FIELD: Rowwise = Rowwise(spiral);

/// Several paths, since the leading error of one may vanish.
const STARTS: [f64; 5] = [0.3, 0.4, 0.5, 0.6, 0.8];

fn exact(t: f64) -> Tensor<2> {
    space().tensor(STARTS.iter().flat_map(|r| spiral_at(t, *r)).collect(), [STARTS.len(), 2])
}

fn norm(x: Tensor<2>) -> f64 {
    to_host(x).iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The error at the end of `[0.3, 2.3]`, walked either way.
fn error<M: OdeMethod>(times: Vec<f64>) -> f64 {
    let (first, last) = (times[0], times[times.len() - 1]);
    let grid = Grid::new(times).unwrap();
    let end = drive(&mut OdeStepper::<M>::new(&FIELD), exact(first), &grid, |_, _, _| {});
    norm(end.unwrap() - exact(last))
}

fn uniform(steps: usize) -> Vec<f64> {
    (0..=steps).map(|k| 0.3 + 2.0 * k as f64 / steps as f64).collect()
}

fn backwards(times: Vec<f64>) -> Vec<f64> {
    times.into_iter().rev().collect()
}

fn observed<M: OdeMethod>(steps: usize, grid: impl Fn(usize) -> Vec<f64>) -> f64 {
    (error::<M>(grid(steps)) / error::<M>(grid(2 * steps))).log2()
}

fn check(what: &str, observed: f64, declared: usize) {
    println!("{what}: {observed:.3}");
    assert!((observed - declared as f64).abs() < 0.2, "{what}: {observed}, declared {declared}");
}

fn both_ways<M: OdeMethod>(steps: usize) {
    let name = format!("{:?}", M::default());
    check(&format!("{name}, forwards"), observed::<M>(steps, uniform), M::ORDER);
    check(&format!("{name}, backwards"), observed::<M>(steps, |n| backwards(uniform(n))), M::ORDER);
}

#[test]
fn observed_orders_are_the_declared_ones() {
    both_ways::<Euler>(1600);
    both_ways::<Midpoint>(800);
    both_ways::<Heun>(400);
    both_ways::<Bs32>(200);
    both_ways::<Rk4>(100);
    both_ways::<Dopri5>(200);
    both_ways::<Tsit5>(240);
    both_ways::<Dop853>(20);
    both_ways::<AdamsBashforth>(400);
    both_ways::<Rodas4>(160);
}

#[test]
fn adams_bashforth_has_every_order_up_to_eight() {
    both_ways::<Adams<1>>(1600);
    both_ways::<Adams<2>>(800);
    both_ways::<Adams<3>>(800);
    both_ways::<Adams<5>>(160);
    both_ways::<Adams<6>>(160);
    both_ways::<Adams<7>>(120);
    both_ways::<Adams<8>>(160);
}

/// Steps of ratio 1 : 3 : 2 over and over.
fn uneven(steps: usize) -> Vec<f64> {
    let lengths: Vec<f64> = (0..steps).map(|k| [1.0, 3.0, 2.0][k % 3]).collect();
    let total: f64 = lengths.iter().sum();
    let mut times = vec![0.3];
    times.extend(lengths.iter().scan(0.3, |t, h| {
        *t += 2.0 * h / total;
        Some(*t)
    }));
    times
}

#[test]
fn adams_bashforth_keeps_its_order_on_uneven_grids() {
    check("uneven", observed::<AdamsBashforth>(900, uneven), 4);
    check("uneven, backwards", observed::<AdamsBashforth>(900, |n| backwards(uneven(n))), 4);
    check("uneven, order 2", observed::<Adams<2>>(900, uneven), 2);
    check("uneven, order 6", observed::<Adams<6>>(240, uneven), 6);
    // Knots a hair beside the grid's own times.
    let knotted = |n: usize| {
        let grid = Grid::new(uniform(n)).unwrap();
        let knots: Vec<f64> = (1..9).map(|k| 0.3 + f64::from(k) / 5.0 + 1e-12).collect();
        grid.with_knots(&knots).times().to_vec()
    };
    check("knots", observed::<AdamsBashforth>(800, knotted), 4);
}

/// `log₂` of the ratio of a quantity over one step of length `h` and `h/2`.
fn slope(h: f64, quantity: impl Fn(f64) -> f64) -> f64 {
    (quantity(h) / quantity(0.5 * h)).log2()
}

/// A step from the exact state at 0.7, and the terms of its continuous extension.
fn one_step<M: AdaptiveMethod + Default>(h: f64) -> (Vec<f64>, Tensor<2>, Vec<Tensor<2>>) {
    let (method, x) = (M::default(), exact(0.7));
    let span = Span::Same { t: 0.7, h };
    let step = method.attempt(&FIELD, &x, &span.eval(&FIELD, x.clone(), 0.0), &span);
    let errors = step.errors.iter().map(|e| norm(e.clone())).collect();
    let end_slope = span.eval(&FIELD, step.end.clone(), 1.0);
    (errors, x, method.dense(&FIELD, step, end_slope, &span))
}

fn pair<M: AdaptiveMethod + Default>(h: f64) {
    for sign in [1.0, -1.0] {
        for (i, order) in M::EMBEDDED.iter().enumerate() {
            let estimate = slope(sign * h, |h| one_step::<M>(h).0[i]);
            check(&format!("{:?}, estimate {i}", M::default()), estimate, order + 1);
        }
        let inside = slope(sign * h, |h| {
            let (_, x, terms) = one_step::<M>(h);
            let gap = |theta: f64| interpolate(&x, &terms, &[theta; 5]) - exact(0.7 + theta * h);
            norm(Tensor::cat([0.2, 0.4, 0.6, 0.8].map(gap).to_vec(), 0))
        });
        check(&format!("{:?}, dense", M::default()), inside, M::DENSE_ORDER + 1);
        let (_, x, terms) = one_step::<M>(sign * h);
        assert_eq!(to_host(interpolate(&x, &terms, &[0.0; 5])), to_host(x.clone()));
    }
}

#[test]
fn estimates_and_continuous_extensions_have_their_orders() {
    pair::<Heun>(0.005);
    pair::<Bs32>(0.005);
    pair::<Dopri5>(0.02);
    pair::<Tsit5>(0.02);
    pair::<Dop853>(0.1);
    pair::<Rodas4>(0.004);
}

/// RK4 with one coefficient off by a hundredth.
#[derive(Debug, Default)]
struct Wrong;

impl RungeKutta for Wrong {
    const TABLEAU: Tableau = Tableau {
        order: 4,
        c: &[0.0, 0.5, 0.5, 1.0],
        a: &[&[], &[0.5], &[0.0, 0.51], &[0.0, 0.0, 1.0]],
        b: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
    };
}

/// Heun's method with an estimate that is no method's.
#[derive(Debug, Default)]
struct WrongPair;

impl RungeKutta for WrongPair {
    const TABLEAU: Tableau = Heun::TABLEAU;
}

impl Embedded for WrongPair {
    const ESTIMATE: Estimate = Estimate { orders: &[1], rows: &[&[0.5, 0.5]] };
}

#[test]
#[should_panic(expected = "Wrong, forwards")]
fn a_wrong_coefficient_is_rejected() {
    both_ways::<Wrong>(100);
}

#[test]
#[should_panic(expected = "WrongPair, estimate")]
fn a_wrong_estimate_is_rejected() {
    pair::<WrongPair>(0.01);
}
