//! Observed orders equal declared ones.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::{Field, Interval, Times};
use transport_sde::method::ode::{Euler, Heun};
use transport_sde::method::{OdeMethod, OdeStepper};
use transport_sde::{Diffusion, Grid, drive};

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

#[test]
fn diffusion_matrices_act_row_by_row() {
    let dw = space().tensor(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    let b = space().tensor(vec![1.0, 1.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0], [2, 2, 2]);
    assert_eq!(to_host(Diffusion::Matrix(b).apply(dw.clone())), [3.0, 4.0, 4.0, 3.0]);
    assert_eq!(to_host(Diffusion::Diagonal(dw.clone()).apply(dw)), [1.0, 4.0, 9.0, 16.0]);
}
