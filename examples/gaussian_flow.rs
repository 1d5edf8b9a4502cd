//! Theory you can check: the exact probability flow of a mixture, as an ODE and as SDEs.
//!
//! The family dX = [v + ε s] dt + √(2ε) dW has the same marginals for every ε ≥ 0. Here v and s are
//! known in closed form, so the three samplers differ only by their discretisation.
//!
//! cargo run --release --example gaussian_flow
use transport::core::device::{select, to_host};
use transport::core::law::{Gaussian, Law, Mixture, OracleFlow};
use transport::core::schedule::Rectified;
use transport::core::{Interval, Noise, Space};
use transport::ot::energy_distance;
use transport::sde::dynamics::Epsilon;
use transport::sde::{Family, Grid, OdeFlow, SdeFlow, Solver};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space = Space::f64(&select(None)?);
    let law = Mixture::new(
        vec![0.3, 0.7],
        vec![
            Gaussian::isotropic(vec![-2.0, 0.0], 0.4),
            Gaussian::new(vec![1.5, 1.0], vec![0.5, 0.3, 0.3, 0.4])?,
        ],
    )?;
    let (n, noise) = (4000, Noise::new(0, 4000));
    let start = Gaussian::standard(2).sample(&noise.purpose("start"), &space);
    let exact = to_host(law.sample(&noise.purpose("exact"), &space));
    let other = to_host(law.sample(&noise.purpose("other"), &space));
    let field = OracleFlow { law, schedule: Rectified };
    let grid = Grid::uniform(Interval::UNIT, 100)?;

    let ode = OdeFlow { field: field.clone(), grid: grid.clone(), solver: Solver::Heun };
    let mut rows = vec![("probability flow, Heun", to_host(ode.solve(start.clone())?))];
    for (name, epsilon) in [("SDE with ε = σ", 1.0), ("SDE with ε = 2σ", 2.0)] {
        let sde = Family { field: &field, schedule: Rectified, epsilon: Epsilon::Sigma(epsilon) };
        let flow = SdeFlow { sde, grid: grid.clone(), solver: Solver::EulerMaruyama };
        rows.push((name, to_host(flow.solve(start.clone(), &noise)?)));
    }
    rows.push(("the law itself (floor)", other));
    println!("energy distance of {n} samples to {n} exact ones");
    for (name, samples) in rows {
        println!("  {name:<24} {:+.5}", energy_distance(&samples, &exact, 2));
    }
    Ok(())
}
