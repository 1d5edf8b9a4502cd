//! Datasets, readers, writers and scaling for transport: host matrices, no tensors.
//!
//! ```text
//! file ──read──▶ Dataset ──select──▶ Table ──Scaler::transform──▶ [n, d] for a model
//! file ◀─write── Table ◀────────────────────── Scaler::inverse ◀── [n, d] from a model
//! ```
//!
//! Everything is `f64`, row-major and on the host. Nothing here draws random numbers or prints.
//!
//! # Example
//! ```
//! use transport_data::{Scaler, digits};
//! let data = digits().select(None, &["label".to_string()])?;
//! let scaler = Scaler::shared(&data.features, data.range)?;
//! let x = scaler.transform(&data.features)?;
//! assert_eq!(x.len(), 1797 * scaler.output_dim());
//! # Ok::<(), transport_data::DataError>(())
//! ```
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

mod dataset;
mod digits;
mod error;
mod image_shape;
mod read;
mod scaler;
mod support;
mod table;
mod write;

pub use dataset::{Dataset, Selected};
pub use digits::digits;
pub use error::DataError;
pub use image_shape::ImageShape;
pub use read::{
    MAX_COLUMNS, MAX_LINE, MAX_VALUES, read, read_at_least, read_csv, read_csv_with_gaps, read_idx,
    read_npy, read_png_folder,
};
pub use scaler::Scaler;
pub use support::Support;
pub use table::Table;
pub use write::{write_csv, write_npy, write_npy_array};
