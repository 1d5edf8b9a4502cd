//! Orders, laws and errors of the integration.

mod carried;
mod convergence;
mod critically_damped;
mod driver;
mod explicit_reverse;
mod family;
mod flow_densities;
mod flows;
mod predictor_corrector;
mod reversal;
mod state_dependent;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
