//! Orders, laws and errors of the integration.

mod convergence;
mod diffusion_order;
mod driver;
mod family;
mod flows;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
