//! One Brownian path for all: three methods on shared paths, against the exact solution.
//!
//! cargo run --release --example brownian_paths
use transport::core::process::GeometricBrownian;
use transport::core::{Interval, Noise, Space, Times, device::select};
use transport::sde::method::sde::BrownianTree;
use transport::sde::{Grid, Solver, drive};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (n, space) = (2000, Space::f64(&select(None)?));
    let sde = GeometricBrownian::new(0.5, 0.8, 0.0, 1)?;
    let tree = BrownianTree::new(&Noise::new(7, n), 1, Interval::UNIT, 1e-3)?;
    let start = space.tensor(vec![1.0; n], [n, 1]);
    let exact = sde.solution(start.clone(), 1.0, tree.value(Times::Same(1.0), &space));

    let error = |solver: Solver, steps: usize| -> Result<f64, Box<dyn std::error::Error>> {
        let mut stepper = solver.on_tree(&sde, &tree).ok_or("a method for this noise")?;
        let grid = Grid::uniform(Interval::UNIT, steps)?;
        let end = drive(&mut *stepper, start.clone(), &grid, |_, _, _| {})?;
        Ok((end - exact.clone()).abs().mean().into_scalar::<f64>())
    };
    println!("mean error at t = 1 over {n} paths");
    println!("{:>6} {:>15} {:>10} {:>10}", "steps", "Euler–Maruyama", "Milstein", "SRK");
    for steps in [10, 40, 160] {
        let errors = [
            error(Solver::EulerMaruyama, steps)?,
            error(Solver::Milstein, steps)?,
            error(Solver::Srk, steps)?,
        ];
        println!("{steps:>6} {:>15.2e} {:>10.2e} {:>10.2e}", errors[0], errors[1], errors[2]);
        assert!(errors[2] < errors[1] && errors[1] < errors[0]);
    }
    Ok(())
}
