//! Generative modelling as transport: maps that push noise, or one data set, onto data.
//!
//! Every model is one sentence: a map or kernel `T` pushes an easy law onto the data,
//! `T_# μ₀ ≈ p_data`. This crate re-exports the workspace; each part can also be depended on alone.
//!
//! | module | crate | holds |
//! |---|---|---|
//! | [`core`] | `transport-core` | laws, schedules, processes, predictions, maps, fields, noise |
//! | [`ot`] | `transport-ot` | optimal transport between samples, discrepancies |
//! | [`sde`] | `transport-sde` | dynamics, methods, the driver, flows as maps |
//! | [`models`] | `transport-models` | networks |
//! | [`kernels`] | `transport-kernels` | SIMD activations, fused layers, the fused optimiser step |
//! | [`train`] | `transport-train` | objectives, training, saved runs, evaluation, the registry |
//! | [`data`] | `transport-data` | readers, writers, scaling, the shipped data set |
//! | [`viz`] | `transport-viz` | figures |
//!
//! # Example
//! A density and its samples from a map known in closed form:
//! ```
//! # #[cfg(feature = "flex")] {
//! use transport::core::{Density, Law, Noise, Space, Transport, device, law::Gaussian, map::Affine};
//! let space = Space::f32(&device::select(None).unwrap());
//! let map = Affine::new(vec![2.0, 0.0, 1.0, 1.0], vec![0.0, 3.0]).unwrap();
//! let law = Transport { reference: Gaussian::standard(2), map };
//! let x = law.sample(&Noise::new(7, 100), &space);
//! assert_eq!(law.log_prob(x).dims(), [100]);
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub use transport_core as core;
pub use transport_data as data;
pub use transport_kernels as kernels;
pub use transport_models as models;
pub use transport_ot as ot;
pub use transport_sde as sde;
pub use transport_train as train;
pub use transport_viz as viz;
