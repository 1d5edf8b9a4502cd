//! Orders, laws and errors of the integration.

mod convergence;
mod diagnostics;
mod diffusion_order;
mod driver;
mod family;
mod flows;
mod fokker_planck;
mod fokker_planck_energy;
mod fokker_planck_residuals;
mod forward;
mod kernels;
mod langevin;
mod langevin_targets;
mod likelihood;
mod posteriors;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
