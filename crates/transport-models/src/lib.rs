//! Networks, and the transport maps made of them.
//!
//! | module | holds |
//! |---|---|
//! | [`net`] | layers and networks with an explicit directional derivative: dense, MLP, embedding |
//! | [`flow`] | normalizing flows: layers with both directions and their log-determinants |
//! | [`bridge`] | networks and potentials that carry one law to another |
//! | [`vae`] | the variational autoencoder, and its linear case in closed form |
//! | [`gan`] | generator and critic, input gradients, the game between known densities |
//! | [`dynamics`] | a network that knows the velocity and the score of a schedule |
//! | [`tabled`] | networks that others trained at the timesteps of a table |
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bridge;
pub mod dynamics;
pub mod flow;
pub mod gan;
pub mod net;
pub mod tabled;
pub mod vae;

pub use dynamics::{Dynamics, DynamicsConfig, Given, Predicting, Reading};
pub use flow::{Flow, FlowConfig, FlowError};
pub use vae::{Vae, VaeConfig};
