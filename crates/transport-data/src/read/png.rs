//! A folder of PNG images of one size.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader};

use super::{MAX_COLUMNS, MAX_VALUES, input, name_of, source_of};
use crate::{DataError, Dataset, ImageShape, Table};

/// Read all `*.png` of a folder, sorted by name, one row each: grey or RGB, 8 or 16 bits, on the
/// scale 0..255. Subfolders are not looked into.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::NotAFolder`], [`DataError::Read`],
/// [`DataError::NothingInFolder`], [`DataError::Png`], [`DataError::PngPixels`],
/// [`DataError::PngSize`] and [`DataError::TooLarge`].
pub fn read_png_folder(path: &Path) -> Result<Dataset, DataError> {
    let files = png_files(path)?;
    let Some(first) = files.first() else {
        return Err(DataError::NothingInFolder { path: path.to_path_buf() });
    };
    let (first_shape, mut values) = pixels(first)?;
    let too_large =
        |what, limit| Err(DataError::TooLarge { path: path.to_path_buf(), what, limit });
    if first_shape.len() > MAX_COLUMNS {
        return too_large("columns", MAX_COLUMNS);
    }
    for file in &files[1..] {
        let (shape, image) = pixels(file)?;
        if shape != first_shape {
            let (first, path) = (first.clone(), file.clone());
            return Err(DataError::PngSize { first, first_shape, path, shape });
        }
        if values.len() + image.len() > MAX_VALUES {
            return too_large("values", MAX_VALUES);
        }
        values.extend(image);
    }
    let table = Table::new(first_shape.pixel_names(), values)?;
    Ok(Dataset {
        image: Some(first_shape),
        range: Some((0.0, 255.0)),
        ..Dataset::from_table(name_of(path), table, source_of(path, "PNG images"))
    })
}

fn png_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    if !input::metadata(folder)?.is_dir() {
        return Err(DataError::NotAFolder { path: folder.to_path_buf() });
    }
    let cannot_read = |source| DataError::Read { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot_read)? {
        let path = entry.map_err(cannot_read)?.path();
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"))
            && path.is_file()
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The shape and the values, on the scale 0..255. The decoder's own limits bound its memory.
fn pixels(path: &Path) -> Result<(ImageShape, Vec<f64>), DataError> {
    let file =
        File::open(path).map_err(|source| DataError::Read { path: path.to_path_buf(), source })?;
    let image = ImageReader::with_format(BufReader::new(file), ImageFormat::Png)
        .decode()
        .map_err(|source| DataError::Png { path: path.to_path_buf(), source: source.into() })?;
    let shape = |channels| ImageShape {
        height: image.height() as usize,
        width: image.width() as usize,
        channels,
    };
    let bytes = |values: &[u8]| values.iter().map(|v| f64::from(*v)).collect();
    // 65535 = 255 · 257.
    let words = |values: &[u16]| values.iter().map(|v| f64::from(*v) / 257.0).collect();
    match &image {
        DynamicImage::ImageLuma8(grey) => Ok((shape(1), bytes(grey))),
        DynamicImage::ImageLuma16(grey) => Ok((shape(1), words(grey))),
        DynamicImage::ImageRgb8(rgb) => Ok((shape(3), bytes(rgb))),
        DynamicImage::ImageRgb16(rgb) => Ok((shape(3), words(rgb))),
        other => {
            let found = format!("{:?}", other.color());
            Err(DataError::PngPixels { path: path.to_path_buf(), found })
        }
    }
}
