//! A normalizing flow fitted to an unnormalised density of one's own, and judged by its importance
//! weights: log Z, the effective number of points, and the shape of the weights' tail.
//!
//! cargo run --release --example reverse_kl
use burn::tensor::Tensor;
use std::ops::ControlFlow;
use transport::core::{Density, Noise, Space, device};
use transport::models::FlowConfig;
use transport::models::flow::{Element, Reading, Reference};
use transport::models::net::ConditionerConfig;
use transport::train::optim::OptimConfig;
use transport::train::trainer::LoopConfig;
use transport::train::variational::{Importance, Plan, fit, log_weights};

/// A crescent: `log p̃ = −½ (|x| − 2)²/0.3² + x₁`.
struct Crescent;

impl Density for Crescent {
    fn log_prob(&self, x: Tensor<2>) -> Tensor<1> {
        let radius = x.clone().powi_scalar(2).sum_dim(1).sqrt();
        let ring = radius.sub_scalar(2.0).div_scalar(0.3).powi_scalar(2).mul_scalar(-0.5);
        (ring + x.narrow(1, 0, 1)).squeeze_dim(1)
    }
}

/// The mass on a fine grid.
fn by_quadrature(space: &Space) -> f64 {
    let (half, cells) = (5.0, 1000);
    let width = 2.0 * half / f64::from(cells);
    let centre = |i: i32| -half + (f64::from(i) + 0.5) * width;
    let grid = (0..cells).flat_map(|i| (0..cells).flat_map(move |j| [centre(i), centre(j)]));
    let x = space.tensor(grid.collect(), [(cells * cells) as usize, 2]);
    let mass = Crescent.log_prob(x).exp().sum().into_scalar::<f64>();
    (mass * width * width).ln()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space = Space::f32(&device::select(None)?);
    let plan = Plan {
        flow: FlowConfig {
            reading: Reading::Coupling,
            element: Element::Spline { bins: 8 },
            layers: 4,
            net: ConditionerConfig { width: 48, depth: 2 },
            reference: Reference::Gaussian,
        },
        train: LoopConfig { steps: 1500, ..LoopConfig::default() },
        optim: OptimConfig { lr: 3e-3, weight_decay: 0.0, ..OptimConfig::default() },
        data: None,
    };
    let flow = fit(&Crescent, 2, &plan, &space, &mut |_| ControlFlow::Continue(()))?;
    let (_, weights) = log_weights(&flow, &Crescent, &Noise::new(1, 50_000), &space);
    let judged = Importance::of(&weights)?;
    println!("log Z  {:.4} ± {:.4}", judged.log_z, judged.log_z_error);
    println!("exact  {:.4}", by_quadrature(&Space::f64(&space.device)));
    println!("ELBO   {:.4}", judged.elbo);
    println!("ESS    {:.0} of {}", judged.ess, judged.draws);
    println!("k̂      {:.2}", judged.khat);
    Ok(())
}
