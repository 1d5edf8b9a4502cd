//! Orders, laws and errors of the integration.

mod convergence;
mod driver;
mod family;
mod flows;
mod ode_adaptive;
mod ode_dense;
mod ode_orders;
mod ode_problems;
mod ode_reference;
mod ode_stiff;
mod solver_table;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
