//! Exact log-densities along a flow, and what each solver step buys.
//!
//! d/dt log p_t(x_t) = −∇·v(x_t, t): integrated backwards from the data, with the exact divergence.
//! The velocity is linear here, so log p is known and the error of the integration is all there is.
//!
//! cargo run --release --example likelihood
use transport::core::device::{select, to_host};
use transport::core::field::AffineField;
use transport::core::law::{Gaussian, Law};
use transport::core::{Density, Interval, Noise, Space, Transport};
use transport::sde::{Grid, OdeFlow, Solver};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space = Space::f64(&select(None)?);
    // x′ = a x over unit time takes N(0, 1) to N(0, e^{2a}) in each coordinate.
    let (a, b): (f64, f64) = (0.8, -0.5);
    let exact = Gaussian::new(vec![0.0; 2], vec![(2.0 * a).exp(), 0.0, 0.0, (2.0 * b).exp()])?;
    let x = exact.sample(&Noise::new(1, 1000), &space);
    println!("largest error of log p over 1000 points, in nats");
    println!("{:>6} {:>12} {:>12}", "steps", "euler", "heun");
    for steps in [10, 20, 40, 80, 160] {
        let error = |solver| -> Result<f64, Box<dyn std::error::Error>> {
            let field = AffineField {
                matrix: vec![a, 0.0, 0.0, b],
                offset: vec![0.0; 2],
                rate: vec![0.0; 2],
            };
            let map = OdeFlow { field, grid: Grid::uniform(Interval::UNIT, steps)?, solver };
            let law = Transport { reference: Gaussian::standard(2), map };
            let gap = to_host(law.log_prob(x.clone()) - exact.log_prob(x.clone()));
            Ok(gap.into_iter().fold(0.0, |most: f64, g| most.max(g.abs())))
        };
        println!("{steps:>6} {:>12.2e} {:>12.2e}", error(Solver::Euler)?, error(Solver::Heun)?);
    }
    Ok(())
}
