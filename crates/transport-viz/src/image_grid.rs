//! Images in a grid: no axes, whole pixels, a thin gap between.

use std::path::Path;

use crate::scene::{Anchor, Scene, Shape};
use crate::style::{FAINT, INK};
use crate::{Points, VizError, output};

/// How rows of values are images, and how the images are laid out.
///
/// A row holds its pixels one after another, the channels of a pixel side by side:
/// `[height, width, channels]`, as image files store them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Pixels down.
    pub height: usize,
    /// Pixels across.
    pub width: usize,
    /// 1 for gray, 3 for RGB.
    pub channels: usize,
    /// Images in a row.
    pub columns: usize,
    /// The values shown as black and as white; others are clipped.
    pub range: (f64, f64),
}

impl Grid {
    /// The page outside the images, in pixels.
    pub const MARGIN: usize = 10;
    /// Between two images, in pixels.
    pub const GAP: usize = 2;

    /// How many pixels of the figure a pixel of an image is wide: an image is drawn at least 44
    /// pixels large.
    ///
    /// ```
    /// use transport_viz::Grid;
    ///
    /// let digits = Grid { height: 8, width: 8, channels: 1, columns: 10, range: (0.0, 1.0) };
    /// assert_eq!(digits.zoom(), 6);
    /// ```
    pub fn zoom(&self) -> usize {
        44_usize.div_ceil(self.height.max(self.width).max(1))
    }

    fn check(&self) -> Result<(), VizError> {
        for (field, value) in
            [("height", self.height), ("width", self.width), ("columns", self.columns)]
        {
            if value == 0 {
                return Err(VizError::ZeroGrid { field });
            }
        }
        if self.channels != 1 && self.channels != 3 {
            return Err(VizError::Channels { channels: self.channels });
        }
        let (low, high) = self.range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(VizError::Range { low, high });
        }
        Ok(())
    }

    fn check_rows(&self, images: Points<'_>) -> Result<(), VizError> {
        let size = self.height.checked_mul(self.width).and_then(|p| p.checked_mul(self.channels));
        if size == Some(images.dim()) {
            return Ok(());
        }
        let Self { height, width, channels, .. } = *self;
        Err(VizError::ImageSize { dim: images.dim(), channels, height, width })
    }

    /// 0 to 255. Halves first: the range may span more than the largest number.
    fn shade(&self, v: f64) -> u8 {
        let (low, high) = (self.range.0 / 2.0, self.range.1 / 2.0);
        (255.0 * ((v.clamp(self.range.0, self.range.1) / 2.0 - low) / (high - low))).round() as u8
    }

    /// One image as RGB pixels, row by row; a pixel that is not finite is marked and counted.
    fn rgb(&self, row: &[f64], missing: &mut usize) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(3 * self.height * self.width);
        for pixel in row.chunks_exact(self.channels) {
            let values: [f64; 3] = std::array::from_fn(|c| pixel[c.min(self.channels - 1)]);
            if values.iter().all(|v| v.is_finite()) {
                rgb.extend(values.map(|v| self.shade(v)));
            } else {
                *missing += 1;
                rgb.extend(MARK);
            }
        }
        rgb
    }
}

/// Where a pixel is not finite.
const MARK: [u8; 3] = [213, 94, 0];
const CAPTION: f64 = 15.0;
const CAPTION_ROW: usize = 26;
const NOTE_ROW: usize = 18;
const BETWEEN: usize = 8;

/// Draws images in a grid, each pixel enlarged by [`Grid::zoom`]: the first image's corner is at
/// ([`Grid::MARGIN`], [`Grid::MARGIN`]), the next begins [`Grid::GAP`] after it ends. Gray images
/// are shown white on black, RGB as they are. Pixels that are not finite are orange, and a line at
/// the foot counts them.
///
/// ```
/// use transport_viz::{Grid, Points, image_grid};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("grid.png");
/// let grid = Grid { height: 2, width: 1, channels: 1, columns: 2, range: (0.0, 1.0) };
/// let images = Points::new(&[0.0, 1.0, 0.5, 0.5], 2)?;
/// image_grid(&path, images, &grid)?;
/// assert!(path.exists());
/// # Ok::<(), transport_viz::VizError>(())
/// ```
///
/// # Errors
/// [`VizError::Format`], [`VizError::ZeroGrid`], [`VizError::Channels`], [`VizError::Range`],
/// [`VizError::ImageSize`] when a row is not an image, [`VizError::TooLarge`], [`VizError::Io`].
pub fn image_grid(path: &Path, images: Points<'_>, grid: &Grid) -> Result<(), VizError> {
    image_blocks(path, &[("", images)], grid)
}

/// Several grids under each other, each with its caption over it (none when it is empty).
///
/// # Errors
/// As [`image_grid`], and [`VizError::Empty`] without blocks.
pub fn image_blocks(
    path: &Path,
    blocks: &[(&str, Points<'_>)],
    grid: &Grid,
) -> Result<(), VizError> {
    output::format(path)?;
    grid.check()?;
    if blocks.is_empty() {
        return Err(VizError::Empty { what: "blocks" });
    }
    blocks.iter().try_for_each(|(_, images)| grid.check_rows(*images))?;
    output::check_size(size(blocks, grid))?;
    output::save(path, &lay(blocks, grid))
}

/// Images across and down in a block.
fn shape(images: Points<'_>, grid: &Grid) -> (usize, usize) {
    (grid.columns.min(images.len()), images.len().div_ceil(grid.columns))
}

/// The pixels of `count` images side by side, gaps included.
fn extent(count: usize, pixels: usize, grid: &Grid) -> usize {
    let pitch = pixels.saturating_mul(grid.zoom()).saturating_add(Grid::GAP);
    count.saturating_mul(pitch).saturating_sub(Grid::GAP)
}

fn caption_row(caption: &str) -> usize {
    if caption.is_empty() { 0 } else { CAPTION_ROW }
}

/// The page without its small print.
fn size(blocks: &[(&str, Points<'_>)], grid: &Grid) -> (usize, usize) {
    let width = blocks.iter().map(|(_, images)| extent(shape(*images, grid).0, grid.width, grid));
    let heights = blocks.iter().map(|(caption, images)| {
        caption_row(caption).saturating_add(extent(shape(*images, grid).1, grid.height, grid))
    });
    let gaps = BETWEEN * (blocks.len() - 1) + 2 * Grid::MARGIN;
    let height = heights.fold(gaps, usize::saturating_add);
    (width.max().unwrap_or(0).saturating_add(2 * Grid::MARGIN), height)
}

fn lay(blocks: &[(&str, Points<'_>)], grid: &Grid) -> Scene {
    let (width, height) = size(blocks, grid);
    let mut scene = Scene { width, height, scale: 1, shapes: Vec::new() };
    let room = (width - 2 * Grid::MARGIN) as f64;
    let (left, mut top, mut missing) = (Grid::MARGIN, Grid::MARGIN, 0);
    for (caption, images) in blocks {
        if !caption.is_empty() {
            let at = (left as f64, top as f64 + CAPTION);
            scene.text(caption, at, Anchor::Start, (CAPTION, INK), room);
            top += CAPTION_ROW;
        }
        for (i, row) in images.rows().enumerate() {
            let x = left + (i % grid.columns) * (grid.width * grid.zoom() + Grid::GAP);
            let y = top + i / grid.columns * (grid.height * grid.zoom() + Grid::GAP);
            scene.shapes.push(Shape::Picture {
                x: x as f64,
                y: y as f64,
                width: grid.width,
                height: grid.height,
                zoom: grid.zoom(),
                rgb: grid.rgb(row, &mut missing),
            });
        }
        top += extent(shape(*images, grid).1, grid.height, grid) + BETWEEN;
    }
    if missing > 0 {
        scene.height += NOTE_ROW;
        let note = format!("{missing} not finite (orange)");
        let at = (left as f64, (scene.height - Grid::MARGIN) as f64);
        scene.text(&note, at, Anchor::Start, (11.0, FAINT), room);
    }
    scene
}
