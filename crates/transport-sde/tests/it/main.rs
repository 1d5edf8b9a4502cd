//! Orders, laws and errors of the integration.

mod adaptive;
mod adjoint;
mod carried;
mod critically_damped;
mod diagnostics;
mod diffusion_law;
mod diffusion_matrix;
mod diffusion_order;
mod diffusion_published;
mod driver;
mod ends;
mod explicit_reverse;
mod family;
mod flow_densities;
mod flows;
mod fokker_planck;
mod fokker_planck_agreement;
mod fokker_planck_energy;
mod fokker_planck_residuals;
mod forward;
mod gaussian_bridge;
mod gaussian_ipf;
mod grids;
mod guidance;
mod interpolants;
mod inverse;
mod kernels;
mod langevin;
mod langevin_runs;
mod langevin_targets;
mod latent;
mod likelihood;
mod mixture_bridge;
mod ode_adaptive;
mod ode_dense;
mod ode_orders;
mod ode_problems;
mod ode_reference;
mod ode_stiff;
mod ode_together;
mod posteriors;
mod predictor_corrector;
mod problems;
mod processes_page;
mod reversal;
mod solver_table;
mod state_dependent;
mod strong;
mod thresholding;
mod tree;
mod variational;
mod weak;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
