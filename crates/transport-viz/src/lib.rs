//! Figures for transport: scatter plots, pair plots, image grids, trajectories and curves.
//!
//! Host slices in, one PNG or SVG file out; the ending of the path picks the format. Nothing here
//! is random and nothing is printed: the same input gives the same bytes. A figure is first laid
//! out as a list of shapes, then written as pixels (two to the unit, for talks) or as SVG. Text in
//! a PNG is set in an embedded DejaVu Sans, since a machine that trains often has no fonts.
//!
//! What a figure leaves out it says in small print: points outside the axes, values that are not
//! finite, and how many points stand for one when a cloud is thinned.
//!
//! ```
//! use std::path::Path;
//! use transport_viz::{Points, VizError, scatter};
//!
//! let x = [0.0, 0.0, 1.0, 0.5, 2.0, 0.0];
//! let data = Points::new(&x, 2)?;
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("cloud.png");
//! scatter(&path, &[("data", data), ("samples", data)], (0, 1), ("x", "y"))?;
//! assert!(scatter(Path::new("cloud.bmp"), &[("data", data)], (0, 1), ("x", "y")).is_err());
//! # Ok::<(), VizError>(())
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

mod axis;
mod cloud;
mod curves;
mod error;
mod font;
mod histogram;
mod image_grid;
mod output;
mod pairs;
mod panels;
mod points;
mod raster;
mod scatter;
mod scene;
mod style;
mod svg;
mod trajectories;

pub use curves::{Series, curves};
pub use error::VizError;
pub use image_grid::{Grid, image_blocks, image_grid};
pub use pairs::pairs;
pub use points::Points;
pub use scatter::scatter;
pub use trajectories::{Frame, trajectories};
