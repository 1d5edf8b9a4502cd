//! Weak orders: the error of moments falls as declared.
//!
//! Where the step is linear in the state, its moments are integrals over the step's increments,
//! taken here by quadrature: no sampling noise, and the exact solution is a formula.

use crate::problems::*;
use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Interval, Noise};
use transport_sde::method::sde::*;
use transport_sde::{Grid, Sde, drive};

/// Points and weights for `E f(Z₁, Z₂)` of two independent standard normal variables: the
/// rectangle rule on ±9 in steps of ¼, exact to rounding for a smooth `f` under a Gaussian.
fn quadrature() -> Vec<(f64, f64, f64)> {
    let density = |z: f64| (-0.5 * z * z).exp() * 0.25 / std::f64::consts::TAU.sqrt();
    let line = || (-36..=36).map(|k| f64::from(k) * 0.25);
    line().flat_map(|a| line().map(move |b| (a, b, density(a) * density(b)))).collect()
}

/// The step from `x` over `[t, t + h]` for each point of the quadrature. In one dimension the
/// points are `(ΔW, H)`; in two, where no method here takes areas, `(ΔW₁, ΔW₂)`.
fn step<M: SdeMethod>(sde: &dyn Sde, x: &[f64], t: f64, h: f64) -> Vec<f64> {
    let points = quadrature();
    let n = points.len();
    let column = |scale: f64, part: fn(&(f64, f64, f64)) -> f64| {
        space().column(&points.iter().map(|p| scale * part(p)).collect::<Vec<_>>())
    };
    let path = if x.len() == 1 {
        let dh = column((h / 12.0).sqrt(), |p| p.1);
        Increment::new(column(h.sqrt(), |p| p.0), Some(dh))
    } else {
        let columns = vec![column(h.sqrt(), |p| p.0), column(h.sqrt(), |p| p.1)];
        Increment::new(Tensor::cat(columns, 1), None)
    };
    let sde = M::bind(sde).expect("a method that fits");
    to_host(M::default().step(sde, rows(n, x), Span::Same { t, h }, &path))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    quadrature().iter().zip(values).map(|(p, v)| p.2 * v).sum()
}

/// The slope over two halvings of the step.
fn order(error: impl Fn(usize) -> f64) -> f64 {
    (error(16).abs() / error(64).abs()).log2() / 2.0
}

#[track_caller]
fn near(observed: f64, declared: f64, what: &str) {
    println!("{what}: {observed:.3}, declared {declared}");
    assert!((observed - declared).abs() < 0.2, "{what}: {observed} where {declared} is declared");
}

/// `E X` and `E X²` of geometric Brownian motion: a step multiplies them.
fn check_geometric<M: SdeMethod>(sde: &dyn Sde) {
    let (growth, volatility) = (GEOMETRIC.growth, GEOMETRIC.volatility);
    for (power, rate) in [(1, growth), (2, 2.0 * growth + volatility.powi(2))] {
        let error = |steps: usize| {
            let x = step::<M>(sde, &[1.0], 0.0, 1.0 / steps as f64);
            mean(x.iter().map(|x| x.powi(power))).powi(steps as i32) - rate.exp()
        };
        near(order(error), M::WEAK, &format!("{:?}, E X^{power}", M::default()));
    }
}

/// `E |X|²` of the spiral: a step multiplies it, whatever the angle.
fn check_commutative<M: SdeMethod>() {
    // d|X|² has the drift (2a + σ² + τ²) |X|² in Itô's sense.
    let rate = 2.0 * Spiral::GROWTH + Spiral::SIGMA.powi(2) + Spiral::TAU.powi(2);
    let error = |steps: usize| {
        let x = step::<M>(&Spiral, &[1.0, 0.0], 0.0, 1.0 / steps as f64);
        mean(x.chunks(2).map(|x| x[0] * x[0] + x[1] * x[1])).powi(steps as i32) - rate.exp()
    };
    near(order(error), M::WEAK, &format!("{:?}, spiral", M::default()));
}

/// Mean and variance of `dX = −λX dt + b(t) dW` from `X₀ = 1`: affine in the state, step by step.
fn check_pulsed<M: SdeMethod>() {
    let (sde, rate) = (Pulsed { bend: 0.0 }, Pulsed::RATE);
    let moments = |steps: usize| {
        let h = 1.0 / steps as f64;
        (0..steps).fold((1.0, 0.0), |(m, v), k| {
            let from = |x: f64| step::<M>(&sde, &[x], k as f64 * h, h);
            let noise = from(0.0);
            let factor = mean(from(1.0).into_iter()) - mean(noise.iter().copied());
            (factor * m, factor * factor * v + mean(noise.iter().map(|x| x * x)))
        })
    };
    // ∫ e^{−2λ(1−s)} b(s)² ds by Simpson's rule.
    let f = |s: f64| (-2.0 * rate * (1.0 - s)).exp() * Pulsed::noise(s).powi(2);
    let (cells, mut variance) = (2000, 0.0);
    for k in 0..cells {
        let (a, h) = (f64::from(k) / f64::from(cells), 1.0 / f64::from(cells));
        variance += h / 6.0 * (f(a) + 4.0 * f(a + 0.5 * h) + f(a + h));
    }
    let declared = M::WEAK_ADDITIVE;
    let name = format!("{:?}", M::default());
    let exact = (-rate).exp();
    // Solved exactly by the exponential method: no order to see, but no error either.
    if (moments(16).0 - exact).abs() > 1e-12 {
        near(order(|n| moments(n).0 - exact), declared, &format!("{name}, mean"));
    }
    near(order(|n| moments(n).1 - variance), declared, &format!("{name}, variance"));
}

#[test]
fn moments_of_geometric_brownian_motion() {
    check_geometric::<EulerMaruyama>(&GEOMETRIC);
    check_geometric::<Milstein>(&GEOMETRIC);
    check_geometric::<StochasticHeun>(&GEOMETRIC);
    check_geometric::<Srk>(&GEOMETRIC);
}

#[test]
fn moments_under_commutative_noise() {
    check_commutative::<EulerMaruyama>();
    check_commutative::<Milstein>();
    check_commutative::<StochasticHeun>();
}

#[test]
fn moments_under_time_dependent_noise() {
    check_pulsed::<EulerMaruyama>();
    check_pulsed::<ExponentialEuler>();
    check_pulsed::<Milstein>();
    check_pulsed::<StochasticHeun>();
    check_pulsed::<Sra1>();
    check_pulsed::<Shark>();
    check_pulsed::<Srk>();
}

/// A nonlinear drift, against the finest grid on the same paths: the mean of `X²` over
/// 40,000 paths.
fn check_nonlinear<M: SdeMethod>() {
    const ROWS: usize = 1000;
    const COLUMNS: usize = 40;
    let noise = Noise::new(61, ROWS);
    let end = |solver: &dyn Fn(&BrownianTree) -> Box<dyn transport_sde::Stepper>, steps: usize| {
        let tree = BrownianTree::new(&noise, COLUMNS, Interval::UNIT, 1.0 / 128.0).unwrap();
        let grid = Grid::uniform(Interval::UNIT, steps).unwrap();
        let x = drive(&mut *solver(&tree), rows(ROWS, &[0.4; COLUMNS]), &grid, |_, _, _| {});
        to_host(x.unwrap())
    };
    let sde = M::bind(&BENT).expect("a method that fits");
    let method = |tree: &BrownianTree| -> Box<dyn transport_sde::Stepper> {
        Box::new(SdeStepper::<M>::on_tree(sde, tree))
    };
    let finest = |tree: &BrownianTree| -> Box<dyn transport_sde::Stepper> {
        Box::new(SdeStepper::<Shark>::on_tree(&BENT, tree))
    };
    let exact = end(&finest, 128);
    let error = |steps: usize| {
        let x = end(&method, steps);
        x.iter().zip(&exact).map(|(x, y)| x * x - y * y).sum::<f64>() / x.len() as f64
    };
    let observed = (error(8) / error(32)).abs().log2() / 2.0;
    near(observed, M::WEAK_ADDITIVE, &format!("{:?}, nonlinear", M::default()));
}

#[test]
fn moments_under_a_nonlinear_drift() {
    check_nonlinear::<EulerMaruyama>();
    check_nonlinear::<ExponentialEuler>();
    check_nonlinear::<StochasticHeun>();
    check_nonlinear::<Sra1>();
    check_nonlinear::<Shark>();
}
