//! What can go wrong with a figure.

use std::io;
use std::path::PathBuf;

/// Why a figure was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VizError {
    /// The path's ending names no format that is written here.
    #[error("{} has the ending `{ending}`; a figure ends in .png or .svg", path.display())]
    Format {
        /// The path as given.
        path: PathBuf,
        /// Its ending, empty when there is none.
        ending: String,
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The figure's path.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The PNG encoder refused the pixels.
    #[error("cannot encode {} as PNG: {source}", path.display())]
    Encode {
        /// The figure's path.
        path: PathBuf,
        /// What the encoder answered.
        source: image::ImageError,
    },
    /// Nothing to draw.
    #[error("no {what} given; a figure needs at least one")]
    Empty {
        /// What is missing: points, panels, frames, series or blocks.
        what: &'static str,
    },
    /// A row without columns.
    #[error("the points have dimension 0; a row needs at least one column")]
    ZeroDim,
    /// The values do not fill whole rows.
    #[error("{len} values do not fill rows of {dim}; the length must be a multiple of {dim}")]
    Length {
        /// How many values were given.
        len: usize,
        /// The declared dimension.
        dim: usize,
    },
    /// A column was asked for that the points do not have.
    #[error("column {axis} of `{panel}` does not exist: it has {dim}, counted from 0")]
    AxisOutOfRange {
        /// The panel that lacks the column.
        panel: String,
        /// The column asked for.
        axis: usize,
        /// How many columns there are.
        dim: usize,
    },
    /// Data and samples have different numbers of columns.
    #[error("the data have {data} columns and the samples {samples}; they must agree")]
    DimMismatch {
        /// Columns of the data.
        data: usize,
        /// Columns of the samples.
        samples: usize,
    },
    /// Not one name for each column.
    #[error("{given} names for {dim} columns; give one for each")]
    NameCount {
        /// How many names were given.
        given: usize,
        /// How many columns there are.
        dim: usize,
    },
    /// A grid without rows, columns or pixels.
    #[error("the grid's {field} is 0; it must be at least 1")]
    ZeroGrid {
        /// `height`, `width` or `columns`.
        field: &'static str,
    },
    /// Neither gray nor colour.
    #[error("{channels} channels; an image has 1 (gray) or 3 (RGB)")]
    Channels {
        /// The number given.
        channels: usize,
    },
    /// Rows that are not images of the declared size.
    #[error("rows of {dim} values are not images of {channels} x {height} x {width}")]
    ImageSize {
        /// Values in a row.
        dim: usize,
        /// The grid's channels.
        channels: usize,
        /// The grid's height.
        height: usize,
        /// The grid's width.
        width: usize,
    },
    /// A range of pixel values that is empty or not finite.
    #[error("pixel range ({low}, {high}); both ends must be finite and the first smaller")]
    Range {
        /// Shown as black.
        low: f64,
        /// Shown as white.
        high: f64,
    },
    /// A frame's time is not a number.
    #[error("frame {frame} stands at t = {t}; a time must be finite")]
    Time {
        /// Which frame, counted from 0.
        frame: usize,
        /// Its time.
        t: f64,
    },
    /// More pixels than a picture should have.
    #[error("the figure would be {width} x {height} pixels; at most {limit} a side: draw fewer")]
    TooLarge {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
        /// The limit for each.
        limit: usize,
    },
}
