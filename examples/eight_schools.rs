//! Bayesian inference with a closure: the eight schools of Rubin (1981), non-centred.
//!
//! Effects of coaching in eight schools, y ± σ each. θ = μ + τ θ̃, θ̃ ~ N(0, 1), μ ~ N(0, 5),
//! τ ~ HalfCauchy(0, 5). The density is written on tensors; Burn differentiates it, and τ > 0 is
//! sampled as log τ with its Jacobian.
//!
//! cargo run --release --example eight_schools
use burn::tensor::Tensor;
use std::ops::ControlFlow;
use transport::core::device::{select, to_host};
use transport::core::{Noise, Space};
use transport::sde::langevin::{
    Constrained, LogDensity, Mala, Metric, Plan, Transform, climb, find_start, sample,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let space = Space::f64(&select(None)?);
    let y = space.tensor(vec![28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0], [1, 8]);
    let sigma = space.tensor(vec![15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0], [1, 8]);

    // Columns: θ̃₁ … θ̃₈, μ, τ. Each row is a chain, and gets one number.
    let log_density = LogDensity::new(move |x: Tensor<2>| {
        let (effects, mu) = (x.clone().narrow(1, 0, 8), x.clone().narrow(1, 8, 1));
        let tau = x.narrow(1, 9, 1);
        let fit = (y.clone() - mu.clone() - effects.clone() * tau.clone()) / sigma.clone();
        let squares = fit.powi_scalar(2).sum_dim(1) + effects.powi_scalar(2).sum_dim(1);
        let priors =
            (mu / 5.0).powi_scalar(2).mul_scalar(-0.5) - (tau / 5.0).powi_scalar(2).log1p();
        (priors - squares.mul_scalar(0.5)).squeeze_dim(1)
    });
    let target = Constrained::new(log_density, vec![Transform::Real(9), Transform::POSITIVE])?;

    let noise = Noise::new(0, 64); // seed 0, 64 chains
    let mala = Mala { target: &target };
    let start = find_start(&mala, target.dim(), 1.0, 100, &noise, &space);
    let start = climb(&target, start, 500, 0.1);
    let plan = Plan::adaptive(1000, 2000, Metric::Dense);
    let chains = sample(&mala, start, &plan, &noise, |_| ControlFlow::Continue(()))?;

    let parameters = chains.mapped(|u| {
        let rows = chains.len() * chains.chains();
        to_host(target.constrain(space.tensor(u.to_vec(), [rows, target.dim()])))
    });
    println!("acceptance {:.3}", chains.mean_acceptance());
    for (name, j) in [("mu", 8), ("tau", 9)] {
        let s = &parameters.summaries()[j];
        println!(
            "{name:<4} mean {:.3} ± {:.3}  sd {:.3}  ESS {:.0}  R̂ {:.4}",
            s.mean, s.mcse_mean, s.sd, s.ess_bulk, s.rhat
        );
    }
    Ok(())
}
