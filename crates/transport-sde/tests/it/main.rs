//! Orders, laws and errors of the integration.

mod convergence;
mod diffusion_law;
mod diffusion_order;
mod diffusion_published;
mod driver;
mod family;
mod flows;
mod grids;
mod thresholding;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
