//! Training, saving, opening and judging transport maps.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | a run's configuration: `config.toml` |
//! | [`problem`] | its data: loaded, split, scaled, encoded |
//! | [`bits`] | bits per dimension of laws of images |
//! | [`canvas`] | rows as images, in a model file |
//! | [`objective`] | losses: flow matching, denoising score matching |
//! | [`adversarial`] | two players: losses, penalties, the trainer of a GAN |
//! | [`optim`] | AdamW, learning-rate schedule, clipping, moving average |
//! | [`power_average`] | averages of weights of any width, chosen afterwards |
//! | [`reaverage`](mod@reaverage) | a finished run with its weights averaged anew |
//! | [`trainer`] | one step of training |
//! | [`validation`] | the weights with the lowest validation loss, and early stopping |
//! | [`session`] | the training loop, checkpoints, resumption |
//! | [`store`] | files: model, checkpoint, metrics |
//! | [`registry`] | every model by name, with what it can do |
//! | [`bridge`] | one law to another: couplings, Schrödinger bridges |
//! | [`export`](mod@export) | a run as one file that a few lines of PyTorch read |
//! | [`import`](mod@import) | others' weights made into runs |
//! | [`run`] | a finished run opened for inference |
//! | [`variational`] | flows fitted to unnormalised densities, judged by importance weights |
//! | [`evaluate`](mod@evaluate) | metrics on held-out data, beside a Gaussian and the floor |
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

pub mod adversarial;
pub mod batch;
pub mod bits;
pub mod bridge;
pub mod canvas;
pub mod config;
pub mod context;
pub mod evaluate;
pub mod export;
pub mod import;
pub mod objective;
pub mod optim;
pub mod power_average;
pub mod problem;
pub mod reaverage;
pub mod registry;
pub mod run;
pub mod session;
pub mod store;
pub mod support;
pub mod trainer;
pub mod validation;
pub mod variational;
pub mod weights;

pub use config::Config;
pub use evaluate::evaluate;
pub use export::export;
pub use reaverage::reaverage;
pub use run::{Conditioning, Guidance, Request, Run, RunError};
pub use session::{Mode, Observer, Outcome, Silent, TrainError, train};
pub use store::Folder;
