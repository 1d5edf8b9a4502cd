//! Observed orders equal declared ones.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Noise, Times};
use transport_sde::method::ode::{Euler, Heun};
use transport_sde::method::sde::EulerMaruyama;
use transport_sde::method::{OdeMethod, OdeStepper, SdeMethod};
use transport_sde::{Diffusion, Grid, Sde, drive};

/// `x′ = x cos t`, `x(t) = x₀ exp(sin t)`: smooth, not autonomous.
struct Growth;

impl Field for Growth {
    fn eval(&self, x: Tensor<2>, t: Times<'_>) -> Tensor<2> {
        t.scale(x, f64::cos)
    }
}

fn observed_order<M: OdeMethod>() -> f64 {
    let error = |steps: usize| {
        let x = space().tensor(vec![1.0], [1, 1]);
        let grid = Grid::uniform(Interval { start: 0.0, end: 2.0 }, steps).unwrap();
        let end = drive(&mut OdeStepper::<M>::new(&Growth), x, &grid, |_, _, _| {}).unwrap();
        (to_host(end)[0] - 2f64.sin().exp()).abs()
    };
    (error(100) / error(200)).log2()
}

#[test]
fn ode_methods_have_their_declared_order() {
    for (observed, declared) in
        [(observed_order::<Euler>(), Euler::ORDER), (observed_order::<Heun>(), Heun::ORDER)]
    {
        assert!(
            (observed - declared as f64).abs() < 0.2,
            "{observed} where {declared} is declared"
        );
    }
}

/// `dX = −X dt + dW`, whose exact solution over a step needs more than ΔW; it is approximated by
/// the same method on the finest grid.
struct Additive;

impl Sde for Additive {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.clone().sin() - x
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(1.0)
    }
}

/// Geometric Brownian motion, `dX = 0.5 X dt + X dW` with `X_t = X₀ exp(W_t)` in Itô's sense.
struct Geometric;

impl Sde for Geometric {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        x.mul_scalar(0.5)
    }

    fn diffusion(&self, x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Diagonal(x.clone())
    }
}

const PATHS: usize = 4000;
const FINE: usize = 1024;

/// The end points of the method on `steps` steps of `[0, 1]`, all resolutions driven by one path.
fn ends(sde: &dyn Sde, steps: usize, fine: &[Tensor<2>]) -> Tensor<2> {
    let (h, per) = (1.0 / steps as f64, FINE / steps);
    let mut x = fine[0].ones_like();
    for k in 0..steps {
        let dw = fine[k * per..(k + 1) * per].iter().cloned().reduce(|a, b| a + b).unwrap();
        x = EulerMaruyama.step(sde, x, k as f64 * h, h, dw);
    }
    x
}

fn strong_order(sde: &dyn Sde, exact: &Tensor<2>, fine: &[Tensor<2>]) -> f64 {
    let error = |steps| {
        let gap = ends(sde, steps, fine) - exact.clone();
        gap.powi_scalar(2).mean().into_scalar::<f64>().sqrt()
    };
    // The slope over three doublings.
    (error(8) / error(64)).log2() / 3.0
}

#[test]
fn euler_maruyama_has_its_declared_strong_orders() {
    let noise = Noise::new(11, PATHS);
    let scale = (1.0 / FINE as f64).sqrt();
    let fine: Vec<Tensor<2>> =
        (0..FINE).map(|k| noise.at_step(k as u64).normal(1, &space()).mul_scalar(scale)).collect();
    let (additive, general) = EulerMaruyama::STRONG;

    let reference = ends(&Additive, FINE, &fine);
    let observed = strong_order(&Additive, &reference, &fine);
    assert!((observed - additive).abs() < 0.2, "additive: {observed}");

    let brownian = fine.iter().cloned().reduce(|a, b| a + b).unwrap();
    let observed = strong_order(&Geometric, &brownian.exp(), &fine);
    assert!((observed - general).abs() < 0.2, "multiplicative: {observed}");
}

/// Weak order 1 on the mean of geometric Brownian motion, e^{1/2}, whose Euler–Maruyama value is
/// exactly (1 + h/2)^{1/h}; the paths are shared, so the difference carries the order.
#[test]
fn euler_maruyama_converges_weakly_to_the_ito_mean() {
    let noise = Noise::new(12, PATHS);
    let steps = 64;
    let mut x = noise.normal(1, &space()).ones_like();
    for k in 0..steps {
        let dw = noise.at_step(k).normal(1, &space()).mul_scalar((1.0 / steps as f64).sqrt());
        x = EulerMaruyama.step(&Geometric, x, 0.0, 1.0 / steps as f64, dw);
    }
    let values = to_host(x);
    let mean = values.iter().sum::<f64>() / PATHS as f64;
    let exact = (1.0 + 0.5 / steps as f64).powi(steps as i32);
    // The standard deviation of e^{W}: √(e² − e) ≈ 2.16; four standard errors.
    assert!((mean - exact).abs() < 4.0 * 2.16 / (PATHS as f64).sqrt(), "{mean} against {exact}");
    // A Stratonovich reading would give e¹ instead of e^{1/2}: far outside.
    assert!((1f64.exp() - mean).abs() > 0.5);
}

#[test]
fn diffusion_matrices_act_row_by_row() {
    let dw = space().tensor(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    let b = space().tensor(vec![1.0, 1.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0], [2, 2, 2]);
    assert_eq!(to_host(Diffusion::Matrix(b).apply(dw.clone())), [3.0, 4.0, 4.0, 3.0]);
    assert_eq!(to_host(Diffusion::Diagonal(dw.clone()).apply(dw)), [1.0, 4.0, 9.0, 16.0]);
}
