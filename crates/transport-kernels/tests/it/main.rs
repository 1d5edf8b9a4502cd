//! Kernels against f64, against the composed operations, and against themselves elsewhere.

mod activations;
mod adamw;
mod combinations;
mod convolutions;
mod embedding;
mod group_norm;
mod layers;
mod monotone;
mod norms;
mod patches;
mod softmax;

use transport_core::{Space, device};

fn spaces() -> [Space; 2] {
    let device = device::select(None).unwrap();
    [Space::f32(&device), Space::f64(&device)]
}
