//! Orders, laws and errors of the integration.

mod convergence;
mod driver;
mod family;
mod flows;
mod forward;
mod kernels;
mod processes_page;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
