//! The law of an SDE three ways: on a mesh, by particles, and in closed form where there is one.
//!
//! dX = −X dt + dW from two modes has q_t in closed form; dX = (X − X³) dt + dW only at the end,
//! where q ∝ exp(−2V). The solver knows neither scores nor particles, the particles no mesh.
//!
//! cargo run --release --example fokker_planck
use burn::tensor::Tensor;
use transport::core::device::{select, to_host};
use transport::core::law::{Gaussian, Law, Mixture, Noisable};
use transport::core::schedule::Coefs;
use transport::core::{Interval, Noise, Space, Times};
use transport::sde::fokker_planck::{Axis, FokkerPlanck, Mesh, Scheme};
use transport::sde::{Diffusion, Grid, Sde, SdeFlow, Solver};

/// `dX = a(X) dt + dW`.
#[derive(Clone, Copy)]
enum Process {
    Ou,
    DoubleWell,
}

impl Sde for Process {
    fn drift(&self, x: Tensor<2>, _t: Times<'_>) -> Tensor<2> {
        match self {
            Self::Ou => x.neg(),
            Self::DoubleWell => x.clone() - x.powi_scalar(3),
        }
    }

    fn diffusion(&self, _x: &Tensor<2>, _t: Times<'_>) -> Diffusion {
        Diffusion::Scalar(1.0)
    }
}

/// `q_t` of the OU process: `x ↦ e^{−t} x + √(½(1 − e^{−2t})) z`.
fn ou_law(start: &Mixture, t: f64) -> Mixture {
    let sigma = (-0.5 * (-2.0 * t).exp_m1()).sqrt();
    start.noised(&Coefs { alpha: (-t).exp(), sigma, d_alpha: 0.0, d_sigma: 0.0 })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space = Space::f64(&select(None)?);
    let mesh = Mesh::new(vec![Axis::new(-5.0, 5.0, 400)])?;
    let modes = vec![Gaussian::isotropic(vec![-1.5], 0.3), Gaussian::isotropic(vec![1.0], 0.4)];
    let start = Mixture::new(vec![0.4, 0.6], modes)?;
    let (n, noise) = (20_000, Noise::new(0, 20_000));
    let energy = |x: f64| x.powi(4) / 4.0 - x * x / 2.0;
    let gibbs: Vec<f64> = mesh.centres().iter().map(|x| (-2.0 * energy(*x)).exp()).collect();
    let gibbs = mesh.normalised(&gibbs);

    println!("L1 distance of the solver's law on {} cells", mesh.len());
    println!("process      t    to {n} particles (chance)   to closed form   mass − 1");
    for (process, name, end) in [
        (Process::Ou, "OU", 0.5),
        (Process::Ou, "OU", 2.0),
        (Process::DoubleWell, "double well", 0.5),
        (Process::DoubleWell, "double well", 20.0),
    ] {
        let grid = Grid::uniform(Interval { start: 0.0, end }, (end / 0.01) as usize)?;
        let solver = FokkerPlanck {
            sde: &process,
            mesh: mesh.clone(),
            space: space.clone(),
            scheme: Scheme::Midpoint,
        };
        let density = solver.solve(&mesh.density(&start, &space), &grid, |_, _, _| {})?.density;

        let flow = SdeFlow { sde: process, grid, solver: Solver::EulerMaruyama };
        let x = start.sample(&noise.purpose("start"), &space);
        let coarse = Mesh::new(vec![Axis::new(-5.0, 5.0, 25)])?;
        let counted = coarse.histogram(&to_host(flow.solve(x, &noise)?));
        let averaged: Vec<f64> = density.chunks(16).map(|c| c.iter().sum::<f64>() / 16.0).collect();
        // E|p̂ − p| = √(2 p/π n) in a bin of probability p.
        let chance =
            |q: &f64| (q * coarse.volume() * 2.0 / (std::f64::consts::PI * n as f64)).sqrt();

        let closed = match process {
            Process::Ou => Some(mesh.density(&ou_law(&start, end), &space)),
            Process::DoubleWell => (end > 10.0).then(|| gibbs.clone()),
        };
        let closed = closed.map_or("none".into(), |q| format!("{:.1e}", mesh.l1(&density, &q)));
        println!(
            "{name:<12} {end:<4} {:.1e} {:<21} {closed:<16} {:+.0e}",
            coarse.l1(&averaged, &counted),
            format!("({:.1e})", averaged.iter().map(chance).sum::<f64>()),
            mesh.integrate(&density) - 1.0,
        );
    }
    Ok(())
}
