//! Orders, laws and errors of the integration.

mod convergence;
mod diagnostics;
mod driver;
mod family;
mod flows;
mod langevin;
mod langevin_runs;
mod langevin_targets;
mod posteriors;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
