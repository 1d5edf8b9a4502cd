//! Orders, laws and errors of the integration.

mod convergence;
mod driver;
mod family;
mod flows;
mod fokker_planck;
mod fokker_planck_agreement;
mod fokker_planck_energy;
mod fokker_planck_residuals;
mod likelihood;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
