//! From a scene to a file: the format by the path's ending, the file whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::VizError;
use crate::raster::{Raster, raster};
use crate::scene::Scene;
use crate::svg::svg;

/// The longest side of a picture, in pixels.
const LIMIT: usize = 16_384;

/// What a figure is written as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    Png,
    Svg,
}

/// The format that the path's ending names, in whatever case.
pub(crate) fn format(path: &Path) -> Result<Format, VizError> {
    let ending = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "png" => Ok(Format::Png),
        "svg" => Ok(Format::Svg),
        _ => Err(VizError::Format { path: path.to_owned(), ending }),
    }
}

/// Writes `scene` to `path`.
pub(crate) fn save(path: &Path, scene: &Scene) -> Result<(), VizError> {
    check_size((scene.width * scene.scale, scene.height * scene.scale))?;
    let encoded = match format(path)? {
        Format::Png => png(&raster(scene)),
        Format::Svg => svg(scene).map(String::into_bytes),
    };
    let bytes = encoded.map_err(|source| VizError::Encode { path: path.to_owned(), source })?;
    write_whole(path, &bytes).map_err(|source| VizError::Io { path: path.to_owned(), source })
}

/// That a picture of these pixels is of reasonable size.
pub(crate) fn check_size((width, height): (usize, usize)) -> Result<(), VizError> {
    if width.max(height) > LIMIT {
        return Err(VizError::TooLarge { width, height, limit: LIMIT });
    }
    Ok(())
}

/// 8-bit RGB.
pub(crate) fn png(page: &Raster) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let (width, height) = (page.width as u32, page.height as u32);
    encoder.write_image(&page.rgb, width, height, ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

/// Writes beside `path`, syncs, and renames: a reader sees the old file or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = draft_path(path);
    let written = fill(&draft, bytes).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The first error is the one to tell; a draft that was never made cannot be removed.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn fill(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same folder that no other draft has.
fn draft_path(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".figure-{}-{count}.tmp", std::process::id()))
}
