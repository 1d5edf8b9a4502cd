//! The law suites on every implementor of this crate, and on planted faults.

mod chains;
mod device;
mod discrete;
mod faults;
mod kernels;
mod laws;
mod maps;
mod memorisation;
mod processes;
mod simulators;

use transport_core::{Space, device::select};

fn space() -> Space {
    Space::f64(&select(None).unwrap())
}
