//! Orders, laws and errors of the integration.

mod adaptive;
mod convergence;
mod driver;
mod family;
mod flows;
mod problems;
mod strong;
mod tree;
mod weak;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
