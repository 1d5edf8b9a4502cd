//! The marginals of the family do not depend on ε.

use crate::space;
use burn::tensor::Tensor;
use transport_core::device::to_host;
use transport_core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport_core::process::{SubVp, Ve, Vp};
use transport_core::schedule::{Noising, Rectified, Schedule};
use transport_core::{Interval, Noise};
use transport_sde::dynamics::Epsilon;
use transport_sde::{Family, Grid, OdeFlow, SdeFlow, Solver};

const N: usize = 20_000;

fn law() -> Mixture {
    let components =
        vec![Gaussian::isotropic(vec![-1.0], 0.3), Gaussian::isotropic(vec![1.5], 0.5)];
    Mixture::new(vec![0.3, 0.7], components).unwrap()
}

/// Mean, standard deviation and the left mode's weight, against the exact law at the end time:
/// four standard errors and the stated discretisation bias.
fn check(x: Tensor<2>, bias: f64, what: &str) {
    let values = to_host(x);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let left = values.iter().filter(|v| **v < 0.0).count() as f64 / n;
    let exact_mean = 0.75;
    let exact_var = 0.3 * (0.09 + 1.0) + 0.7 * (0.25 + 2.25) - exact_mean * exact_mean;
    let exact_left = 0.3 * 0.99957 + 0.7 * 0.00135;
    let allowed = |error: f64| 4.0 * error + bias;
    assert!((mean - exact_mean).abs() < allowed((exact_var / n).sqrt()), "{what}: mean {mean}");
    assert!((var - exact_var).abs() < allowed(exact_var * (2.0 / n).sqrt()), "{what}: var {var}");
    let binomial = (exact_left * (1.0 - exact_left) / n).sqrt();
    assert!((left - exact_left).abs() < allowed(binomial), "{what}: left weight {left}");
}

fn run(schedule: impl Schedule + Copy, interval: Interval, epsilon: Epsilon, what: &str) {
    let flow = OracleFlow { law: law(), schedule };
    let noise = Noise::new(21, N);
    // From the exact law at the start, so that only the integration is tested.
    let start = flow.at(interval.start).sample(&noise.purpose("start"), &space());
    let grid = Grid::uniform(interval, 400).unwrap();
    let ode = OdeFlow { field: flow.clone(), grid: grid.clone(), solver: Solver::Heun };
    check(ode.solve(start.clone()).unwrap(), 0.005, &format!("{what}, ODE"));
    let sde = Family { field: flow, schedule, epsilon };
    let sde = SdeFlow { sde, grid, solver: Solver::EulerMaruyama };
    check(sde.solve(start, &noise).unwrap(), 0.015, &format!("{what}, SDE"));
}

#[test]
fn marginals_do_not_depend_on_epsilon() {
    let near = |start: f64| Interval { start, end: 1.0 };
    run(Rectified, near(0.0), Epsilon::Sigma(1.0), "rectified, ε = σ");
    run(Rectified, near(0.0), Epsilon::Constant(0.5), "rectified, ε = ½");
    let vp = Noising::new(Vp::default());
    run(vp, vp.domain(), Epsilon::Reversal(1.0), "VP reversal");
    let subvp = Noising::new(SubVp::default());
    run(subvp, subvp.domain(), Epsilon::Reversal(1.0), "sub-VP reversal");
    let ve = Noising::new(Ve { sigma_min: 0.01, sigma_max: 10.0 });
    run(ve, ve.domain(), Epsilon::Reversal(1.0), "VE reversal");
}

/// Noise without the drift that balances it widens the law: the check above can fail.
#[test]
#[should_panic(expected = "unbalanced")]
fn unbalanced_noise_is_rejected() {
    struct Unbalanced(OracleFlow<Mixture, Rectified>);
    impl transport_sde::Sde for Unbalanced {
        fn drift(&self, x: Tensor<2>, t: transport_core::Times<'_>) -> Tensor<2> {
            transport_core::Field::eval(&self.0, x, t)
        }
        fn diffusion(
            &self,
            _x: &Tensor<2>,
            _t: transport_core::Times<'_>,
        ) -> transport_sde::Diffusion {
            transport_sde::Diffusion::Scalar(0.5)
        }
    }
    let flow = OracleFlow { law: law(), schedule: Rectified };
    let noise = Noise::new(21, N);
    let start = Gaussian::standard(1).sample(&noise.purpose("start"), &space());
    let grid = Grid::uniform(Interval::UNIT, 100).unwrap();
    let sde = SdeFlow { sde: Unbalanced(flow), grid, solver: Solver::EulerMaruyama };
    check(sde.solve(start, &noise).unwrap(), 0.015, "unbalanced");
}
